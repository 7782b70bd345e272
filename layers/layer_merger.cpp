// SPDX-License-Identifier: Apache-2.0
#include "layer_merger.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/entry_names.h>
#include <sifkit/layers/path_rest.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kReplacedLinks = 1024;  ///< that are remembered

}  // namespace

void LayerMerger::begin_layer(std::uint32_t default_mtime) {
  ++layer_;
  default_mtime_ = default_mtime;
  root_named_ = false;
  path_bytes_ = 0;
  linked_older_.clear();
  usage_.emplace_back();
  first_inodes_.push_back(static_cast<InodeId>(tree_.inode_count()));
  // The root is a directory like others that no layer names.
  if (layer_ == 1) tree_.inode(Tree::kRoot).metadata.mtime = default_mtime;
}

void LayerMerger::touch(NameId name, bool named) {
  if (stamps_.size() <= name) stamps_.resize(tree_.name_count());
  const std::uint32_t stamp = layer_ * 2 + (named ? 1 : 0);
  if (stamps_[name] / 2 != layer_ || named) stamps_[name] = stamp;
}

void LayerMerger::touch_new(NameId name, bool named) {
  // The tree gives the number of a name that is gone to a new one.
  if (name < stamps_.size()) stamps_[name] = 0;
  touch(name, named);
}

void LayerMerger::note_named_twice(NameId name, std::string_view text) {
  if (name >= stamps_.size() || stamps_[name] != layer_ * 2 + 1) {
    if (linked_older_.contains(name)) {
      warnings_.add("link-before-target", fmt::format("{}: a hard link before it in its layer names the older file that it replaces", in_quotes(text)));
    }
    return;
  }
  warnings_.add("duplicate-entry", fmt::format("{} stands twice in one layer; the last one counts", in_quotes(text)));
}

Metadata LayerMerger::implied_metadata() const { return {.mode = 0755, .mtime = default_mtime_}; }

NameId LayerMerger::make_directory(InodeId parent, std::string_view name) {
  Inode directory;
  directory.type = EntryType::directory;
  directory.metadata = implied_metadata();
  const InodeId inode = tree_.add_inode(directory);
  implied_.insert(inode);
  const NameId made = tree_.link(parent, name, inode);
  touch_new(made, false);
  return made;
}

void LayerMerger::renew(NameId name) {
  if (stamps_[name] % 2 != 0) return;
  const InodeId inode = tree_.inode_of(name);
  tree_.inode(inode).metadata = implied_metadata();
  implied_.insert(inode);
}

std::string LayerMerger::way() const {
  std::string out;
  if (!take_lost_) return out;
  for (const NameId name : way_) out.append("/").append(tree_.text_of(name));
  return out;
}

std::string LayerMerger::below(const std::string& directory, std::string_view name) {
  if (!take_lost_) return {};
  // Names of one directory share its path in the log, but not here.
  path_bytes_ += directory.size() + 1 + name.size();
  if (path_bytes_ > limits_.metadata_bytes) {
    throw_over_limit(
        fmt::format("paths of what one layer hides take more than {} bytes of memory", limits_.metadata_bytes),
        &Limits::metadata_bytes);
  }
  return fmt::format("{}/{}", directory, name);
}

void LayerMerger::end_layer() {
  std::string parent_path;
  std::optional<InodeId> parent = Tree::kRoot;
  for (const auto& [path, id] : lost_) {
    // Files of one directory mostly stand one after the other.
    const auto [above, name] = split_path(path);
    if (above != parent_path) {
      parent_path = above;
      parent = tree_.resolve(above, true);
    }
    const auto next = std::upper_bound(first_inodes_.begin(), first_inodes_.end(), id);
    take_lost_({static_cast<std::size_t>(next - first_inodes_.begin() - 1), layer_ - 1, path, tree_.inode(id).size,
                parent && tree_.find(*parent, name) != kNone});
  }
  lost_.clear();
}

