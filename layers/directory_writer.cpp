// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/directory_writer.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/linux_names.h>
#include <sifkit/core/output_place.h>
#include <sifkit/core/unfinished.h>
#include <sifkit/layers/sparse_file_sink.h>
#include <sifkit/layers/walk.h>

namespace sifkit::layers {

namespace fs = std::filesystem;

namespace {

constexpr const char* kElsewhere = "choose a directory on another file system, or make a SIF or squashfs file";

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

/// A path in `directory` for what is to become `target`, or was, that nobody has.
std::string hidden_path(const fs::path& directory, const fs::path& target) {
  fs::path path;
  do {
    path = directory / hidden_name_for(target);
  } while (is_there(path));
  return path.native();
}

UniqueFd open_directory(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno(fmt::format("open the output directory {}", in_quotes(path.native())));
  return fd;
}

/// The open directory, wherever it is moved.
fs::path path_by_descriptor(int fd, const fs::path& usual) {
  fs::path path = fmt::format("/proc/self/fd/{}", fd);
  return is_there(path) ? path : usual;
}

/// The fifth word of a line of /proc/self/mountinfo, in which spaces, tabs, newlines and backslashes are `\` and three
/// octal digits.
std::string mount_point_of(const std::string& line) {
  static constexpr int kMountPoint = 5;
  std::istringstream words(line);
  std::string word;
  for (int i = 0; i < kMountPoint; ++i) words >> word;
  const auto digit = [&](std::size_t at) { return static_cast<unsigned>(word[at] - '0'); };
  std::string path;
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (word[at] == '\\' && word.size() - at > 3) {
      path += static_cast<char>(digit(at + 1) << 6 | digit(at + 2) << 3 | digit(at + 3));
      at += 3;
    } else {
      path += word[at];
    }
  }
  return path;
}

/// Throws denied for a directory with a mount point in it: what is mounted there would get a hidden name with it and
/// keep it from going. A bind mount can be of the same file system, so that device numbers do not tell.
void expect_no_mounts_in(const fs::path& directory) {
  std::error_code error;
  const fs::path whole = fs::canonical(directory, error);
  if (error) return;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const std::string point = mount_point_of(line);
    if (!point.starts_with(whole.native() + "/")) continue;
    const std::string shown = in_quotes(directory.native());
    throw Error(ErrorKind::denied, fmt::format("{} cannot be written: {} is a mount point", shown, in_quotes(point)),
                "unmount it, or write to another place");
  }
}

}  // namespace

struct DirectoryWriter::Impl {
  fs::path target;
  Overwrite overwrite;
  std::string inside;
  const UniqueFd directory_fd = open_directory(directory_of(target));
  const fs::path directory = path_by_descriptor(directory_fd.get(), directory_of(target));
  const fs::path staging = hidden_path(directory, target);  ///< holds data/, contents without a name
  /// Beside the target: a directory moves to another one only where its owner may write to it, which an image need not
  /// allow, nor what is replaced.
  const std::string root = hidden_path(directory, target);
  const UnfinishedPath unfinished{staging.native()};
  const UnfinishedPath unfinished_root{root};
  std::string leftover = root;  ///< what is to go: the unfinished directory, then the one that it has replaced
  std::uint32_t contents = 0;
  File open;
  std::optional<SparseFileSink> sink;  ///< of `open`
  const bool privileged = ::geteuid() == 0;

  Impl(fs::path where, Overwrite may_overwrite, std::string root_inside)
      : target(std::move(where)), overwrite(may_overwrite), inside(std::move(root_inside)) {
    if (make_directory(staging.native()) != 0) throw_errno(fmt::format("create a directory beside {}", in_quotes(target.native())));
  }

  ~Impl() {
    open = {};
    remove_tree(staging);
    remove_tree(leftover);
  }

