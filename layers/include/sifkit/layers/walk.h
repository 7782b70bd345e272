// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// One name that `walk` comes to.
struct WalkedName {
  std::string_view path;  ///< from where the walk began, without a leading slash; valid during the call
  NameId name = kNone;
  InodeId inode = kNone;
};

/// Comes to every name below `directory`, a directory's own before those in it, the names of one directory sorted by
/// bytes. `enter` says whether a directory is gone into (of others its answer does not count); `leave` is called when
/// everything below one that was gone into is done. Does not recurse. The tree may be changed below what is entered, not
/// elsewhere.
template <class Enter, class Leave>
void walk(const Tree& tree, InodeId directory, const Enter& enter, const Leave& leave) {
  struct Level {
    std::vector<NameId> names;
    std::size_t next = 0;
    std::size_t path_size = 0;  ///< of the directory's path
    WalkedName own;
  };
  std::string path;
  std::vector<Level> levels;
  levels.push_back({tree.sorted_children(directory), 0, 0, {}});
  while (!levels.empty()) {
    Level& level = levels.back();
    path.resize(level.path_size);
    if (level.next == level.names.size()) {
      WalkedName own = level.own;
      levels.pop_back();
      own.path = path;
      if (!levels.empty()) leave(own);
      continue;
    }
    const NameId name = level.names[level.next++];
    const InodeId inode = tree.inode_of(name);
    if (!path.empty()) path += '/';
    path += tree.text_of(name);
    const WalkedName here{path, name, inode};
    if (enter(here) && tree.inode(inode).type == EntryType::directory) {
      levels.push_back({tree.sorted_children(inode), 0, path.size(), here});
    }
  }
}

template <class Enter>
void walk(const Tree& tree, InodeId directory, const Enter& enter) {
  walk(tree, directory, enter, [](const WalkedName&) {});
}

}  // namespace sifkit::layers
