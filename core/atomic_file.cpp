// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file.h>

#include <atomic>
#include <cerrno>
#include <span>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/linux_names.h>
#include <sifkit/core/output_place.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/unfinished.h>

namespace sifkit {

struct AtomicFile::Impl {
  std::filesystem::path target;
  std::string shown;  ///< how errors call the target
  std::filesystem::path directory;
  Overwrite overwrite = Overwrite::no;
  UniqueFd directory_fd;
  std::string hidden_name;  ///< beside the target; empty while the file has no name
  std::unique_ptr<UnfinishedPath> unfinished;
  File file;

  std::string hidden_path() const { return (directory / hidden_name).native(); }

  void take_hidden_name() {
    hidden_name = hidden_name_for(target);
    unfinished = std::make_unique<UnfinishedPath>(hidden_path());
  }

  void forget_hidden_name() noexcept {
    unfinished.reset();
    hidden_name.clear();
  }

  void drop_hidden_name() noexcept {
    if (hidden_name.empty()) return;
    ::unlinkat(directory_fd.get(), hidden_name.c_str(), 0);
    forget_hidden_name();
  }
};

AtomicFile::AtomicFile(std::filesystem::path target, Overwrite overwrite, unsigned mode, std::string shown)
    : impl_(std::make_unique<Impl>()) {
  impl_->target = std::move(target);
  impl_->shown = shown.empty() ? impl_->target.native() : std::move(shown);
  impl_->overwrite = overwrite;
  expect_own_name(impl_->target, "file");
  impl_->directory = directory_of(impl_->target);
  impl_->directory_fd = UniqueFd(::open(impl_->directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!impl_->directory_fd) throw_errno(fmt::format("open the output directory {}", in_quotes(impl_->directory.native())));

  if (const unsigned there = mode_in(impl_->directory_fd.get(), impl_->target); there != 0) {
    if (S_ISLNK(there)) {
      std::error_code error;
      const auto leads = std::filesystem::read_symlink(impl_->target, error);
      throw Error(ErrorKind::exists,
                  fmt::format("{} is there and is a symbolic link to {}; it is not replaced", in_quotes(impl_->shown),
                              in_quotes(leads.native())),
                  "name the file that it leads to, or remove the link");
    }
    if (!S_ISREG(there)) {
      throw Error(ErrorKind::exists,
                  fmt::format("{} is there and is not a regular file; it is not replaced", in_quotes(impl_->shown)));
    }
    if (overwrite == Overwrite::no) {
      throw Error(ErrorKind::exists, fmt::format("{} exists", in_quotes(impl_->shown)),
                  Advice::overwrite);
    }
    expect_replaceable(impl_->directory_fd.get(), impl_->target);
  }

  UniqueFd fd(::openat(impl_->directory_fd.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (!fd && (errno == EACCES || errno == EROFS || errno == ENOSPC || errno == EDQUOT)) {
    throw_errno(fmt::format("create a file in {}", in_quotes(impl_->directory.native())));
  }
  if (!fd || !can_name(fd.get())) {
    impl_->take_hidden_name();
    fd = UniqueFd(::openat(impl_->directory_fd.get(), impl_->hidden_name.c_str(),
                           O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) {
      const int error_number = errno;
      impl_->forget_hidden_name();
      throw_errno(fmt::format("create a file in {}", in_quotes(impl_->directory.native())), error_number);
    }
  }
  impl_->file = File(std::move(fd), impl_->shown);
}

AtomicFile::~AtomicFile() { impl_->drop_hidden_name(); }

File& AtomicFile::file() noexcept { return impl_->file; }

const std::filesystem::path& AtomicFile::target() const noexcept { return impl_->target; }

void AtomicFile::rename(const std::string& name) {
  impl_->target = impl_->directory / name;
  impl_->shown = impl_->target.native();
}

void AtomicFile::commit(Durable durable) {
  if (durable == Durable::yes) impl_->file.sync();
  expect_output_directory(impl_->directory_fd.get(), impl_->directory);
  const std::string name = impl_->target.filename().native();
  const int directory = impl_->directory_fd.get();
  const std::string what = fmt::format("put {} in place", in_quotes(impl_->shown));
  const std::string self = fmt::format("/proc/self/fd/{}", impl_->file.fd());

  const auto link_as = [&](const std::string& as) {
    return ::linkat(AT_FDCWD, self.c_str(), directory, as.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };

  if (impl_->overwrite == Overwrite::no) {
    const char* const hidden = impl_->hidden_name.c_str();
    bool named = impl_->hidden_name.empty() ? link_as(name) : ::linkat(directory, hidden, directory, name.c_str(), 0) == 0;
    // Some file systems have no hard links.
    if (!named && !impl_->hidden_name.empty() && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)) {
      named = rename_to_free_name(directory, hidden, name.c_str()) == 0;
      if (named) impl_->forget_hidden_name();
    }
    if (!named && errno == EEXIST) {
      throw Error(ErrorKind::exists, fmt::format("{} was made by someone else meanwhile", in_quotes(impl_->shown)),
                  Advice::overwrite);
    }
    if (!named) throw_errno(what);
  } else {
    if (impl_->hidden_name.empty()) {
      impl_->take_hidden_name();
      if (!link_as(impl_->hidden_name)) {
        const int error_number = errno;
        impl_->forget_hidden_name();
        throw_errno(what, error_number);
      }
    }
    if (::renameat(directory, impl_->hidden_name.c_str(), directory, name.c_str()) != 0) throw_errno(what);
    impl_->forget_hidden_name();
  }
  impl_->drop_hidden_name();
  if (durable == Durable::yes) sync_directory(directory, impl_->directory);
}

File open_scratch_file(const std::filesystem::path& directory) {
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) {
    std::string name = (directory / ".sifkit.XXXXXX").native();
    fd = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd) with_scratch_hint([&] { throw_errno(fmt::format("create a scratch file in {}", in_quotes(directory.native()))); });
    ::unlink(name.c_str());
  }
  return {std::move(fd), directory.native() + " (scratch)"};
}

std::filesystem::path scratch_directory() {
  auto directory = first_environment_variable({"SIFKIT_TMPDIR", "APPTAINER_TMPDIR", "SINGULARITY_TMPDIR", "TMPDIR"});
  return directory.empty() ? "/tmp" : std::move(directory);
}

void set_scratch_hint(Error& error) {
  if (!error.hint().empty()) return;
  const bool full = error.kind() == ErrorKind::no_space;
  error.set_hint(Hint(Advice::scratch_directory, full ? "room for the image" : ""));
}

std::filesystem::path directory_of(const std::filesystem::path& path) { return path.has_parent_path() ? path.parent_path() : std::filesystem::path("."); }

std::string hidden_name_for(const std::filesystem::path& target) {
  static constexpr std::size_t kNameStart = 100;  // encrypted file systems allow names of 143 bytes only
  // Other machines, and containers, have the same process numbers.
  static std::atomic<std::uint64_t> next = [] {
    std::uint64_t start = 0;
    fill_random(std::as_writable_bytes(std::span(&start, 1)));
    return start;
  }();
  return fmt::format(".{}.{:016x}.partial", target.filename().native().substr(0, kNameStart), next++);
}

int rename_to_free_name(int directory, const char* from, const char* to) noexcept {
  if (::renameat2(directory, from, directory, to, RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) return -1;
  // NFS and FUSE know no flags: a look and a rename have to do.
  struct stat there {};
  if (::fstatat(directory, to, &there, AT_SYMLINK_NOFOLLOW) == 0) errno = EEXIST;
  return errno == ENOENT ? ::renameat(directory, from, directory, to) : -1;
}

void expect_output_directory(int fd, const std::filesystem::path& path) {
  struct stat held {};
  struct stat named {};
  if (::fstat(fd, &held) != 0 || ::stat(path.c_str(), &named) != 0 || !is_same_file(named, held)) {
    throw Error(ErrorKind::io, fmt::format("the output directory {} was moved or removed meanwhile", in_quotes(path.native())));
  }
}

void sync_directory(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) throw_errno(fmt::format("sync {}", in_quotes(path.native())));
}

}  // namespace sifkit