  /// Open to its owner, whatever the umask is.
  int make_directory(const std::string& path) const {
    const int result = ::mkdir(path.c_str(), S_IRWXU);
    struct stat made {};
    if (result == 0 && ::lstat(path.c_str(), &made) == 0 && (made.st_mode & S_IRWXU) != S_IRWXU) return ::chmod(path.c_str(), S_IRWXU);
    return result;
  }

  /// A path as the image knows it, for messages.
  std::string shown(const std::string& path) const {
    const std::string below = path.substr(std::min(path.size(), root.size()));
    return in_quotes(inside.empty() && below.empty() ? "/" : inside + below);
  }

  fs::path data(std::uint32_t number) const { return staging / "data" / std::to_string(number); }

  [[noreturn]] void fail_to_create(const std::string& path) const {
    const int error_number = errno;
    expect_output_directory(directory_fd.get(), directory_of(target));
    const std::string where = in_quotes(directory_of(target).native());
    if (error_number == EEXIST) {
      throw Error(ErrorKind::unsupported, fmt::format("{}: in {} another name of the image is the same, in upper or lower case or another form of Unicode", shown(path), where), kElsewhere);
    }
    if (error_number == EPERM || error_number == ENOSYS || error_number == EOPNOTSUPP) {
      throw Error(ErrorKind::unsupported, fmt::format("{}: the file system of {} does not take this kind of file", shown(path), where), kElsewhere);
    }
    throw_errno(fmt::format("create {} of the image in {}", shown(path), where), error_number);
  }

  void make_node(const std::string& path, const Inode& inode, const Tree& tree, WarningList& warnings) const {
    const auto made = [&](int result) {
      if (result != 0) fail_to_create(path);
    };
    switch (inode.type) {
      case EntryType::directory: made(make_directory(path)); return;
      case EntryType::symlink: made(::symlink(std::string(tree.symlink_target(inode)).c_str(), path.c_str())); return;
      case EntryType::fifo: made(::mkfifo(path.c_str(), 0600)); return;
      case EntryType::socket: made(::mknod(path.c_str(), S_IFSOCK | 0600, 0)); return;
      case EntryType::char_device:
      case EntryType::block_device: {
        const auto type = static_cast<mode_t>(inode.type == EntryType::char_device ? S_IFCHR : S_IFBLK);
        const int result = ::mknod(path.c_str(), type | 0600, makedev(device_major(inode.data), device_minor(inode.data)));
        if (result != 0 && (errno == EPERM || errno == EACCES)) {  // the root of a user namespace may not, either
          warnings.add("device-dropped", fmt::format("{}: only the machine's root can make a device; it is left out", shown(path)));
          return;
        }
        made(result);
        return;
      }
      case EntryType::regular:
        if (inode.content == kEmptyContent) {
          const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
          if (!fd) made(-1);
        } else {
          if (is_there(path)) {
            errno = EEXIST;
            made(-1);
          }
          made(::rename(data(static_cast<std::uint32_t>(inode.content)).c_str(), path.c_str()));
        }
        return;
    }
  }

  /// An attribute that is too large for the file system's records is no space, too.
  bool is_full() const {
    const int error_number = errno;
    static constexpr std::uint64_t kLittle = 1u << 20;
    struct statvfs status {};
    const bool full = ::statvfs(staging.c_str(), &status) != 0 || std::uint64_t{status.f_bavail} * status.f_frsize < kLittle;
    errno = error_number;
    return full;
  }

