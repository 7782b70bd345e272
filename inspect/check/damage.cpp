// SPDX-License-Identifier: Apache-2.0
#include "damage.h"

#include <map>

#include <sifkit/layers/walk.h>

namespace sifkit::check {

using namespace layers;

namespace {

/// Takes bytes and keeps none.
class NoSink : public ContentSink {
 public:
  explicit NoSink(const OperationContext& operation) : operation_(operation) {}
  void begin(std::uint64_t) override { operation_.check(); }
  void append(ByteView) override {}
  void append_zeros(std::uint64_t) override {}
  ContentId end() override { return kEmptyContent; }

 private:
  const OperationContext& operation_;
};

}  // namespace

bool is_damage(const Error& error) noexcept {
  return error.kind() == ErrorKind::malformed || error.kind() == ErrorKind::integrity;
}

std::optional<std::string> find_damage(FileSystem& files, const OperationContext& operation,
                                       const std::set<InodeId>& told, Findings& out) {
  const Tree& tree = files.tree();
  std::map<InodeId, std::string> paths;
  std::vector<InodeId> order;
  walk(tree, Tree::kRoot, [&](const WalkedName& name) {
    const Inode& inode = tree.inode(name.inode);
    if (inode.type == EntryType::regular && inode.size != 0 && !told.contains(name.inode) &&
        paths.try_emplace(name.inode, "/" + std::string(name.path)).second) {
      order.push_back(name.inode);
    }
    return true;
  });
  NoSink sink(operation);
  std::string first;
  try {
    files.read_files(order, [&](InodeId) { return &sink; });
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_damage(error)) throw;
    first = error.what();
  }
  std::size_t damaged = 0;
  for (const auto inode : order) {  // which they are
    try {
      files.read(inode, sink);
    } catch (const Error& error) {
      if (!is_damage(error)) throw;
      out.add("damaged", paths[inode], error.what());
      if (++damaged == Findings::kMaxOfKind) break;
    }
  }
  return damaged == 0 ? std::optional(first) : std::nullopt;
}

}  // namespace sifkit::check
