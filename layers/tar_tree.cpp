// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/tar_tree.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/tar_writer.h>
#include <sifkit/layers/walk.h>

#include "type_bits.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kZeroBytes = 1u << 20;    ///< written at once
constexpr std::size_t kMaxSegments = 1u << 16;  ///< of one file; one with more is stored whole

class TarTree : private ContentSink {
 public:
  TarTree(FileSystem& files, const TarTreeOptions& options, Sink& sink, WarningList& warnings,
          const OperationContext& operation)
      : files_(files),
        tree_(files.tree()),
        options_(options),
        warnings_(warnings),
        operation_(operation),
        zeros_(kZeroBytes),
        writer_(sink) {}

  void write() {
    if (options_.directory == Tree::kRoot && options_.prefix.empty() && !passes("")) begin_member(Tree::kRoot, ".", {});
    walk(tree_, options_.directory, [&](const WalkedName& here) { return visit(here); });
    std::vector<InodeId> contents;
    for (const auto& [inode, path] : first_names_) contents.push_back(inode);
    files_.read_files(std::move(contents), [&](InodeId inode) -> ContentSink* {
      next_ = inode;
      segments_.reset();
      return this;
    });
    for (const auto& [path, inode] : more_names_) begin_member(inode, path, first_names_.at(inode));
    writer_.finish();
  }

 private:
  bool visit(const WalkedName& here) {
    operation_.check();
    if (options_.keep && !options_.keep(here.path, here.inode)) return false;
    const Inode& inode = tree_.inode(here.inode);
    std::string path = fmt::format("{}{}", options_.prefix, here.path);
    if (inode.type == EntryType::socket) {
      warnings_.add("socket-dropped", fmt::format("{} is a socket, which a tar archive cannot hold", in_quotes(path)));
      return false;
    }
    if (inode.type == EntryType::regular) {
      // Not to be told from the other names of a file: all but the first are links to it.
      if (const auto [first, fresh] = first_names_.try_emplace(here.inode, path); !fresh) {
        more_names_.emplace_back(std::move(path), here.inode);
      }
      return false;
    }
    if (inode.links > 1 && inode.type != EntryType::directory) {
      const auto [first, fresh] = other_names_.try_emplace(here.inode, path);
      if (!fresh) {
        begin_member(here.inode, path, first->second);
        return false;
      }
    }
    if (inode.type != EntryType::directory || !passes(here.path)) begin_member(here.inode, path, {});
    return true;
  }

  bool passes(std::string_view path) const { return options_.passes && options_.passes(path); }

  void begin_member(InodeId id, const std::string& path, std::string hard_link) {
    const Inode& inode = tree_.inode(id);
    struct stat status {};
    status.st_mode = inode.metadata.mode | type_bits(inode.type);
    status.st_uid = inode.metadata.uid;
    status.st_gid = inode.metadata.gid;
    status.st_mtim.tv_sec = inode.metadata.mtime;
    status.st_nlink = 1;
    status.st_size = hard_link.empty() ? static_cast<off_t>(inode.size) : 0;
    if (inode.type == EntryType::char_device || inode.type == EntryType::block_device) {
      status.st_rdev = makedev(device_major(inode.data), device_minor(inode.data));
    }
    NewTarMember member;
    member.path = inode.type == EntryType::directory ? path + "/" : path;
    member.hard_link = std::move(hard_link);
    if (inode.type == EntryType::symlink) member.link_target = tree_.symlink_target(inode);
    if (member.hard_link.empty()) {
      const Xattrs& xattrs = tree_.xattrs(inode.metadata.xattrs);
      member.xattrs = options_.xattrs ? options_.xattrs(inode, xattrs) : xattrs;
    }
    if (segments_ && inode.type == EntryType::regular) {
      member.sparse = true;
      member.segments = std::move(*segments_);
      segments_.reset();
    }
    writer_.begin(status, member);
  }

  void expect_segments(std::span<const DataSegment> segments) override {
    if (!options_.sparse || segments.size() > kMaxSegments) return;
    segments_.emplace(segments.begin(), segments.end());
  }
  void begin(std::uint64_t) override { begin_member(next_, first_names_.at(next_), {}); }
  void append(ByteView bytes) override {
    operation_.check();
    writer_.write(bytes);
  }
  void append_zeros(std::uint64_t count) override {
    while (count != 0) {
      operation_.check();
      const auto piece = ByteView(zeros_).first(static_cast<std::size_t>(std::min<std::uint64_t>(count, kZeroBytes)));
      writer_.write(piece);
      count -= piece.size();
    }
  }
  ContentId end() override { return kEmptyContent; }

  FileSystem& files_;
  const Tree& tree_;
  const TarTreeOptions& options_;
  WarningList& warnings_;
  const OperationContext& operation_;
  const Bytes zeros_;
  TarWriter writer_;
  std::unordered_map<InodeId, std::string> first_names_;  ///< of regular files
  std::unordered_map<InodeId, std::string> other_names_;  ///< of links and devices with several names
  std::vector<std::pair<std::string, InodeId>> more_names_;
  InodeId next_ = kNone;                             ///< whose bytes come
  std::optional<std::vector<DataSegment>> segments_;  ///< of that one, if it has holes
};

}  // namespace

void write_tar(FileSystem& files, const TarTreeOptions& options, Sink& sink, WarningList& warnings,
               const OperationContext& operation) {
  TarTree(files, options, sink, warnings, operation).write();
}

}  // namespace sifkit::layers