  void set_metadata(const std::string& path, const Inode& inode, const Tree& tree, WarningList& warnings) const {
    const auto& metadata = inode.metadata;
    bool owned = privileged;
    if (privileged && ::lchown(path.c_str(), metadata.uid, metadata.gid) != 0) {
      owned = false;
      if (errno != EPERM && errno != EINVAL) throw_errno(fmt::format("set the owner of {}", shown(path)));
      warnings.add("owner-dropped", fmt::format("{}: owner {}:{} is not kept", shown(path), metadata.uid, metadata.gid));
    }
    for (const auto& [name, value] : tree.xattrs(metadata.xattrs)) {
      if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
        if ((errno == ENOSPC && is_full()) || errno == EDQUOT) throw_errno(fmt::format("set {} of {}", name, shown(path)));
        warnings.add("xattr-dropped", fmt::format("{}: extended attribute {} is dropped: {}", shown(path), in_quotes(name), std::strerror(errno)));
      }
    }
    mode_t mode = metadata.mode;
    if (!owned && inode.type == EntryType::regular) mode &= ~kBorrowedRights;
    if (inode.type != EntryType::symlink && ::chmod(path.c_str(), mode) != 0) {
      throw_errno(fmt::format("set the mode of {}", shown(path)));
    }
    const timespec times[2] = {{.tv_sec = metadata.mtime, .tv_nsec = 0}, {.tv_sec = metadata.mtime, .tv_nsec = 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
      throw_errno(fmt::format("set the time of {}", shown(path)));
    }
  }

  /// A file system over a network may set on what a link leads to, anywhere, what is meant for the link itself; SFTP knows
  /// no other way. A link that leads nowhere tells.
  bool sets_links() const {
    const std::string link = staging / "link";
    static constexpr timespec kTimes[2] = {};
    if (::symlink("nowhere", link.c_str()) != 0) return true;  // nor will the image's be made
    const bool set = ::utimensat(AT_FDCWD, link.c_str(), kTimes, AT_SYMLINK_NOFOLLOW) == 0;
    if (!set && errno != ENOENT && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP) throw_errno(fmt::format("set the time of a link for {}", in_quotes(target.native())));
    ::unlink(link.c_str());
    return set;
  }

  void build(const Tree& tree, WarningList& warnings, const OperationContext& operation) const {
    if (!privileged) {
      warnings.add("owner-dropped", "owners, and with them setuid and setgid of files, are not kept in a directory: "
                                    "only root can set them");
    }
    const bool links_too = sets_links();
    if (!links_too) warnings.add("owner-dropped", "owners and times of links are not kept: the file system does not set them on a link itself");
    std::unordered_map<InodeId, std::string> first_name;  // of files with several
    make_node(root, tree.inode(Tree::kRoot), tree, warnings);
    walk(tree, Tree::kRoot, [&](const WalkedName& here) {
      operation.check();
      const std::string path = fmt::format("{}/{}", root, here.path);
      const Inode& inode = tree.inode(here.inode);
      if (inode.links > 1) {
        if (const auto [first, fresh] = first_name.try_emplace(here.inode, path); !fresh) {
          if (is_there(first->second) && ::linkat(AT_FDCWD, first->second.c_str(), AT_FDCWD, path.c_str(), 0) != 0) {
            fail_to_create(path);
          }
          return false;
        }
      }
      make_node(path, inode, tree, warnings);
      const bool now = inode.type == EntryType::symlink ? links_too : inode.type != EntryType::directory;
      if (now && is_there(path)) set_metadata(path, inode, tree, warnings);
      return true;
    });
    // A directory gets its mode and time when nothing more goes into it, nor is linked from it.
    walk(
        tree, Tree::kRoot, [](const WalkedName&) { return true; },
        [&](const WalkedName& here) {
          operation.check();
          set_metadata(fmt::format("{}/{}", root, here.path), tree.inode(here.inode), tree, warnings);
        });
    set_metadata(root, tree.inode(Tree::kRoot), tree, warnings);
  }