void LayerMerger::note_loss(InodeId id, std::string path) {
  const Inode& inode = tree_.inode(id);
  if (inode.type != EntryType::regular || inode.links != 0) return;
  auto& hiding = usage_.back();
  ++hiding.hidden_files;
  hiding.hidden_bytes += inode.size;
  const auto next = std::upper_bound(first_inodes_.begin(), first_inodes_.end(), id);
  auto& losing = usage_[static_cast<std::size_t>(next - first_inodes_.begin() - 1)];
  ++losing.lost_files;
  losing.lost_bytes += inode.size;
  if (take_lost_) lost_.emplace_back(std::move(path), id);
}

void LayerMerger::remove(InodeId parent, NameId name, const std::string& parent_path) {
  forget_way_through(tree_.inode_of(name));
  std::vector<std::pair<InodeId, std::string>> directories;
  const auto take_away = [&](InodeId directory, NameId child, const std::string& directory_path) {
    const InodeId inode = tree_.inode_of(child);
    std::string path = below(directory_path, tree_.text_of(child));  // while the name is there
    tree_.unlink(directory, child);
    if (tree_.inode(inode).type == EntryType::directory) {
      directories.emplace_back(inode, std::move(path));
    } else {
      note_loss(inode, std::move(path));
    }
  };
  take_away(parent, name, parent_path);
  while (!directories.empty()) {
    const auto [directory, path] = std::move(directories.back());
    directories.pop_back();
    for (NameId child; (child = tree_.inode(directory).first_child) != kNone;) take_away(directory, child, path);
  }
}

void LayerMerger::remove_untouched(InodeId directory, std::string path) {
  std::vector<std::pair<InodeId, std::string>> directories;
  directories.emplace_back(directory, std::move(path));
  while (!directories.empty()) {
    const auto [here, here_path] = std::move(directories.back());
    directories.pop_back();
    // Once is enough: all that comes into a directory later in the layer is touched.
    if (emptied_.size() <= here) emptied_.resize(tree_.inode_count());
    if (emptied_[here] == layer_) continue;
    emptied_[here] = layer_;
    NameId next;
    for (NameId child = tree_.inode(here).first_child; child != kNone; child = next) {
      next = tree_.next_sibling(child);
      if (!touched(child)) {
        remove(here, child, here_path);
      } else if (tree_.inode(tree_.inode_of(child)).type == EntryType::directory) {
        renew(child);
        directories.emplace_back(tree_.inode_of(child), below(here_path, tree_.text_of(child)));
      }
    }
  }
}

void LayerMerger::forget_way_through(InodeId inode) {
  const auto type = tree_.inode(inode).type;
  if (type == EntryType::symlink || type == EntryType::directory) last_walk_.known = false;
}

std::optional<LayerMerger::Place> LayerMerger::place_of(std::string_view path, bool create) {
  const auto [parent, last] = split_path(path);
  link_bytes_left_ += kLinkBytesOfName;
  // The entries of a directory mostly stand one after the other.
  const bool known = last_walk_.known && last_walk_.path == parent && (last_walk_.created || !create);
  if (!known) last_walk_ = {.path = std::string(parent), .created = create};
  const bool there = known || walk(parent, create);
  if (!last_walk_.link.empty()) {
    warnings_.add("through-link", fmt::format("{}: a directory on the way is the link {}; it is followed inside the image",
                                              in_quotes(path), in_quotes(last_walk_.link)));
  }
  if (last_walk_.clamped) {
    warnings_.add("link-clamped", fmt::format("{}: a link on the way leaves the root; it is followed from the root", in_quotes(path)));
  }
  if (!there) return std::nullopt;
  last_walk_.known = true;
  // What a link led through and left again ("x/../y") is not the layer's.
  if (create) {
    for (const NameId name : way_) touch(name, false);
  }
  return Place{directories_.back(), last};
}

