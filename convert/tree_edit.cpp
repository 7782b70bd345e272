// SPDX-License-Identifier: Apache-2.0
#include "tree_edit.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/entry_names.h>

namespace sifkit {

using namespace layers;

namespace {

std::string_view type_word(EntryType type) {
  switch (type) {
    case EntryType::directory: return "a directory";
    case EntryType::symlink: return "a link";
    case EntryType::regular: return "a file";
    case EntryType::fifo: return "a named pipe";
    default: return "a device";
  }
}

std::string describe(const Tree& tree, const Inode& inode) {
  if (inode.type != EntryType::symlink) return fmt::format("is {}", type_word(inode.type));
  return fmt::format("is a link to {}", in_quotes(tree.symlink_target(inode)));
}

[[noreturn]] void refuse(std::string_view path, std::string_view what, const TreeEdit::Obstacle& obstacle,
                         Hint hint = {}) {
  throw Error(ErrorKind::unsupported,
              fmt::format("{} {} cannot be written: {} {}", what, in_quotes("/" + std::string(path)),
                          in_quotes("/" + obstacle.path), obstacle.description), std::move(hint));
}

}  // namespace

std::optional<TreeEdit::Obstacle> TreeEdit::obstacle(std::string_view path) const {
  std::string_view first_link;
  const auto found = [&](std::string_view at, const Inode& inode) {
    return Obstacle{std::string(at), describe(tree_, inode), std::string(first_link.empty() ? at : first_link)};
  };
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const auto parent = path.substr(0, slash);
    const auto there = tree_.resolve(parent, false);
    if (!there) return std::nullopt;
    const auto target = tree_.resolve(parent, true);
    if (!target || tree_.inode(*target).type != EntryType::directory) return found(parent, tree_.inode(*there));
    if (first_link.empty() && tree_.inode(*there).type == EntryType::symlink) first_link = parent;
  }
  const auto there = tree_.resolve(path, false);
  if (!there || tree_.inode(*there).type == EntryType::regular) return std::nullopt;
  return found(path, tree_.inode(*there));
}

void TreeEdit::expect_room(std::string_view path, std::string_view what) const {
  if (const auto there = obstacle(path)) refuse(path, what, *there);
}

void TreeEdit::expect_directory(std::string_view path, std::string_view what) const {
  if (const auto there = obstacle(path); there && there->path != path) refuse(path, what, *there);
  const InodeId inode = look_up(path);
  if (inode == kNone || tree_.inode(inode).type == EntryType::directory) return;
  const auto target = tree_.resolve(path, true);
  Hint hint;
  if (target && tree_.inode(*target).type == EntryType::directory)
    hint = "to add to the directory that it leads to, name that: " + printable(*tree_.real_path(path, true));
  refuse(path, what, {std::string(path), describe(tree_, tree_.inode(inode)), std::string(path)}, std::move(hint));
}

TreeEdit::Place TreeEdit::place_of(std::string_view path, bool create) {
  const auto [parent, name] = split_path(path);
  if (const auto directory = tree_.resolve(parent, true)) {
    SIFKIT_CHECK(tree_.inode(*directory).type == EntryType::directory);
    return {*directory, name};
  }
  if (!create) return {kNone, name};
  ensure_directory(parent);
  const auto directory = tree_.resolve(parent, true);
  SIFKIT_CHECK(directory && tree_.inode(*directory).type == EntryType::directory);
  return {*directory, name};
}

InodeId TreeEdit::look_up(std::string_view path) const {
  const auto found = tree_.resolve(path, false);
  return found ? *found : kNone;
}

InodeId TreeEdit::make_directory(InodeId parent, std::string_view name) {
  Inode inode;
  inode.type = EntryType::directory;
  inode.metadata.mode = 0755;
  inode.metadata.mtime = mtime_;
  const InodeId id = tree_.add_inode(inode);
  tree_.link(parent, name, id);
  return id;
}

void TreeEdit::ensure_directory(std::string_view path) {
  if (path.empty()) return;
  const Place place = place_of(path, true);
  if (tree_.find(place.directory, place.name) == kNone) make_directory(place.directory, place.name);
}

ContentId TreeEdit::store(std::string_view text) {
  if (text.empty()) return kEmptyContent;
  sink_.begin(text.size());
  sink_.append(as_bytes(text));
  return sink_.end();
}

void TreeEdit::put_file(std::string_view path, std::uint32_t mode, std::string_view text) {
  put_content(path, mode, store(text), text.size());
}

void TreeEdit::put_content(std::string_view path, std::uint32_t mode, ContentId content, std::uint64_t size) {
  const Place place = place_of(path, true);
  Inode inode;
  inode.type = EntryType::regular;
  inode.metadata.mode = mode;
  inode.metadata.mtime = mtime_;
  inode.size = size;
  inode.content = content;
  if (const NameId name = tree_.find(place.directory, place.name); name != kNone) {
    SIFKIT_CHECK(tree_.inode(tree_.inode_of(name)).type == EntryType::regular);
    // The file is written anew, so other hard links of the name keep the image's own text.
    tree_.unlink(place.directory, name);
  }
  tree_.link(place.directory, place.name, tree_.add_inode(inode));
}

void TreeEdit::put_symlink(std::string_view path, std::string_view target) {
  const Place place = place_of(path, true);
  if (const NameId name = tree_.find(place.directory, place.name); name != kNone) {
    const Inode& there = tree_.inode(tree_.inode_of(name));
    if (there.type != EntryType::symlink || tree_.symlink_target(there) == target) return;
    tree_.unlink(place.directory, name);
  }
  Inode inode;
  inode.type = EntryType::symlink;
  inode.metadata.mode = 0777;
  inode.metadata.mtime = mtime_;
  inode.data = tree_.add_symlink_target(target);
  tree_.link(place.directory, place.name, tree_.add_inode(inode));
}

void TreeEdit::remove_file(std::string_view path) {
  const auto [parent, name] = split_path(path);
  const auto directory = tree_.resolve(parent, true);
  if (!directory || tree_.inode(*directory).type != EntryType::directory) return;
  const NameId there = tree_.find(*directory, name);
  if (there == kNone) return;
  const EntryType type = tree_.inode(tree_.inode_of(there)).type;
  if (type == EntryType::regular || type == EntryType::symlink) tree_.unlink(*directory, there);
}

void TreeEdit::move(std::string_view from, std::string_view to) {
  const Place source = place_of(from, false);
  const NameId name = source.directory == kNone ? kNone : tree_.find(source.directory, source.name);
  SIFKIT_CHECK(name != kNone);
  const InodeId inode = tree_.inode_of(name);
  const Place target = place_of(to, true);
  SIFKIT_CHECK(tree_.find(target.directory, target.name) == kNone);
  tree_.link(target.directory, target.name, inode);
  tree_.unlink(source.directory, name);
}

}  // namespace sifkit
