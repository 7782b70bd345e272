// SPDX-License-Identifier: Apache-2.0
#include "key_files.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/output_place.h>

#include "key_blocks.h"

namespace sifkit::trust {

namespace {

constexpr std::chrono::seconds kLockTimeout{30};
constexpr std::chrono::milliseconds kLockPause{10};
constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;
constexpr mode_t kOthersMayAnything = S_IRWXG | S_IRWXO;

void check_status(const struct stat& st, const std::filesystem::path& path, mode_t forbidden, bool root_may_own) {
  if (st.st_uid != ::geteuid() && !(root_may_own && st.st_uid == 0)) {
    throw Error(ErrorKind::denied, fmt::format("{} belongs to user {}, not to you (user {}); it is not used", in_quotes(path.native()), st.st_uid, ::geteuid()));
  }
  if ((st.st_mode & forbidden) != 0) {
    const bool directory = S_ISDIR(st.st_mode);
    throw Error(ErrorKind::denied,
                fmt::format("others may {} {} (mode {:04o}); it is not used", forbidden == kOthersMayWrite ? "write" : "read or write", in_quotes(path.native()), st.st_mode & 07777),
                fmt::format("chmod {} {}", forbidden == kOthersMayWrite ? "go-w" : directory ? "700" : "600", in_quotes(path.native())));
  }
}

void check_directory(const std::filesystem::path& directory, mode_t forbidden, bool root_may_own) {
  struct stat st {};
  if (::stat(directory.c_str(), &st) != 0) throw_errno(fmt::format("look at {}", in_quotes(directory.native())));
  if (!S_ISDIR(st.st_mode)) throw Error(ErrorKind::usage, fmt::format("{} is not a directory", in_quotes(directory.native())));
  check_status(st, directory, forbidden, root_may_own);
}

}  // namespace

void make_private_directory(const std::filesystem::path& directory) {
  struct stat st {};
  if (::stat(directory.c_str(), &st) == 0) return;
  if (directory.has_parent_path() && directory.parent_path() != directory) make_private_directory(directory.parent_path());
  if (::mkdir(directory.c_str(), 0700) != 0) {
    if (errno == EEXIST) return;
    throw_errno(fmt::format("make the directory {}", in_quotes(directory.native())));
  }
  if (::chmod(directory.c_str(), 0700) != 0) throw_errno(fmt::format("set the mode of {}", in_quotes(directory.native())));
}

Bytes read_guarded(const std::filesystem::path& path, KeyPart part) {
  const bool secret = part == KeyPart::secret_key;
  const auto forbidden = secret ? kOthersMayAnything : kOthersMayWrite;
  const auto file = std::make_shared<File>(File::open_read(path));
  struct stat st {};
  if (::fstat(file->fd(), &st) != 0) throw_errno(fmt::format("look at {}", in_quotes(path.native())));
  if (!S_ISREG(st.st_mode)) throw Error(ErrorKind::usage, fmt::format("{} is not a regular file", in_quotes(path.native())));
  check_status(st, path, forbidden, !secret);
  check_directory(directory_of(path), kOthersMayWrite, !secret);
  FileSource source(file);
  return read_all(source, kMaxRingBytes, path.native());
}

void check_private_directory(const std::filesystem::path& directory) { check_directory(directory, kOthersMayAnything, false); }

DirectoryLock::DirectoryLock(const std::filesystem::path& directory) {
  make_private_directory(directory);
  check_private_directory(directory);
  const auto path = directory / ".lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) throw_errno(fmt::format("open {}", in_quotes(path.native())));
  file_ = File(std::move(fd), path.native());
  const auto deadline = std::chrono::steady_clock::now() + kLockTimeout;
  while (!file_.try_lock()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw Error(ErrorKind::io, fmt::format("{} has been locked by another process for {} s", in_quotes(directory.native()), kLockTimeout.count()));
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

void write_private_file(const std::filesystem::path& path, ByteView bytes) {
  // A ring may be a link to where its owner keeps it; the link stays.
  AtomicFile out(behind_links(path), Overwrite::yes, 0600);
  if (::fchmod(out.file().fd(), 0600) != 0) throw_errno(fmt::format("set the mode of {}", in_quotes(path.native())));
  out.file().write_at(0, bytes);
  out.commit();
}

}  // namespace sifkit::trust
