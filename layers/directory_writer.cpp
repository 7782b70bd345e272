// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/directory_writer.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace fs = std::filesystem;

namespace {

bool is_there(const fs::path& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

/// A name beside the target that nobody has.
std::string staging_name(const fs::path& target) {
  const fs::path parent = target.parent_path().empty() ? fs::path(".") : target.parent_path();
  for (unsigned i = 0;; ++i) {
    const fs::path name = parent / fmt::format(".{}.{}.{}.partial", target.filename().native().substr(0, 200), ::getpid(), i);
    if (!is_there(name)) return name.native();
  }
}

}  // namespace

struct DirectoryWriter::Impl {
  fs::path target;
  Overwrite overwrite;
  const fs::path staging = staging_name(target);  ///< holds data/ and root/
  const UnfinishedPath unfinished{staging.native()};
  std::uint32_t contents = 0;
  std::unique_ptr<File> open;
  std::uint64_t size = 0;
  std::uint64_t at = 0;
  const bool privileged = ::geteuid() == 0;

  Impl(fs::path where, Overwrite may_overwrite) : target(std::move(where)), overwrite(may_overwrite) {
    if (::mkdir(staging.c_str(), 0700) != 0) throw_errno(fmt::format("create a folder beside {}", in_quotes(target.native())));
  }

  ~Impl() {
    open.reset();
    remove_tree(staging);
  }

  /// A path as the image knows it, for messages.
  std::string shown(const fs::path& path) const { return in_quotes("/" + path.lexically_relative(staging / "root").native()); }

  fs::path data(std::uint32_t number) const { return staging / "data" / std::to_string(number); }

  void make_node(const fs::path& path, const Inode& inode, const Tree& tree, WarningList& warnings) const {
    const auto made = [&](int result) {
      if (result == 0) return true;
      if (!privileged && (errno == EPERM || errno == EACCES)) {
        warnings.add("device-dropped", fmt::format("{}: only root can make a device; it is left out", shown(path)));
        return false;
      }
      throw_errno(fmt::format("create {}", in_quotes(path.native())));
    };
    switch (inode.type) {
      case EntryType::directory: made(::mkdir(path.c_str(), 0700)); return;
      case EntryType::symlink: made(::symlink(std::string(tree.symlink_target(inode)).c_str(), path.c_str())); return;
      case EntryType::fifo: made(::mkfifo(path.c_str(), 0600)); return;
      case EntryType::socket: made(::mknod(path.c_str(), S_IFSOCK | 0600, 0)); return;
      case EntryType::char_device:
      case EntryType::block_device: {
        const auto type = static_cast<mode_t>(inode.type == EntryType::char_device ? S_IFCHR : S_IFBLK);
        made(::mknod(path.c_str(), type | 0600, makedev(inode.data >> 20, inode.data & 0xfffff)));
        return;
      }
      case EntryType::regular:
        if (inode.content == kEmptyContent) {
          const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
          if (!fd) made(-1);
        } else {
          made(::rename(data(static_cast<std::uint32_t>(inode.content)).c_str(), path.c_str()));
        }
        return;
    }
  }

