// SPDX-License-Identifier: Apache-2.0
#include <sifkit/image_path.h>

#include <vector>

#include <sifkit/layers/path_rest.h>

namespace sifkit {

using namespace layers;

namespace {

constexpr unsigned kLinks = 40;  ///< that Linux follows in one path

}  // namespace

ImagePath walk_image_path(const Tree& tree, std::string_view path) {
  struct Step {
    InodeId inode;
    std::size_t path_length;
  };

  ImagePath found;
  std::vector<Step> steps{{Tree::kRoot, 0}};
  PathRest rest(path);
  unsigned links = 0;
  while (!rest.empty()) {
    const std::string_view name = rest.next();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (steps.size() > 1) steps.pop_back();
      found.place.resize(steps.back().path_length);
      continue;
    }
    const Inode& directory = tree.inode(steps.back().inode);
    const NameId entry = directory.type == EntryType::directory ? tree.find(steps.back().inode, name) : kNone;
    if (directory.type == EntryType::directory && (directory.metadata.mode & 01) == 0 && found.closed.empty()) {
      found.closed = found.place.empty() ? "/" : found.place;
    }
    found.place.append("/").append(name);
    if (entry == kNone) return found;
    const InodeId inode = tree.inode_of(entry);
    if (tree.inode(inode).type != EntryType::symlink) {
      steps.push_back({inode, found.place.size()});
      continue;
    }
    found.link = found.place;
    found.link_target = tree.symlink_target(tree.inode(inode));
    if (found.link_target.starts_with('/')) steps.resize(1);
    found.place.resize(steps.back().path_length);
    if (++links > kLinks || !rest.follow(found.link_target)) {
      found.loops = true;
      return found;
    }
  }
  found.inode = steps.back().inode;
  return found;
}

}  // namespace sifkit
