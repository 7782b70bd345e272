// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/output_place.h>

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/linux_names.h>

namespace sifkit {

namespace {

[[noreturn]] void refuse(const std::filesystem::path& target, std::string_view why) {
  throw Error(ErrorKind::denied, fmt::format("{} cannot be written: {}", in_quotes(target.native()), why), "write to another place");
}

/// Opening without a new access time is for owners and the privileged: those who may take a file out of a sticky directory.
bool is_for_others_to_keep(int directory, const char* name) {
  struct stat around {};
  if (::fstat(directory, &around) != 0 || (around.st_mode & S_ISVTX) == 0 || around.st_uid == ::geteuid()) return false;
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_NOATIME | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (fd || (errno != EPERM && errno != EACCES)) return false;
  struct stat st {};
  return ::fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid != ::geteuid();
}

}  // namespace

void expect_own_name(const std::filesystem::path& target, const char* what) {
  const std::string name = target.filename().native();
  if (name.empty() || name == "." || name == "..") {
    throw Error(ErrorKind::usage, fmt::format("{} does not name a {} to write", in_quotes(target.native()), what));
  }
}

unsigned mode_in(int directory, const std::filesystem::path& target) {
  struct stat st {};
  if (::fstatat(directory, target.filename().c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) return st.st_mode;
  if (errno != ENOENT) throw_errno(fmt::format("look for {}", in_quotes(target.native())));
  return 0;
}

void expect_replaceable(int directory, const std::filesystem::path& target) {
  const std::string name = target.filename().native();
  struct statx status {};
  if (::statx(directory, name.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &status) == 0) {
    if ((status.stx_attributes & STATX_ATTR_IMMUTABLE) != 0) refuse(target, "it is immutable (chattr +i)");
    if ((status.stx_attributes & STATX_ATTR_APPEND) != 0) refuse(target, "it can be appended to only (chattr +a)");
    if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) refuse(target, "it is a mount point");
  }
  if (::statx(directory, "", AT_EMPTY_PATH, STATX_TYPE, &status) == 0 && (status.stx_attributes & STATX_ATTR_APPEND) != 0) {
    refuse(target, "nothing can be taken out of its directory (chattr +a)");
  }
  if (is_for_others_to_keep(directory, name.c_str())) refuse(target, "it belongs to another user, and its directory is sticky");
}

std::filesystem::path behind_links(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) return path;
  auto target = std::filesystem::canonical(path, error);
  if (error) throw_errno(fmt::format("follow the link {}", in_quotes(path.native())), error.value());
  return target;
}

bool can_name(int fd) { return ::access(fmt::format("/proc/self/fd/{}", fd).c_str(), F_OK) == 0; }

}  // namespace sifkit
