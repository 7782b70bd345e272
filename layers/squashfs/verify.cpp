// SPDX-License-Identifier: Apache-2.0
#include "squashfs/verify.h"

#include <algorithm>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/squashfs.h>
#include <sifkit/layers/walk.h>

namespace sifkit::layers {

namespace {

/// Names bytes as the writer did, whatever pieces they come in.
class KeySink : public Sink {
 public:
  KeySink(ContentNamer& namer, Bytes& block, const OperationContext& operation) : namer_(namer), block_(block), operation_(operation) {
    namer_.start();
  }

  void write(ByteView bytes) override {
    operation_.check();
    operation_.progress->advance(bytes.size());
    while (!bytes.empty()) {
      const auto piece = bytes.first(std::min(bytes.size(), block_.size() - filled_));
      std::copy(piece.begin(), piece.end(), block_.begin() + static_cast<std::ptrdiff_t>(filled_));
      filled_ += piece.size();
      bytes = bytes.subspan(piece.size());
      if (filled_ == block_.size()) end_block();
    }
  }

  ContentKey key() {
    if (filled_ != 0) end_block();
    return namer_.finish();
  }

 private:
  void end_block() {
    namer_.add_block(ByteView(block_).first(filled_));
    filled_ = 0;
  }

  ContentNamer& namer_;
  Bytes& block_;  ///< of the writer's size
  const OperationContext& operation_;
  std::size_t filled_ = 0;
};

class Comparison {
 public:
  Comparison(SquashfsReader& reader, const Tree& written, const DataWriter& data, const OperationContext& operation)
      : reader_(reader), read_(reader.tree()), written_(written), data_(data), namer_(data.namer(), 0), block_(reader.block_size()), operation_(operation), pairs_(written.inode_count(), kNone) {}

  void run() {
    compare_inode("/", Tree::kRoot, Tree::kRoot);
    compare_count("/", Tree::kRoot, Tree::kRoot);
    std::vector<InodeId> open{Tree::kRoot};  // of what was read
    walk(
        written_, Tree::kRoot,
        [&](const WalkedName& here) {
          const std::string path = fmt::format("/{}", here.path);
          const NameId name = read_.find(open.back(), written_.text_of(here.name));
          if (name == kNone) differ(path, "name", "it", "nothing");
          const InodeId found = read_.inode_of(name);
          const bool fresh = pairs_[here.inode] == kNone;
          if (fresh) pairs_[here.inode] = found;
          if (pairs_[here.inode] != found) differ(path, "hard link", pairs_[here.inode], found);
          if (!fresh) return false;
          compare_inode(path, here.inode, found);
          if (written_.inode(here.inode).type == EntryType::directory) {
            compare_count(path, here.inode, found);
            open.push_back(found);
          }
          return true;
        },
        [&](const WalkedName&) { open.pop_back(); });
  }

 private:
  template <class A, class B>
  [[noreturn]] void differ(std::string_view path, std::string_view what, const A& expected, const B& found) const {
    throw Error(ErrorKind::internal, fmt::format("the finished image differs at {}: {}: expected {}, found {}", in_quotes(path), what, expected, found),
                "the image was not kept; please report this");
  }

  void compare_count(const std::string& path, InodeId a, InodeId b) const {
    const auto expected = count(written_, a);
    if (const auto found = count(read_, b); expected != found) differ(path, "entries", expected, found);
  }

  static std::size_t count(const Tree& tree, InodeId directory) {
    std::size_t out = 0;
    for (NameId name = tree.inode(directory).first_child; name != kNone; name = tree.next_sibling(name)) ++out;
    return out;
  }

  void compare_inode(const std::string& path, InodeId a_id, InodeId b_id) {
    const Inode& a = written_.inode(a_id);
    const Inode& b = read_.inode(b_id);
    if (a.type != b.type) differ(path, "type", static_cast<int>(a.type), static_cast<int>(b.type));
    if (a.metadata.mode != b.metadata.mode) differ(path, "mode", a.metadata.mode, b.metadata.mode);
    if (a.metadata.uid != b.metadata.uid) differ(path, "uid", a.metadata.uid, b.metadata.uid);
    if (a.metadata.gid != b.metadata.gid) differ(path, "gid", a.metadata.gid, b.metadata.gid);
    if (a.metadata.mtime != b.metadata.mtime) differ(path, "time", a.metadata.mtime, b.metadata.mtime);
    if (written_.xattrs(a.metadata.xattrs) != read_.xattrs(b.metadata.xattrs)) differ(path, "extended attributes", "others", "these");
    if (a.type != EntryType::directory && a.links != b.links) differ(path, "links", a.links, b.links);
    if (a.type == EntryType::symlink && written_.symlink_target(a) != read_.symlink_target(b)) differ(path, "target", "", "");
    if ((a.type == EntryType::char_device || a.type == EntryType::block_device) && a.data != b.data) differ(path, "device", a.data, b.data);
    if (a.type != EntryType::regular) return;
    if (data_.content(a.content).size != b.size) differ(path, "size", data_.content(a.content).size, b.size);
    operation_.check();
    if (b.size == 0) return;
    KeySink sink(namer_, block_, operation_);
    reader_.read(b_id, sink);
    if (sink.key() != data_.key(a.content)) differ(path, "content", "other bytes", "these");
  }

  SquashfsReader& reader_;
  const Tree& read_;
  const Tree& written_;
  const DataWriter& data_;
  ContentNamer namer_;
  Bytes block_;
  const OperationContext& operation_;
  std::vector<InodeId> pairs_;  ///< what was read, by what was written
};

}  // namespace

void verify_squashfs(Region& region, const Tree& tree, const DataWriter& data, const OperationContext& operation) {
  // The image is as large as the limits of what it was made from have let it be.
  Limits limits;
  limits.entries = limits.metadata_bytes = std::numeric_limits<std::uint64_t>::max();
  limits.path_bytes = limits.path_depth = std::numeric_limits<std::uint32_t>::max() - 1;
  SquashfsReader reader(region, limits);
  Comparison(reader, tree, data, operation).run();
}

}  // namespace sifkit::layers