bool LayerMerger::walk(std::string_view parent, bool create) {
  auto& directories = directories_;
  auto& names = way_;
  directories.assign(1, Tree::kRoot);
  names.clear();
  PathRest rest(parent);
  unsigned hops = 0;
  while (!rest.empty()) {
    const auto component = rest.next();
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (directories.size() > 1) {
        directories.pop_back();
        names.pop_back();
      } else {
        last_walk_.clamped = true;
      }
      continue;
    }
    const InodeId directory = directories.back();
    if (create && directories.size() >= limits_.path_depth) {
      throw Error(ErrorKind::limit, fmt::format("links on the way to it lead more than {} directories deep", limits_.path_depth));
    }
    const NameId name = tree_.find(directory, component);
    if (name == kNone) {
      if (!create) return false;
      names.push_back(make_directory(directory, component));
      directories.push_back(tree_.inode_of(names.back()));
      continue;
    }
    const InodeId inode = tree_.inode_of(name);
    const auto type = tree_.inode(inode).type;
    if (type == EntryType::symlink) {
      if (++hops > limits_.symlink_hops) {
        throw Error(ErrorKind::malformed, fmt::format("symbolic link {} on the way to it leads nowhere (loop)", in_quotes(component)));
      }
      if (hops == 1) last_walk_.link = component;
      follow(tree_.symlink_target(tree_.inode(inode)), rest);
      continue;
    }
    if (type != EntryType::directory) {
      if (!create) return false;
      remove(directory, name, way());
      names.push_back(make_directory(directory, component));
      directories.push_back(tree_.inode_of(names.back()));
      continue;
    }
    names.push_back(name);
    directories.push_back(inode);
  }
  return true;
}

void LayerMerger::follow(std::string_view target, PathRest& rest) {
  if (target.size() > link_bytes_left_) {
    throw Error(ErrorKind::limit,
                fmt::format("links on the way to it and to the names before it have over {} MiB of text, and {} bytes for each name",
                            kFirstLinkBytes >> 20, kLinkBytesOfName));
  }
  link_bytes_left_ -= target.size();
  if (!rest.follow(target)) {
    throw Error(ErrorKind::limit, fmt::format("links on the way to it have over {} KiB of text", PathRest::kMaxLinkBytes >> 10));
  }
  if (target.starts_with('/')) {
    directories_.resize(1);
    way_.clear();
  }
}

void LayerMerger::apply_whiteout(std::string_view path, Whiteout kind) {
  if (path.empty()) {
    remove_untouched(Tree::kRoot, {});
    return;
  }
  if (kind == Whiteout::opaque_dir) {
    // The directory may itself be a link: it is one more on the way.
    const std::string inside = fmt::format("{}/.", path);
    if (const auto place = place_of(inside, false)) remove_untouched(place->directory, way());
    return;
  }
  const auto place = place_of(path, false);
  if (!place) return;
  const NameId name = tree_.find(place->directory, place->name);
  if (name == kNone) return;
  const InodeId inode = tree_.inode_of(name);
  if (!touched(name)) {
    remove(place->directory, name, way());
  } else if (tree_.inode(inode).type == EntryType::directory) {
    renew(name);
    remove_untouched(inode, below(way(), place->name));
  }
}

void LayerMerger::put(const Place& place, InodeId inode) {
  NameId name = tree_.find(place.directory, place.name);
  if (name != kNone) {
    note_named_twice(name, place.name);
    if (tree_.inode(tree_.inode_of(name)).type != EntryType::directory) {
      const InodeId replaced = tree_.inode_of(name);
      forget_way_through(replaced);
      tree_.relink(name, inode);
      note_loss(replaced, below(way(), place.name));
      touch(name, true);
      return;
    }
    remove(place.directory, name, way());
  }
  touch_new(tree_.link(place.directory, place.name, inode), true);
}

