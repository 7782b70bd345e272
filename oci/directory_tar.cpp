// SPDX-License-Identifier: Apache-2.0
#include "directory_tar.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/tar_writer.h>

namespace sifkit::oci {

namespace {

constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kMaxDepth = 500;  ///< each level keeps a descriptor open
constexpr std::size_t kMaxAttributes = 64 * 1024;  ///< the kernel's bound for a list of names and for a value

/// Where the attributes of a file are read, however long its path is: its descriptor, or its name in an open directory
/// where it cannot be opened (links, devices), for which there is no call but by way of /proc.
class AttributePlace {
 public:
  explicit AttributePlace(int fd) : fd_(fd) {}

  AttributePlace(int directory, const std::string& name) : path_(fmt::format("/proc/self/fd/{}/{}", directory, name)) {}

  ssize_t list(char* into, std::size_t size) const {
    return fd_ >= 0 ? ::flistxattr(fd_, into, size) : ::llistxattr(path_.c_str(), into, size);
  }

  ssize_t get(const char* name, char* into, std::size_t size) const {
    return fd_ >= 0 ? ::fgetxattr(fd_, name, into, size) : ::lgetxattr(path_.c_str(), name, into, size);
  }

 private:
  int fd_ = -1;
  std::string path_;
};

class DirectoryTar final : public Source, private Sink {
 public:
  DirectoryTar(UniqueFd fd, const std::filesystem::path& directory, WarningList& warnings)
      : root_(directory.native()), warnings_(warnings), writer_(*this) {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) throw_errno(fmt::format("look at {}", in_quotes(root_)));
    write_header("./", status, AttributePlace(fd.get()));
    enter(std::move(fd), "");
  }

  std::size_t read(std::span<std::byte> into) override {
    while (used_ == out_.size() && !ended_) {
      out_.clear();
      used_ = 0;
      step();
    }
    const auto count = std::min(into.size(), out_.size() - used_);
    std::memcpy(into.data(), out_.data() + used_, count);
    used_ += count;
    return count;
  }

  /// The bytes of files that are passed over are not read.
  std::uint64_t skip(std::uint64_t count) override {
    std::uint64_t skipped = 0;
    while (skipped < count) {
      const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(count - skipped, out_.size() - used_));
      used_ += here;
      skipped += here;
      if (skipped == count || ended_) break;
      if (here != 0) continue;
      out_.clear();
      used_ = 0;
      if (left_ != 0) {
        skipped += pass_over(count - skipped);
      } else {
        step();
      }
    }
    return skipped;
  }

 private:
  void write(ByteView bytes) override {
    if (!passing_over_) out_.append(as_text(bytes));
  }

  struct Level {
    UniqueFd fd;
    std::string path;  ///< inside the directory, with a slash at its end
    std::vector<std::string> names;
    std::size_t next = 0;
  };

  std::string full(const std::string& path) const { return root_ + "/" + path; }

  void enter(UniqueFd fd, std::string path) {
    if (levels_.size() == kMaxDepth) throw Error(ErrorKind::limit, fmt::format("{}: more than {} directories deep", in_quotes(path), kMaxDepth));
    Level level{.fd = std::move(fd), .path = std::move(path), .names = {}};
    level.names = names_in(level.fd.get(), in_quotes(full(level.path)));
    levels_.push_back(std::move(level));
  }

  /// Produces something, or ends.
  void step() {
    if (left_ != 0) {
      copy_piece();
      return;
    }
    if (levels_.empty()) {
      writer_.finish();
      ended_ = true;
      return;
    }
    Level& level = levels_.back();
    if (level.next == level.names.size()) {
      levels_.pop_back();
      return;
    }
    const std::string name = level.names[level.next++];
    add(level.fd.get(), name, level.path + name);
  }

  /// What cannot be looked at although its directory lists it.
  [[noreturn]] void fail(std::string_view what, const std::string& path) const {
    const int error = errno;
    if (error == ENOENT || error == ELOOP || error == ENOTDIR) throw_changed(path);
    throw_errno(fmt::format("{} {}", what, in_quotes(full(path))), error);
  }

  [[noreturn]] void throw_changed(const std::string& path) const {
    throw Error(ErrorKind::io, fmt::format("{} changed while it was read", in_quotes(full(path))),
                "nothing may write to the directory meanwhile");
  }

