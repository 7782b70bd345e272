// SPDX-License-Identifier: Apache-2.0
#include "lost_contents.h"

#include <vector>

namespace sifkit {

using namespace layers;

namespace {

bool has_content(const Inode& inode) {
  return inode.type == EntryType::regular && inode.content != kNoContent && inode.content != kEmptyContent;
}

}  // namespace

LostContents lost_contents(const Tree& tree) {
  LostContents out;
  const auto count = static_cast<InodeId>(tree.inode_count());
  for (InodeId id = 0; id < count && !out.any; ++id) out.any = tree.inode(id).links == 0 && has_content(tree.inode(id));
  if (!out.any) return out;
  std::vector<bool> known;  // that a file shows, or that is counted
  const auto add = [&](const Inode& inode) {
    const auto content = static_cast<std::size_t>(inode.content);
    if (known.size() <= content) known.resize(content + 1);
    const bool is_new = !known[content];
    known[content] = true;
    return is_new;
  };
  for (InodeId id = 0; id < count; ++id) {
    if (tree.inode(id).links != 0 && has_content(tree.inode(id))) add(tree.inode(id));
  }
  for (InodeId id = 0; id < count; ++id) {
    const Inode& inode = tree.inode(id);
    if (inode.links != 0 || !has_content(inode) || !add(inode)) continue;
    ++out.unnamed;
    out.bytes += inode.size;
  }
  return out;
}

}  // namespace sifkit
