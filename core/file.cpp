// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/linux_names.h>

namespace sifkit {

namespace {

/// Linux transfers at most this many bytes a call.
constexpr std::size_t kMaxTransfer = 1u << 30;

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  for (;;) {
    const int fd = ::open(path, flags | O_CLOEXEC, mode);
    if (fd >= 0 || errno != EINTR) return fd;
  }
}

/// By the numbers that Linux gives consoles, serial lines and pseudo-terminals (Documentation/admin-guide/devices.txt).
bool is_terminal(dev_t device) {
  const auto number = major(device);
  return number == 4 || number == 5 || (number >= 136 && number <= 143);
}

File open_named(const std::filesystem::path& path, int flags) {
  // O_NONBLOCK keeps a FIFO without a writer from blocking the open; it has no effect on regular files.
  UniqueFd fd(open_retrying(path.c_str(), flags | O_NONBLOCK));
  if (!fd) throw_errno(fmt::format("open {}", in_quotes(path.native())));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) throw_errno(fmt::format("stat {}", in_quotes(path.native())));
  if (S_ISDIR(st.st_mode)) {
    throw Error(ErrorKind::usage, fmt::format("{} is a directory, a file was expected", in_quotes(path.native())));
  }
  const int status = ::fcntl(fd.get(), F_GETFL);
  if (status >= 0) ::fcntl(fd.get(), F_SETFL, status & ~O_NONBLOCK);
  return {std::move(fd), path.native()};
}

off_t checked_offset(std::uint64_t offset, const std::string& name) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max())) {
    throw Error(ErrorKind::malformed, fmt::format("{}: offset {} is past any file", in_quotes(name), offset));
  }
  return static_cast<off_t>(offset);
}

struct stat status_of(int fd, const std::string& name) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) throw_errno(fmt::format("stat {}", in_quotes(name)));
  return st;
}

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

UniqueFd duplicate(int fd, std::string_view what) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw_errno(fmt::format("open {} once more", what));
  return copy;
}

std::vector<std::string> names_in(int directory, std::string_view what) {
  UniqueFd copy(::fcntl(directory, F_DUPFD_CLOEXEC, 0));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(copy ? ::fdopendir(copy.get()) : nullptr, ::closedir);
  if (!listing) throw_errno(fmt::format("list {}", what));
  static_cast<void>(copy.release());  // it is the listing's
  ::rewinddir(listing.get());  // the copies of a descriptor share one place in the list
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) throw_errno(fmt::format("list {}", what));
  std::sort(names.begin(), names.end());
  return names;
}

File File::renamed(std::string name) const { return {duplicate(fd(), in_quotes(name_)), std::move(name)}; }

File File::open_read(const std::filesystem::path& path) { return open_named(path, O_RDONLY); }

File File::open_read_write(const std::filesystem::path& path) { return open_named(path, O_RDWR); }

std::uint64_t File::size() const { return static_cast<std::uint64_t>(status_of(fd(), name_).st_size); }

bool File::is_regular() const { return S_ISREG(status_of(fd(), name_).st_mode); }

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto want = std::min(into.size() - done, kMaxTransfer);
    const auto got = ::pread(fd(), into.data() + done, want, checked_offset(offset + done, name_));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw_errno(fmt::format("read {} at offset {}", in_quotes(name_), offset + done));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void File::read_exact_at(std::uint64_t offset, std::span<std::byte> into, std::string_view what) const {
  const auto got = read_at(offset, into);
  if (got != into.size()) {
    throw Error(ErrorKind::malformed, fmt::format("{}: {} at offset {} needs {} bytes, the file ends after {}",
                                                  in_quotes(name_), what, offset, into.size(), got));
  }
}

void File::write_at(std::uint64_t offset, ByteView bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto want = std::min(bytes.size() - done, kMaxTransfer);
    const auto put = ::pwrite(fd(), bytes.data() + done, want, checked_offset(offset + done, name_));
    if (put < 0) {
      if (errno == EINTR) continue;
      throw_errno(fmt::format("write {} at offset {}", in_quotes(name_), offset + done));
    }
    done += static_cast<std::size_t>(put);
  }
}

bool is_same_file(const struct stat& one, const struct stat& other) noexcept { return one.st_dev == other.st_dev && one.st_ino == other.st_ino; }

void File::truncate(std::uint64_t size) const {
  while (::ftruncate(fd(), checked_offset(size, name_)) != 0) {
    if (errno != EINTR) throw_errno(fmt::format("set the length of {}", in_quotes(name_)));
  }
}

void File::start_sync(std::uint64_t offset, std::uint64_t size) const noexcept {
  ::sync_file_range(fd(), static_cast<off_t>(offset), static_cast<off_t>(size), SYNC_FILE_RANGE_WRITE);
}

void File::take_owner_and_mode(const File& old) const {
  struct stat status {};
  if (::fstat(old.fd(), &status) != 0) throw_errno(fmt::format("look at {}", in_quotes(old.name_)));
  if (::fchown(fd(), status.st_uid, status.st_gid) != 0 && errno != EPERM)
    throw_errno(fmt::format("set the owner of {}", in_quotes(name_)));
  // After the owner, which takes set-id bits away.
  if (::fchmod(fd(), status.st_mode & 07777) != 0) throw_errno(fmt::format("set the mode of {}", in_quotes(name_)));
}

void File::sync() const {
  // A failed sync is never retried: the kernel may have dropped the pages it could not write.
  if (::fsync(fd()) != 0) throw_errno(fmt::format("sync {}", in_quotes(name_)));
}