  /// To the disk, before the directory has its name. One call for the whole file system: one for each file takes minutes.
  void sync() const {
    const UniqueFd fd(::open(staging.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::syncfs(fd.get()) != 0) throw_errno(fmt::format("sync {}", in_quotes(target.native())));
  }

  void commit(WarningList& warnings) {
    sync();
    expect_output_directory(directory_fd.get(), directory_of(target));
    rename(directory / target.filename());
    sync_directory(directory_fd.get(), directory_of(target));
    remove_replaced(warnings);
  }

  /// In one step, where the file system can.
  void rename(const fs::path& place) {
    const bool replaces = overwrite == Overwrite::yes && is_there(place);
    const int result = replaces ? ::renameat2(AT_FDCWD, root.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE)
                                : rename_to_free_name(AT_FDCWD, root.c_str(), place.c_str());
    if (result == 0) return;
    const int error_number = errno;
    const std::string what = fmt::format("put {} in place", in_quotes(target.native()));
    if (error_number == EXDEV) throw Error(ErrorKind::io, what + ": the file system cannot move what is there", "a directory of a lower layer of an overlay, such as one of a container's image, stays where it is: remove it, or choose another name");
    const bool no_flags = error_number == EINVAL || error_number == ENOSYS || error_number == EOPNOTSUPP;
    if (!replaces || !no_flags) throw_errno(what, error_number);  // NFS and FUSE know none
    // Not where what is unfinished is removed from at any moment.
    const std::string old = hidden_path(directory, target);
    if (::rename(place.c_str(), old.c_str()) != 0) throw_errno(what);
    if (::rename(root.c_str(), place.c_str()) != 0) {
      const int second_error = errno;
      ::rename(old.c_str(), place.c_str());
      throw_errno(what, second_error);
    }
    leftover = old;
  }

  /// Files of another user in it, say, may not be this account's to remove.
  void remove_replaced(WarningList& warnings) {
    const fs::path old = std::exchange(leftover, {});
    remove_tree(old);
    if (!is_there(old)) return;
    const std::string left = in_quotes((directory_of(target) / old.filename()).native());
    warnings.add("old-directory",
                 fmt::format("the directory that was replaced cannot be removed; what is left of it is {}", left));
  }
};

DirectoryWriter::DirectoryWriter(fs::path target, Overwrite overwrite, std::string inside) {
  if (target.has_relative_path() && !target.has_filename()) target = target.parent_path();
  expect_own_name(target, "directory");
  const UniqueFd around = open_directory(directory_of(target));
  if (const unsigned there = mode_in(around.get(), target); there != 0) {
    if (overwrite == Overwrite::no) throw Error(ErrorKind::exists, fmt::format("{} is there already", in_quotes(target.native())), Advice::overwrite);
    if (!S_ISDIR(there)) {
      throw Error(ErrorKind::exists, fmt::format("{} is no directory and is not replaced by one", in_quotes(target.native())));
    }
    expect_no_mounts_in(target);
  }
  expect_replaceable(around.get(), target);  // a new name, too: the directory moves to it from a hidden one
  impl_ = std::make_unique<Impl>(std::move(target), overwrite, std::move(inside));
  if (impl_->make_directory((impl_->staging / "data").native()) != 0) throw_errno(fmt::format("create a directory beside {}", in_quotes(impl_->target.native())));
}

DirectoryWriter::~DirectoryWriter() = default;

void DirectoryWriter::begin(std::uint64_t size) {
  auto& state = *impl_;
  const fs::path path = state.data(++state.contents);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) {
    const int error_number = errno;
    expect_output_directory(state.directory_fd.get(), directory_of(state.target));
    throw_errno(fmt::format("create a file for {}", in_quotes(state.target.native())), error_number);
  }
  state.open = File(std::move(fd), state.target.native());
  state.sink.emplace(state.open).begin(size);
}

void DirectoryWriter::append(ByteView bytes) { impl_->sink->append(bytes); }

void DirectoryWriter::append_zeros(std::uint64_t count) { impl_->sink->append_zeros(count); }

ContentId DirectoryWriter::end() {
  auto& state = *impl_;
  state.sink->end();
  state.open = {};
  return ContentId{state.contents};
}

void DirectoryWriter::finish(const Tree& tree, WarningList& warnings, const OperationContext& operation) {
  impl_->build(tree, warnings, operation);
  impl_->commit(warnings);
}

}  // namespace sifkit::layers
