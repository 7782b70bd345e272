// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/tree.h>

#include <algorithm>
#include <limits>

#include <sifkit/core/error.h>
#include <sifkit/layers/path_rest.h>

#include "name_hash.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kFirstTable = 1024;
constexpr unsigned kMaxHops = 255;  ///< links on the way
// Of a set of attributes and of one of them, beside its texts: here, and while the image's tables are written.
constexpr std::uint64_t kSetBytes = 160;
constexpr std::uint64_t kXattrBytes = sizeof(Xattrs::value_type) + 64;

/// What a text takes outside its object.
std::uint64_t heap_bytes(const std::string& text) {
  static constexpr std::uint64_t kBlock = 16;
  static const std::size_t inside = std::string().capacity();
  return text.size() <= inside ? 0 : (text.size() + 1 + sizeof(void*) + kBlock - 1) / kBlock * kBlock;
}

}  // namespace

Tree::Tree() : table_(kFirstTable, kNone) {
  Inode root;
  root.type = EntryType::directory;
  root.links = 1;
  root.metadata.mode = 0755;
  inodes_.push_back(root);
  intern_xattrs({});
}

InodeId Tree::add_inode(const Inode& inode) {
  if (inodes_.size() >= kNone) throw Error(ErrorKind::limit, "more than 4294967295 files in one image");
  inodes_.push_back(inode);
  return static_cast<InodeId>(inodes_.size() - 1);
}

std::size_t Tree::bucket(InodeId parent, std::string_view name) const {
  NameHash hash(std::uint64_t{parent} + 1);
  hash.add(name);
  return static_cast<std::size_t>(hash.value()) & (table_.size() - 1);
}

std::string_view Tree::text_of(NameId name) const {
  const Name& entry = names_[name];
  return std::string_view(name_bytes_).substr(static_cast<std::size_t>(entry.text), entry.length);
}

NameId Tree::find(InodeId parent, std::string_view name) const {
  for (NameId id = table_[bucket(parent, name)]; id != kNone; id = names_[id].hash_next) {
    if (names_[id].parent == parent && text_of(id) == name) return id;
  }
  return kNone;
}

NameId Tree::link(InodeId parent, std::string_view name, InodeId inode) {
  SIFKIT_CHECK(!name.empty() && name.size() <= std::numeric_limits<std::uint16_t>::max());
  NameId id;
  if (free_names_.empty()) {
    if (names_.size() >= kNone) throw Error(ErrorKind::limit, "more than 4294967295 names in one image");
    id = static_cast<NameId>(names_.size());
    names_.emplace_back();
  } else {
    id = free_names_.back();
    free_names_.pop_back();
  }
  Name& entry = names_[id];
  entry.text = name_bytes_.size();
  entry.length = static_cast<std::uint16_t>(name.size());
  entry.inode = inode;
  entry.parent = parent;
  name_bytes_.append(name);
  entry.next = inodes_[parent].first_child;
  entry.previous = kNone;
  if (entry.next != kNone) names_[entry.next].previous = id;
  inodes_[parent].first_child = id;
  if (names_.size() > table_.size()) {
    entry.hash_next = kNone;
    grow_table();
  } else {
    auto& head = table_[bucket(parent, name)];
    entry.hash_next = head;
    head = id;
  }
  ++inodes_[inode].links;
  return id;
}

void Tree::grow_table() {
  table_.assign(table_.size() * 2, kNone);
  for (NameId id = 0; id < names_.size(); ++id) {
    if (names_[id].inode == kNone) continue;
    auto& head = table_[bucket(names_[id].parent, text_of(id))];
    names_[id].hash_next = head;
    head = id;
  }
}

void Tree::unlink(InodeId parent, NameId name) {
  const Name& entry = names_[name];
  SIFKIT_CHECK(entry.inode != kNone && entry.parent == parent);
  (entry.previous == kNone ? inodes_[parent].first_child : names_[entry.previous].next) = entry.next;
  if (entry.next != kNone) names_[entry.next].previous = entry.previous;
  auto* in_bucket = &table_[bucket(parent, text_of(name))];
  while (*in_bucket != name) in_bucket = &names_[*in_bucket].hash_next;
  *in_bucket = names_[name].hash_next;
  --inodes_[names_[name].inode].links;
  names_[name].inode = kNone;
  free_names_.push_back(name);
}

void Tree::relink(NameId name, InodeId inode) {
  --inodes_[names_[name].inode].links;
  names_[name].inode = inode;
  ++inodes_[inode].links;
}