void LayerMerger::note_link(std::string_view path, std::string_view target, NameId name, const Metadata& stated) {
  if (!touched(name)) {
    linked_older_.insert(name);
    warnings_.add("link-to-older-layer", fmt::format("hard link {} names {} of an older layer, which overlay file systems cannot do", in_quotes(path), in_quotes(target)));
  }
  const Metadata& there = tree_.inode(tree_.inode_of(name)).metadata;
  // Many writers leave the attributes out of a link's header.
  const bool same = stated.mode == there.mode && stated.uid == there.uid && stated.gid == there.gid && stated.mtime == there.mtime &&
                    (stated.xattrs == 0 || stated.xattrs == there.xattrs);
  if (!same) {
    warnings_.add("link-metadata", fmt::format("hard link {}: its owner, mode, time or attributes are not those of {}, which count", in_quotes(path), in_quotes(target)));
  }
}

void LayerMerger::apply_hard_link(std::string_view path, std::string_view target, const Metadata& stated) {
  const auto refuse = [&](std::string_view why) {
    throw Error(ErrorKind::malformed, fmt::format("hard link {}: its target {} {}", in_quotes(path), in_quotes(target), why));
  };
  const auto source = place_of(target, false);
  const NameId name = source ? tree_.find(source->directory, source->name) : kNone;
  if (name == kNone) refuse("is not there");
  const InodeId inode = tree_.inode_of(name);
  if (tree_.inode(inode).type == EntryType::directory) refuse("is a directory");
  note_link(path, target, name, stated);
  const auto place = place_of(path, true);
  const NameId there = tree_.find(place->directory, place->name);
  if (there != kNone && tree_.inode_of(there) == inode) {
    if (there == name) refuse("is the link itself");
    touch(there, true);
    return;
  }
  first_names_.try_emplace(inode, name);
  put(*place, inode);
  if (tree_.inode(inode).links < 2) refuse("has to make room for it");
}

void LayerMerger::imply_directory(std::string_view path) { place_of(fmt::format("{}/.", path), true); }

TreeOrigin LayerMerger::take_origin() {
  TreeOrigin out;
  out.first_inodes = first_inodes_;
  if (!root_ever_named_) out.implied.push_back(Tree::kRoot);
  for (const InodeId id : implied_) {
    if (tree_.inode(id).links != 0) out.implied.push_back(id);
  }
  std::sort(out.implied.begin(), out.implied.end());
  for (const auto& [inode, name] : first_names_) {
    if (tree_.inode(inode).links != 0) out.first_names.emplace_back(inode, name);
  }
  std::sort(out.first_names.begin(), out.first_names.end());
  return out;
}

void LayerMerger::note_replaced_link(std::string_view path, NameId name) {
  const Inode& there = tree_.inode(tree_.inode_of(name));
  const bool near_root = std::count(path.begin(), path.end(), '/') <= 1;
  const bool noted = there.type == EntryType::symlink && near_root && !touched(name);
  if (!noted || replaced_links_.size() == kReplacedLinks) return;
  replaced_links_.push_back({std::string(path), std::string(tree_.symlink_target(there)), stamps_[name] / 2, layer_});
}

InodeId LayerMerger::apply(std::string_view path, const Inode& inode) {
  if (path.empty()) {
    if (root_named_) warnings_.add("duplicate-entry", "the root stands twice in one layer; the last one counts");
    root_named_ = root_ever_named_ = true;
    tree_.inode(Tree::kRoot).metadata = inode.metadata;
    return Tree::kRoot;
  }
  const auto place = place_of(path, true);
  const NameId name = tree_.find(place->directory, place->name);
  if (name != kNone && inode.type == EntryType::directory) {
    const InodeId there = tree_.inode_of(name);
    if (tree_.inode(there).type == EntryType::directory) {
      note_named_twice(name, path);
      tree_.inode(there).metadata = inode.metadata;
      implied_.erase(there);
      touch(name, true);
      return there;
    }
  }
  if (name != kNone && inode.type == EntryType::directory) note_replaced_link(path, name);
  const InodeId added = tree_.add_inode(inode);
  if (inode.type == EntryType::regular) {
    ++usage_.back().files;
    usage_.back().bytes += inode.size;
  }
  put(*place, added);
  return added;
}

}  // namespace sifkit::layers
