// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

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

File open_named(const std::filesystem::path& path, int flags) {
  // O_NONBLOCK keeps a FIFO without a writer from blocking the open; it has no effect on regular files.
  UniqueFd fd(open_retrying(path.c_str(), flags | O_NONBLOCK));
  if (!fd) throw_errno(fmt::format("open {}", in_quotes(path.native())));
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0) throw_errno(fmt::format("stat {}", in_quotes(path.native())));
  if (S_ISDIR(st.st_mode)) {
    throw Error(ErrorKind::usage, fmt::format("{} is a folder, a file was expected", in_quotes(path.native())));
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

/// The hidden names that exist right now, so that a program that is told to end can remove them.
struct Unfinished {
  std::mutex mutex;
  std::vector<std::string> paths;

  static Unfinished& instance() {
    static Unfinished unfinished;
    return unfinished;
  }
};

}  // namespace

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

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

void File::truncate(std::uint64_t size) const {
  while (::ftruncate(fd(), checked_offset(size, name_)) != 0) {
    if (errno != EINTR) throw_errno(fmt::format("set the length of {}", in_quotes(name_)));
  }
}

void File::sync() const {
  // A failed sync is never retried: the kernel may have dropped the pages it could not write.
  if (::fsync(fd()) != 0) throw_errno(fmt::format("sync {}", in_quotes(name_)));
}

bool File::try_lock() const {
  while (::flock(fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP) return true;
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
  for (;;) {
    const auto got = ::read(file_.fd(), into.data(), std::min(into.size(), kMaxTransfer));
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_errno(fmt::format("read {}", in_quotes(file_.name())));
  }
}

void FileRegion::write_at(std::uint64_t offset, ByteView bytes) { file_.write_at(base_ + offset, bytes); }

std::size_t FileRegion::read_at(std::uint64_t offset, std::span<std::byte> into) {
  return file_.read_at(base_ + offset, into);
}

std::uint64_t FileRegion::size() {
  const auto total = file_.size();
  return total > base_ ? total - base_ : 0;
}

void FileRegion::truncate(std::uint64_t size) { file_.truncate(base_ + size); }

struct AtomicFile::Impl {
  std::filesystem::path target;
  std::filesystem::path folder;
  Overwrite overwrite = Overwrite::no;
  UniqueFd folder_fd;
  std::string hidden_name;  ///< beside the target; empty while the file has no name
  std::unique_ptr<UnfinishedPath> unfinished;
  File file;

  std::string hidden_path() const { return (folder / hidden_name).native(); }

  /// The file must not appear in a folder that has another path by now.
  void expect_folder() const {
    const struct stat held = status_of(folder_fd.get(), folder.native());
    struct stat named {};
    if (::stat(folder.c_str(), &named) != 0 || named.st_dev != held.st_dev || named.st_ino != held.st_ino) {
      throw Error(ErrorKind::io, fmt::format("the output folder {} was moved or removed meanwhile", in_quotes(folder.native())));
    }
  }

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
    ::unlinkat(folder_fd.get(), hidden_name.c_str(), 0);
    forget_hidden_name();
  }
};