bool File::try_lock() const {
  while (::flock(fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    // NFS locks no file that is open for reading alone (EBADF).
    if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF) return true;
    if (errno != EINTR) throw_errno(fmt::format("lock {}", in_quotes(name_)));
  }
  return true;
}

void File::unlock() const noexcept { ::flock(fd(), LOCK_UN); }

void copy_range(const File& from, std::uint64_t from_offset, const File& to, std::uint64_t to_offset, std::uint64_t size,
                const OperationContext& operation) {
  static constexpr std::uint64_t kPiece = 64u << 20;
  Bytes buffer;
  for (std::uint64_t done = 0; done < size;) {
    operation.check();
    auto piece = std::min(size - done, kPiece);
    const auto data = ::lseek(from.fd(), checked_offset(from_offset + done, from.name()), SEEK_DATA);
    const auto hole = data < 0 ? (errno == ENXIO && from.size() >= from_offset + size ? size - done : 0) : static_cast<std::uint64_t>(data) - (from_offset + done);
    if (hole != 0) {
      piece = std::min(size - done, hole);
    } else {
      // A hole inside would be copied as zeros.
      const auto next_hole = ::lseek(from.fd(), checked_offset(from_offset + done, from.name()), SEEK_HOLE);
      if (next_hole > data) piece = std::min(piece, static_cast<std::uint64_t>(next_hole - data));
      ::loff_t in = checked_offset(from_offset + done, from.name());
      ::loff_t out = checked_offset(to_offset + done, to.name());
      const auto copied = ::copy_file_range(from.fd(), &in, to.fd(), &out, static_cast<std::size_t>(piece), 0);
      if (copied > 0) {
        piece = static_cast<std::uint64_t>(copied);
      } else {
        // Not every pair of file systems can; reading and writing always can.
        buffer.resize(1u << 20);
        const auto got = from.read_at(from_offset + done, std::span(buffer).first(std::min<std::size_t>(buffer.size(), piece)));
        if (got == 0) throw Error(ErrorKind::io, fmt::format("{} has become shorter while it was read", in_quotes(from.name())));
        to.write_at(to_offset + done, ByteView(buffer).first(got));
        piece = got;
      }
    }
    done += piece;
    operation.progress->advance(piece);
  }
  if (to.size() < to_offset + size) to.truncate(to_offset + size);  // it ends in a hole
}

FileSource::FileSource(std::shared_ptr<const File> file) : file_(std::move(file)), offset_(0), left_(file_->size()) {}

FileSource::FileSource(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size)
    : file_(std::move(file)), offset_(offset), left_(size) {}

std::size_t FileSource::read(std::span<std::byte> into) {
  const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), left_));
  if (want == 0) return 0;
  const auto got = file_->read_at(offset_, into.first(want));
  offset_ += got;
  left_ -= got;
  return got;
}

std::uint64_t FileSource::skip(std::uint64_t count) {
  const auto file_size = file_->size();
  const auto there = offset_ < file_size ? file_size - offset_ : 0;
  const auto skipped = std::min({count, left_, there});
  offset_ += skipped;
  left_ -= skipped;
  return skipped;
}

std::size_t StreamSource::read(std::span<std::byte> into) {
  if (!std::exchange(started_, true)) {
    pollfd first{file_.fd(), POLLIN, 0};
    while (::poll(&first, 1, -1) < 0 && errno == EINTR) {}
  }
  for (;;) {
    const auto got = ::read(file_.fd(), into.data(), std::min(into.size(), kMaxTransfer));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_errno(fmt::format("read {}", in_quotes(file_.name())));
  }
}

unsigned expect_readable(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw_errno(fmt::format("open {}", in_quotes(path.native())));
  if (S_ISSOCK(status.st_mode)) {
    throw Error(ErrorKind::usage, fmt::format("{} is a socket, a file or a pipe was expected", in_quotes(path.native())),
                Hint(Advice::service_address, "unix://" + printable(path.native()), "if it is that of a service: docker-daemon:NAME"));
  }
  if ((S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) && !is_terminal(status.st_rdev)) {
    throw Error(ErrorKind::usage, fmt::format("{} is a device, a file or a pipe was expected", in_quotes(path.native())), "let a program read it, and give '-' or <(PROGRAM) in place of it");
  }
  return status.st_mode;
}

std::unique_ptr<Source> open_source(const std::filesystem::path& path) {
  expect_readable(path);
  File file = File::open_read(path);
  if (!file.is_regular()) return std::make_unique<StreamSource>(std::move(file));
  return std::make_unique<FileSource>(std::make_shared<File>(std::move(file)));
}

void FileRegion::write_at(std::uint64_t offset, ByteView bytes) {
  static constexpr std::uint64_t kStep = 16u << 20;
  file_.write_at(base_ + offset, bytes);
  const auto end = offset + bytes.size();
  if (offset < sync_started_ || end - sync_started_ < kStep) return;
  file_.start_sync(base_ + sync_started_, end - sync_started_);
  sync_started_ = end;
}

std::size_t FileRegion::read_at(std::uint64_t offset, std::span<std::byte> into) {
  if (offset >= max_size_) return 0;
  return file_.read_at(base_ + offset, into.first(static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), max_size_ - offset))));
}

std::uint64_t FileRegion::size() {
  const auto total = file_.size();
  return total > base_ ? std::min(total - base_, max_size_) : 0;
}

void FileRegion::truncate(std::uint64_t size) { file_.truncate(base_ + size); }

}  // namespace sifkit