  /// Opens a file that was just looked at and looks at it once more, now that no other can take its place. None where the
  /// user may not read it.
  UniqueFd open(int directory, const std::string& name, const std::string& path, struct stat& status) const {
    const mode_t type = status.st_mode & S_IFMT;
    UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!fd && errno == EACCES) return fd;
    if (!fd) fail("open", path);
    if (::fstat(fd.get(), &status) != 0) fail("look at", path);
    if ((status.st_mode & S_IFMT) != type) throw_changed(path);
    return fd;
  }

  void add(int directory, const std::string& name, const std::string& path) {
    struct stat status {};

    if (::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) fail("look at", path);
    if (S_ISSOCK(status.st_mode)) {
      warnings_.add("socket-dropped", fmt::format("{}: a socket is left out", in_quotes("/" + path)));
      return;
    }
    if (S_ISDIR(status.st_mode)) {
      UniqueFd fd = open(directory, name, path, status);
      if (!fd) fail("open", path);
      write_header(path + "/", status, AttributePlace(fd.get()));
      enter(std::move(fd), path + "/");
      return;
    }
    if (status.st_nlink > 1) {
      const auto [at, fresh] = first_names_.try_emplace({status.st_dev, status.st_ino}, path);
      if (!fresh) {
        write_hard_link(path, status, at->second);
        return;
      }
    }
    if (!S_ISREG(status.st_mode)) {
      write_header(path, status, AttributePlace(directory, name),
                   S_ISLNK(status.st_mode) ? target_of(directory, name, path) : std::string());
      return;
    }
    UniqueFd fd = open(directory, name, path, status);
    write_header(path, status, fd ? AttributePlace(fd.get()) : AttributePlace(directory, name));
    left_ = static_cast<std::uint64_t>(status.st_size);
    file_ = File(std::move(fd), full(path));
    at_ = 0;
  }

  std::string target_of(int directory, const std::string& name, const std::string& path) const {
    std::string target(PATH_MAX, '\0');
    const auto length = ::readlinkat(directory, name.c_str(), target.data(), target.size());
    if (length < 0) fail("read the link", path);
    target.resize(static_cast<std::size_t>(length));
    return target;
  }

  void write_hard_link(const std::string& path, const struct stat& status, const std::string& first) {
    NewTarMember member;
    member.path = path;
    member.hard_link = first;
    writer_.begin(status, member);
  }

  void write_header(const std::string& path, const struct stat& status, const AttributePlace& place,
                    const std::string& target = {}) {
    NewTarMember member;
    member.path = path;
    member.link_target = target;
    member.xattrs = xattrs_of(place, path);
    writer_.begin(status, member);
  }

  /// Nothing is lost without a word: a file system without attributes has none to lose.
  std::vector<std::pair<std::string, std::string>> xattrs_of(const AttributePlace& place, const std::string& path) {
    std::vector<std::pair<std::string, std::string>> out;
    const auto size = place.list(names_.data(), names_.size());
    if (size < 0 && errno != ENOTSUP && errno != ENOSYS) warn_unread(path, "its attributes");
    for (const char* name = names_.c_str(); name < names_.c_str() + size; name += std::strlen(name) + 1) {
      const auto length = place.get(name, value_.data(), value_.size());
      if (length >= 0) {
        out.emplace_back(name, value_.substr(0, static_cast<std::size_t>(length)));
      } else if (errno != ENODATA) {
        warn_unread(path, fmt::format("its attribute {}", in_quotes(name)));
      }
    }
    return out;
  }

  void warn_unread(const std::string& path, const std::string& what) {
    const int error = errno;
    warnings_.add("xattr-dropped", fmt::format("{}: {} cannot be read: {}", in_quotes("/" + path), what,
                                               std::generic_category().message(error)));
  }

  void copy_piece() {
    // It is wanted after all.
    if (file_.fd() < 0) throw_errno(fmt::format("open {}", in_quotes(file_.name())), EACCES);
    Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, left_)));
    file_.read_exact_at(at_, buffer, "a file that has become shorter");
    advance(buffer);
  }

  /// The archive's writer counts what a file has.
  std::uint64_t pass_over(std::uint64_t most) {
    static constexpr std::byte zeros[kPiece] = {};
    const auto count = std::min(left_, most);
    passing_over_ = true;
    for (std::uint64_t left = count; left != 0;) {
      const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, left));
      advance(ByteView(zeros, piece));
      left -= piece;
    }
    passing_over_ = false;
    return count;
  }

  void advance(ByteView piece) {
    writer_.write(piece);
    at_ += piece.size();
    left_ -= piece.size();
    if (left_ == 0) file_ = {};
  }

  std::string root_;
  WarningList& warnings_;
  std::vector<Level> levels_;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;
  File file_;               ///< that is being copied; without a descriptor where the user may not read it
  std::uint64_t at_ = 0;
  std::uint64_t left_ = 0;  ///< of its bytes
  bool passing_over_ = false;
  std::string names_ = std::string(kMaxAttributes, '\0');  ///< of a file's attributes, and one's value
  std::string value_ = std::string(kMaxAttributes, '\0');
  std::string out_;
  std::size_t used_ = 0;
  bool ended_ = false;
  TarWriter writer_;  // last: it may write once more when it goes
};

}  // namespace

std::unique_ptr<Source> open_directory_tar(UniqueFd directory, const std::filesystem::path& path, WarningList& warnings) {
  return std::make_unique<DirectoryTar>(std::move(directory), path, warnings);
}

}  // namespace sifkit::oci
