// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/entry.h>

namespace sifkit::layers {

/// Names an inode or a directory entry of a Tree.
using InodeId = std::uint32_t;
using NameId = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffffu;

/// The number of a device in one word: as Linux numbers them, 12 bits of major and 20 of minor.
constexpr std::uint32_t device_word(std::uint32_t major, std::uint32_t minor) { return major << 20 | minor; }
constexpr std::uint32_t device_major(std::uint32_t word) { return word >> 20; }
constexpr std::uint32_t device_minor(std::uint32_t word) { return word & 0xfffffu; }

/// One file of the image: what all its hard links share.
struct Inode {
  Metadata metadata;
  EntryType type = EntryType::regular;
  std::uint32_t links = 0;        ///< names of it; for a directory always 1
  ContentId content = kNoContent;  ///< regular
  std::uint32_t data = kNone;     ///< symlink: index into Tree's target texts; device: its device_word
  std::uint64_t size = 0;         ///< regular
  NameId first_child = kNone;     ///< directory: head of the list of its entries, in no order
};

/// The merged root file system: metadata only; the bytes of files are in a ContentSink. Every name, in every
/// directory, is unique, not empty, without '/' and NUL, and not `.` or `..`. Compact: about 100 bytes a file and its
/// name. Not thread safe.
class SIFKIT_API Tree {
 public:
  /// A root directory 0755 0:0 with time 0.
  Tree();
  Tree(const Tree&) = delete;  // the sets of attributes are told by their places
  Tree& operator=(const Tree&) = delete;
  Tree(Tree&&) = default;
  Tree& operator=(Tree&&) = default;

  static constexpr InodeId kRoot = 0;

  Inode& inode(InodeId id) { return inodes_[id]; }
  const Inode& inode(InodeId id) const { return inodes_[id]; }
  std::size_t inode_count() const noexcept { return inodes_.size(); }  ///< unlinked ones included
  /// Bytes that the tree's records and texts take; its tables may have room for as much again.
  std::uint64_t bytes() const noexcept;

  InodeId add_inode(const Inode& inode);

  /// The entry `name` of directory `parent`, or kNone.
  NameId find(InodeId parent, std::string_view name) const;
  /// Adds an entry; the caller has made sure that the name is free.
  NameId link(InodeId parent, std::string_view name, InodeId inode);
  /// Takes the entry away; an inode that loses its last name stays in the table with links == 0.
  void unlink(InodeId parent, NameId name);
  /// Makes an entry name another inode; the one before loses a name.
  void relink(NameId name, InodeId inode);

  InodeId inode_of(NameId name) const { return names_[name].inode; }
  std::string_view text_of(NameId name) const;
  NameId next_sibling(NameId name) const { return names_[name].next; }
  std::size_t name_count() const noexcept { return names_.size(); }  ///< taken away ones included

  /// As stat(2) has it: a directory counts for its name, for itself, and for each directory in it.
  std::uint32_t link_count(InodeId inode) const;
  /// The entries of a directory sorted by unsigned bytes.
  std::vector<NameId> sorted_children(InodeId directory) const;

  /// Resolves a path inside the root as a chrooted process would, the last component too when `follow` is set.
  /// Nothing where a component is missing, or where links loop or are more than 255 or more than PathRest takes.
  std::optional<InodeId> resolve(std::string_view path, bool follow) const;
  /// Called before a name is looked for in a directory: it may add that name.
  using BeforeFind = std::function<void(InodeId directory, std::string_view name)>;
  /// The same in a tree that is not all there yet.
  std::optional<InodeId> resolve(std::string_view path, bool follow, const BeforeFind& before_find) const;
  /// The same as the path that no link is on the way of, with a leading slash.
  std::optional<std::string> real_path(std::string_view path, bool follow) const;

  /// Gives what `Inode::data` of a link to `target` is. Texts are not shared.
  std::uint32_t add_symlink_target(std::string_view target);
  std::string_view symlink_target(const Inode& inode) const;

  /// Index of an equal set that is there already, or of a new one. 0 is the empty set.
  std::uint32_t intern_xattrs(const Xattrs& xattrs);
  const Xattrs& xattrs(std::uint32_t index) const { return *xattr_sets_[index]; }

 private:
  struct Name {
    std::uint64_t text = 0;  ///< offset into names' bytes
    InodeId inode = kNone;
    InodeId parent = kNone;
    NameId next = kNone;        ///< in the parent's list
    NameId previous = kNone;    ///< in the parent's list
    NameId hash_next = kNone;   ///< in the hash bucket
    std::uint16_t length = 0;
  };

  /// The names from the root to what a path leads to; the root itself is none.
  std::optional<std::vector<NameId>> names_to(std::string_view path, bool follow,
                                              const BeforeFind& before_find = {}) const;

  std::size_t bucket(InodeId parent, std::string_view name) const;
  void grow_table();

  std::vector<Inode> inodes_;
  std::vector<Name> names_;
  std::vector<NameId> free_names_;
  std::vector<NameId> table_;
  std::string name_bytes_;
  std::string target_bytes_;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> targets_;
  std::map<Xattrs, std::uint32_t> xattr_index_;
  std::vector<const Xattrs*> xattr_sets_;
  std::uint64_t xattr_bytes_ = 0;
};

/// The numbers that an image gives to inodes with names: from 1 on, in the order in which they came into the tree, so what
/// an older layer brought has lower ones. By InodeId; 0 for one without a name.
SIFKIT_API std::vector<std::uint32_t> inode_numbers(const Tree& tree);

}  // namespace sifkit::layers