  void set_metadata(const fs::path& path, const Inode& inode, const Tree& tree, WarningList& warnings) const {
    const auto& metadata = inode.metadata;
    if (privileged && ::lchown(path.c_str(), metadata.uid, metadata.gid) != 0) {
      if (errno != EPERM && errno != EINVAL) throw_errno(fmt::format("set the owner of {}", shown(path)));
      warnings.add("owner-dropped", fmt::format("{}: owner {}:{} is not kept", shown(path), metadata.uid, metadata.gid));
    }
    for (const auto& [name, value] : tree.xattrs(metadata.xattrs)) {
      if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
        if (errno == ENOSPC || errno == EDQUOT) throw_errno(fmt::format("set {} of {}", name, shown(path)));
        warnings.add("xattr-dropped", fmt::format("{}: extended attribute {} is dropped: {}", shown(path), in_quotes(name), std::strerror(errno)));
      }
    }
    if (inode.type != EntryType::symlink && ::chmod(path.c_str(), metadata.mode) != 0) {
      throw_errno(fmt::format("set the mode of {}", shown(path)));
    }
    const timespec times[2] = {{.tv_sec = metadata.mtime, .tv_nsec = 0}, {.tv_sec = metadata.mtime, .tv_nsec = 0}};
    if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
      throw_errno(fmt::format("set the time of {}", shown(path)));
    }
  }

  void build(const Tree& tree, WarningList& warnings) const {
    if (!privileged) warnings.add("owner-dropped", "owners are not kept in a folder: only root can set them");
    const fs::path root = staging / "root";
    make_node(root, tree.inode(Tree::kRoot), tree, warnings);
    std::vector<fs::path> first_name(tree.inode_count());
    std::vector<std::pair<InodeId, fs::path>> folders{{Tree::kRoot, root}};
    for (std::size_t at_folder = 0; at_folder < folders.size(); ++at_folder) {
      const auto [folder, path] = folders[at_folder];
      for (const NameId name : tree.sorted_children(folder)) {
        const InodeId id = tree.inode_of(name);
        const Inode& inode = tree.inode(id);
        const fs::path here = path / std::string(tree.text_of(name));
        if (inode.type == EntryType::directory) {
          make_node(here, inode, tree, warnings);
          folders.emplace_back(id, here);
          continue;
        }
        if (!first_name[id].empty()) {
          if (is_there(first_name[id]) && ::linkat(AT_FDCWD, first_name[id].c_str(), AT_FDCWD, here.c_str(), 0) != 0) {
            throw_errno(fmt::format("link {}", in_quotes(here.native())));
          }
          continue;
        }
        first_name[id] = here;
        make_node(here, inode, tree, warnings);
        if (is_there(here)) set_metadata(here, inode, tree, warnings);
      }
    }
    // A folder gets its mode and time when nothing more goes into it.
    for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
      set_metadata(folder->second, tree.inode(folder->first), tree, warnings);
    }
  }

  void commit() const {
    const fs::path root = staging / "root";
    if (overwrite == Overwrite::yes && is_there(target)) {
      // In one step; the old folder goes with the rest of the staging folder.
      if (::renameat2(AT_FDCWD, root.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) != 0) {
        throw_errno(fmt::format("replace {}", in_quotes(target.native())));
      }
      return;
    }
    if (::renameat2(AT_FDCWD, root.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
      throw_errno(fmt::format("create {}", in_quotes(target.native())));
    }
  }
};

DirectoryWriter::DirectoryWriter(fs::path target, Overwrite overwrite) {
  while (!target.empty() && target.filename().empty()) target = target.parent_path();
  if (is_there(target)) {
    if (overwrite == Overwrite::no) throw Error(ErrorKind::exists, fmt::format("{} is there already", in_quotes(target.native())), "--force replaces it");
    if (!fs::is_directory(fs::symlink_status(target))) {
      throw Error(ErrorKind::exists, fmt::format("{} is no folder and is not replaced by one", in_quotes(target.native())));
    }
  }
  impl_ = std::make_unique<Impl>(std::move(target), overwrite);
  if (::mkdir((impl_->staging / "data").c_str(), 0700) != 0) throw_errno(fmt::format("create a folder in {}", in_quotes(impl_->staging.native())));
}

DirectoryWriter::~DirectoryWriter() = default;

void DirectoryWriter::begin(std::uint64_t size) {
  auto& state = *impl_;
  const fs::path path = state.data(++state.contents);
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) throw_errno(fmt::format("create {}", in_quotes(path.native())));
  state.open = std::make_unique<File>(std::move(fd), path.native());
  state.size = size;
  state.at = 0;
}

void DirectoryWriter::append(ByteView bytes) {
  impl_->open->write_at(impl_->at, bytes);
  impl_->at += bytes.size();
}

void DirectoryWriter::append_zeros(std::uint64_t count) { impl_->at += count; }

ContentId DirectoryWriter::end() {
  auto& state = *impl_;
  SIFKIT_CHECK(state.at == state.size);
  if (state.open->size() != state.size) state.open->truncate(state.size);  // a hole at the end
  state.open.reset();
  return ContentId{state.contents};
}

void DirectoryWriter::finish(const Tree& tree, WarningList& warnings) {
  impl_->build(tree, warnings);
  impl_->commit();
}

}  // namespace sifkit::layers
