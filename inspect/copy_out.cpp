// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/copy_out.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <unordered_map>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/linux_names.h>
#include <sifkit/core/unfinished.h>
#include <sifkit/layers/directory_writer.h>
#include <sifkit/layers/sparse_file_sink.h>
#include <sifkit/layers/walk.h>

namespace sifkit::inspect {

using namespace layers;
namespace fs = std::filesystem;

namespace {

/// Hands contents on and notes under which name they are known there.
class NotingSink : public ForwardingSink {
 public:
  NotingSink(ContentSink& next, const OperationContext& operation) : ForwardingSink(next), operation_(operation) {}

  void start(ContentId& result) { result_ = &result; }

  void append(ByteView bytes) override {
    operation_.check();
    operation_.progress->advance(bytes.size());
    ForwardingSink::append(bytes);
  }

  ContentId end() override { return *result_ = ForwardingSink::end(); }

 private:
  const OperationContext& operation_;
  ContentId* result_ = nullptr;
};

/// A directory of an image as a tree of its own, and which inode of the image each of its regular files is.
struct Branch {
  Tree tree;
  std::unordered_map<InodeId, InodeId> copies;  ///< by inode of the image; regular files alone

  Branch(const Tree& whole, InodeId directory, const CopiedAttributes& attributes) : attributes_(attributes) {
    std::unordered_map<InodeId, InodeId> made{{directory, Tree::kRoot}};
    set(whole, directory, Tree::kRoot);
    std::vector<InodeId> open{Tree::kRoot};
    walk(
        whole, directory,
        [&](const WalkedName& here) {
          const auto [copy, fresh] = made.try_emplace(here.inode, kNone);
          if (fresh) {
            copy->second = tree.add_inode({});
            set(whole, here.inode, copy->second);
          }
          tree.link(open.back(), whole.text_of(here.name), copy->second);
          if (whole.inode(here.inode).type == EntryType::directory) open.push_back(copy->second);
          return true;
        },
        [&](const WalkedName&) { open.pop_back(); });
  }

 private:
  void set(const Tree& whole, InodeId from, InodeId to) {
    const Inode& inode = whole.inode(from);
    Inode& copy = tree.inode(to);
    copy.metadata = inode.metadata;
    copy.metadata.xattrs = tree.intern_xattrs(attributes_(inode, whole.xattrs(inode.metadata.xattrs)));
    copy.type = inode.type;
    copy.size = inode.size;
    copy.data = inode.data;
    if (inode.type == EntryType::symlink) copy.data = tree.add_symlink_target(whole.symlink_target(inode));
    if (inode.type == EntryType::regular) {
      copy.content = kEmptyContent;
      if (inode.size != 0) copies.emplace(from, to);
    }
  }