AtomicFile::AtomicFile(std::filesystem::path target, Overwrite overwrite, unsigned mode)
    : impl_(std::make_unique<Impl>()) {
  impl_->target = std::move(target);
  impl_->overwrite = overwrite;
  const std::string name = impl_->target.filename().native();
  if (name.empty() || name == "." || name == "..") {
    throw Error(ErrorKind::usage, fmt::format("{} does not name a file to write", in_quotes(impl_->target.native())));
  }
  impl_->folder = folder_of(impl_->target);
  impl_->folder_fd = UniqueFd(open_retrying(impl_->folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (!impl_->folder_fd) throw_errno(fmt::format("open the output folder {}", in_quotes(impl_->folder.native())));

  struct stat st {};
  if (::fstatat(impl_->folder_fd.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(st.st_mode)) {
      throw Error(ErrorKind::exists,
                  fmt::format("{} is there and is not a regular file; it is not replaced", in_quotes(impl_->target.native())));
    }
    if (overwrite == Overwrite::no) {
      throw Error(ErrorKind::exists, fmt::format("{} exists", in_quotes(impl_->target.native())),
                  "use --force to replace it");
    }
  }

  UniqueFd fd(::openat(impl_->folder_fd.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
  if (!fd) {
    if (errno == EACCES || errno == EROFS || errno == ENOSPC || errno == EDQUOT) {
      throw_errno(fmt::format("create a file in {}", in_quotes(impl_->folder.native())));
    }
    impl_->take_hidden_name();
    fd = UniqueFd(::openat(impl_->folder_fd.get(), impl_->hidden_name.c_str(),
                           O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!fd) {
      const int error_number = errno;
      impl_->forget_hidden_name();
      throw_errno(fmt::format("create a file in {}", in_quotes(impl_->folder.native())), error_number);
    }
  }
  impl_->file = File(std::move(fd), impl_->target.native());
}

AtomicFile::~AtomicFile() { impl_->drop_hidden_name(); }

File& AtomicFile::file() noexcept { return impl_->file; }

const std::filesystem::path& AtomicFile::target() const noexcept { return impl_->target; }

void AtomicFile::commit() {
  impl_->file.sync();
  impl_->expect_folder();
  const std::string name = impl_->target.filename().native();
  const int folder = impl_->folder_fd.get();
  const std::string what = fmt::format("put {} in place", in_quotes(impl_->target.native()));
  const std::string self = fmt::format("/proc/self/fd/{}", impl_->file.fd());

  const auto link_as = [&](const std::string& as) {
    return ::linkat(AT_FDCWD, self.c_str(), folder, as.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };

  if (impl_->overwrite == Overwrite::no) {
    const bool linked = impl_->hidden_name.empty()
                            ? link_as(name)
                            : ::linkat(folder, impl_->hidden_name.c_str(), folder, name.c_str(), 0) == 0;
    if (!linked) {
      if (errno == EEXIST) {
        throw Error(ErrorKind::exists, fmt::format("{} was made by someone else meanwhile", in_quotes(impl_->target.native())),
                    "use --force to replace it");
      }
      // Some file systems have no hard links; there a check and a rename have to do.
      if (impl_->hidden_name.empty() || (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)) throw_errno(what);
      if (::renameat(folder, impl_->hidden_name.c_str(), folder, name.c_str()) != 0) throw_errno(what);
    }
  } else {
    if (impl_->hidden_name.empty()) {
      impl_->take_hidden_name();
      if (!link_as(impl_->hidden_name)) {
        const int error_number = errno;
        impl_->forget_hidden_name();
        throw_errno(what, error_number);
      }
    }
    if (::renameat(folder, impl_->hidden_name.c_str(), folder, name.c_str()) != 0) throw_errno(what);
    impl_->forget_hidden_name();
  }
  impl_->drop_hidden_name();
  sync_folder(folder, impl_->folder);
}

File open_scratch_file(const std::filesystem::path& folder) {
  UniqueFd fd(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!fd) {
    std::string name = (folder / ".sifkit.XXXXXX").native();
    fd = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
    if (!fd) throw_errno(fmt::format("create a scratch file in {}", in_quotes(folder.native())));
    ::unlink(name.c_str());
  }
  return {std::move(fd), folder.native() + " (scratch)"};
}

std::filesystem::path scratch_folder() {
  for (const char* name : {"SIFKIT_TMPDIR", "APPTAINER_TMPDIR", "SINGULARITY_TMPDIR", "TMPDIR"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
  }
  return "/tmp";
}

std::filesystem::path folder_of(const std::filesystem::path& path) { return path.has_parent_path() ? path.parent_path() : std::filesystem::path("."); }

std::string hidden_name_for(const std::filesystem::path& target) {
  static constexpr std::size_t kNameStart = 100;  // encrypted file systems allow names of 143 bytes only
  static std::atomic<std::uint64_t> counter = 0;
  return fmt::format(".{}.{}.{}.partial", target.filename().native().substr(0, kNameStart), ::getpid(), counter++);
}

void sync_folder(int fd, const std::filesystem::path& path) {
  if (::fsync(fd) != 0 && errno != EINVAL && errno != EROFS) throw_errno(fmt::format("sync {}", in_quotes(path.native())));
}

UnfinishedPath::UnfinishedPath(std::string path) : path_(std::move(path)) {
  const std::lock_guard lock(Unfinished::instance().mutex);
  Unfinished::instance().paths.push_back(path_);
}

UnfinishedPath::~UnfinishedPath() {
  const std::lock_guard lock(Unfinished::instance().mutex);
  std::erase(Unfinished::instance().paths, path_);
}

void remove_unfinished() noexcept {
  Unfinished::instance().mutex.lock();  // for good
  for (const auto& path : Unfinished::instance().paths) remove_tree(path);
}

void remove_tree(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  // Folders without permissions are no obstacle to their removal.
  for (auto entry = std::filesystem::recursive_directory_iterator(path, ignored); !ignored && entry != std::filesystem::end(entry);
       entry.increment(ignored)) {
    if (entry->is_directory(ignored) && !entry->is_symlink(ignored)) {
      std::filesystem::permissions(entry->path(), std::filesystem::perms::owner_all, ignored);
    }
  }
  std::filesystem::remove_all(path, ignored);
}

}  // namespace sifkit