std::uint32_t Tree::link_count(InodeId id) const {
  if (inode(id).type != EntryType::directory) return inode(id).links;
  std::uint32_t out = 2;
  for (NameId name = inode(id).first_child; name != kNone; name = next_sibling(name)) {
    out += inode(inode_of(name)).type == EntryType::directory ? 1u : 0u;
  }
  return out;
}

std::vector<NameId> Tree::sorted_children(InodeId directory) const {
  std::vector<NameId> children;
  for (NameId id = inodes_[directory].first_child; id != kNone; id = names_[id].next) children.push_back(id);
  // string_view compares as unsigned bytes.
  std::sort(children.begin(), children.end(), [&](NameId a, NameId b) { return text_of(a) < text_of(b); });
  return children;
}

std::optional<std::vector<NameId>> Tree::names_to(std::string_view path, bool follow,
                                                  const BeforeFind& before_find) const {
  std::vector<NameId> names;
  PathRest rest(path);
  unsigned hops = 0;
  while (!rest.empty()) {
    const std::string_view component = rest.next();
    if (component.empty() || component == ".") continue;
    if (component == "..") {
      if (!names.empty()) names.pop_back();
      continue;
    }
    const InodeId here = names.empty() ? kRoot : inode_of(names.back());
    if (inodes_[here].type != EntryType::directory) return std::nullopt;
    if (before_find) before_find(here, component);
    const NameId name = find(here, component);
    if (name == kNone) return std::nullopt;
    const InodeId id = inode_of(name);
    if (inodes_[id].type == EntryType::symlink && (follow || !rest.empty())) {
      const auto target = symlink_target(inodes_[id]);
      if (++hops > kMaxHops || !rest.follow(target)) return std::nullopt;
      if (target.starts_with('/')) names.clear();
      continue;
    }
    names.push_back(name);
  }
  return names;
}

std::optional<InodeId> Tree::resolve(std::string_view path, bool follow) const {
  const auto names = names_to(path, follow);
  if (!names) return std::nullopt;
  return names->empty() ? kRoot : inode_of(names->back());
}

std::optional<InodeId> Tree::resolve(std::string_view path, bool follow, const BeforeFind& before_find) const {
  const auto names = names_to(path, follow, before_find);
  if (!names) return std::nullopt;
  return names->empty() ? kRoot : inode_of(names->back());
}

std::optional<std::string> Tree::real_path(std::string_view path, bool follow) const {
  const auto names = names_to(path, follow);
  if (!names) return std::nullopt;
  std::string out;
  for (const NameId name : *names) out.append("/").append(text_of(name));
  return out.empty() ? "/" : out;
}

std::uint32_t Tree::add_symlink_target(std::string_view target) {
  targets_.emplace_back(target_bytes_.size(), static_cast<std::uint32_t>(target.size()));
  target_bytes_.append(target);
  return static_cast<std::uint32_t>(targets_.size() - 1);
}

std::string_view Tree::symlink_target(const Inode& inode) const {
  const auto [offset, length] = targets_.at(inode.data);
  return std::string_view(target_bytes_).substr(static_cast<std::size_t>(offset), length);
}

std::uint32_t Tree::intern_xattrs(const Xattrs& xattrs) {
  const auto next = static_cast<std::uint32_t>(xattr_sets_.size());
  const auto [at, added] = xattr_index_.try_emplace(xattrs, next);
  if (added) {
    xattr_sets_.push_back(&at->first);
    xattr_bytes_ += kSetBytes;
    for (const auto& [name, value] : xattrs) xattr_bytes_ += kXattrBytes + heap_bytes(name) + heap_bytes(value);
  }
  return at->second;
}

std::uint64_t Tree::bytes() const noexcept {
  return inodes_.size() * sizeof(Inode) + names_.size() * (sizeof(Name) + sizeof(NameId)) + name_bytes_.size() +
         targets_.size() * sizeof(targets_[0]) + target_bytes_.size() + xattr_bytes_;
}

std::vector<std::uint32_t> inode_numbers(const Tree& tree) {
  static constexpr std::uint32_t kNamed = 1;
  std::vector<std::uint32_t> numbers(tree.inode_count());
  std::vector<InodeId> open{Tree::kRoot};
  while (!open.empty()) {
    const InodeId directory = open.back();
    open.pop_back();
    numbers[directory] = kNamed;
    for (NameId name = tree.inode(directory).first_child; name != kNone; name = tree.next_sibling(name)) {
      const InodeId child = tree.inode_of(name);
      numbers[child] = kNamed;
      if (tree.inode(child).type == EntryType::directory) open.push_back(child);
    }
  }
  std::uint32_t count = 0;
  for (auto& number : numbers) {
    if (number == kNamed) number = ++count;
  }
  return numbers;
}

}  // namespace sifkit::layers