  const CopiedAttributes& attributes_;
};

void copy_directory(FileSystem& files, InodeId directory, const std::string& path, const fs::path& target,
                    Overwrite overwrite, const CopiedAttributes& attributes, WarningList& warnings,
                    const OperationContext& operation) {
  // Before the writer says that it may be replaced on request: this may not.
  struct stat there {};
  if (::lstat(target.c_str(), &there) == 0 && !S_ISDIR(there.st_mode)) {
    throw Error(ErrorKind::exists,
                fmt::format("{} is no directory and is not replaced by one", in_quotes(target.native())));
  }
  DirectoryWriter writer(target, overwrite, path == "/" ? "" : path);
  Branch branch(files.tree(), directory, attributes);
  std::vector<InodeId> contents;
  std::uint64_t bytes = 0;
  for (const auto& [inode, copy] : branch.copies) {
    contents.push_back(inode);
    bytes += files.tree().inode(inode).size;
  }
  operation.progress->stage("copying", bytes);
  NotingSink sink(writer, operation);
  files.read_files(std::move(contents), [&](InodeId inode) {
    sink.start(branch.tree.inode(branch.copies.at(inode)).content);
    return &sink;
  });
  writer.finish(branch.tree, warnings, operation);
}

bool belongs_to(const File& file, uid_t uid, gid_t gid) {
  struct stat status {};
  return ::fstat(file.fd(), &status) == 0 && status.st_uid == uid && status.st_gid == gid;
}

void set_metadata(const File& file, const Xattrs& attributes, const Inode& inode, WarningList& warnings) {
  const auto& metadata = inode.metadata;
  mode_t mode = metadata.mode;
  if (::geteuid() != 0) mode &= ~kBorrowedRights;
  if (!belongs_to(file, metadata.uid, metadata.gid) &&
      (::geteuid() != 0 || ::fchown(file.fd(), metadata.uid, metadata.gid) != 0)) {
    mode &= ~kBorrowedRights;
    warnings.add("owner-dropped", fmt::format("{}: owner {}:{} is not kept", in_quotes(file.name()), metadata.uid,
                                              metadata.gid));
  }
  for (const auto& [name, value] : attributes) {
    if (::fsetxattr(file.fd(), name.c_str(), value.data(), value.size(), 0) == 0) continue;
    warnings.add("xattr-dropped", fmt::format("{}: extended attribute {} is dropped: {}", in_quotes(file.name()),
                                              in_quotes(name), std::strerror(errno)));
  }
  if (::fchmod(file.fd(), mode) != 0) throw_errno(fmt::format("set the mode of {}", in_quotes(file.name())));
  const timespec times[2] = {{.tv_sec = metadata.mtime, .tv_nsec = 0}, {.tv_sec = metadata.mtime, .tv_nsec = 0}};
  if (::futimens(file.fd(), times) != 0) throw_errno(fmt::format("set the time of {}", in_quotes(file.name())));
}

void copy_file(FileSystem& files, InodeId id, const fs::path& target, Overwrite overwrite,
               const CopiedAttributes& attributes, WarningList& warnings, const OperationContext& operation) {
  const Inode& inode = files.tree().inode(id);
  AtomicFile file(target, overwrite, 0600);
  operation.progress->stage("copying", inode.size);
  SparseFileSink writer(file.file());
  NotingSink sink(writer, operation);
  ContentId ignored{};
  sink.start(ignored);
  files.read(id, sink);
  set_metadata(file.file(), attributes(inode, files.tree().xattrs(inode.metadata.xattrs)), inode, warnings);
  file.commit();
}

void copy_link(const Tree& tree, const Inode& inode, const fs::path& target, Overwrite overwrite) {
  const std::string hidden = (directory_of(target) / hidden_name_for(target)).native();
  const UnfinishedPath unfinished{hidden};
  if (::symlink(std::string(tree.symlink_target(inode)).c_str(), hidden.c_str()) != 0) {
    throw_errno(fmt::format("create {}", in_quotes(target.native())));
  }
  const timespec times[2] = {{.tv_sec = inode.metadata.mtime, .tv_nsec = 0}, {.tv_sec = inode.metadata.mtime, .tv_nsec = 0}};
  ::utimensat(AT_FDCWD, hidden.c_str(), times, AT_SYMLINK_NOFOLLOW);  // not every file system can
  if (::geteuid() == 0 && ::lchown(hidden.c_str(), inode.metadata.uid, inode.metadata.gid) != 0 &&
      errno != EPERM && errno != EINVAL) {  // an owner that a user namespace does not know
    const int error_number = errno;
    ::unlink(hidden.c_str());
    throw_errno(fmt::format("set the owner of {}", in_quotes(target.native())), error_number);
  }
  const int result = overwrite == Overwrite::yes ? ::rename(hidden.c_str(), target.c_str())
                                                 : rename_to_free_name(AT_FDCWD, hidden.c_str(), target.c_str());
  if (result != 0) {
    const int error_number = errno;
    ::unlink(hidden.c_str());
    if (error_number == EEXIST) {
      throw Error(ErrorKind::exists, fmt::format("{} is there already", in_quotes(target.native())), Advice::overwrite);
    }
    throw_errno(fmt::format("put {} in place", in_quotes(target.native())), error_number);
  }
}

}  // namespace

void copy_out(FileSystem& files, std::string_view path, bool follow, const fs::path& target, Overwrite overwrite,
              const CopiedAttributes& attributes, WarningList& warnings, const OperationContext& operation) {
  const InodeId inode = files.require(path, follow);
  const Inode& found = files.tree().inode(inode);
  switch (found.type) {
    case EntryType::directory:
      return copy_directory(files, inode, files.tree().real_path(path, follow).value(), target, overwrite, attributes,
                            warnings, operation);
    case EntryType::regular: return copy_file(files, inode, target, overwrite, attributes, warnings, operation);
    case EntryType::symlink: return copy_link(files.tree(), found, target, overwrite);
    default:
      throw Error(ErrorKind::unsupported, "a device, a pipe or a socket is copied only with the directory it is in");
  }
}

}  // namespace sifkit::inspect
