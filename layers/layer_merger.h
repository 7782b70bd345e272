// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/path_rest.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// Applies changes to a tree, oldest layer first, exactly as extracting them one after the other into one directory
/// would (OCI image-spec layer.md; docs/compatibility.md where it leaves a choice). Whiteouts reach what older layers
/// brought and spare what their own layer touches, whatever the order. Links on the way to a name are followed inside
/// the root. Not thread safe.
class LayerMerger {
 public:
  /// Everything that is given outlives the object; `take_lost` may be empty.
  LayerMerger(Tree& tree, const Limits& limits, WarningList& warnings, const TakeLostFile& take_lost)
      : tree_(tree), limits_(limits), warnings_(warnings), take_lost_(take_lost) {}

  void begin_layer(std::uint32_t default_mtime);
  /// Tells of the files that the layer has hidden: what stands in their place is known by now.
  void end_layer();

  void apply_whiteout(std::string_view path, Whiteout kind);
  /// `stated` is what the link's own header says of the file; it does not count, but a contradiction is reported.
  void apply_hard_link(std::string_view path, std::string_view target, const Metadata& stated);
  /// Puts `inode` there, or, for a directory over a directory, its metadata. Returns the inode that the name has then.
  InodeId apply(std::string_view path, const Inode& inode);

  std::vector<Flattener::ReplacedLink> take_replaced_links() { return std::move(replaced_links_); }
  /// Makes a directory, and those on the way to it, as an entry inside it would.
  void imply_directory(std::string_view path);

  TreeOrigin take_origin();
  std::vector<LayerUsage> take_usage() { return std::move(usage_); }

 private:
  /// Bytes of links that are followed on the ways to all names: so many at first, and on average so many for each. Else
  /// a header of a few compressed bytes could have those of a whole walk.
  static constexpr std::uint64_t kFirstLinkBytes = 16u << 20;
  static constexpr std::uint64_t kLinkBytesOfName = 256;

  struct Place {
    InodeId directory = kNone;
    std::string_view name;
  };

  /// The directory that holds the last component. `create` makes what is missing and replaces files that are in the way;
  /// without it a path that leads nowhere gives nothing.
  std::optional<Place> place_of(std::string_view path, bool create);
  /// Goes to the directory `parent`; `directories_`, `way_` and `last_walk_` say how.
  bool walk(std::string_view parent, bool create);
  void follow(std::string_view target, PathRest& rest);
  /// A link or a directory is about to lose a name, which the last walk may have gone through. New names change no way.
  void forget_way_through(InodeId inode);
  Metadata implied_metadata() const;  ///< of a directory that no layer names
  /// Makes a directory of older layers that this one hides, and holds something in, what it would be had it been hidden
  /// first: one that no layer names, unless this one does.
  void renew(NameId name);
  NameId make_directory(InodeId parent, std::string_view name);
  void remove(InodeId parent, NameId name, const std::string& parent_path);
  /// Counts a file that has lost a name, if it was the last one.
  void note_loss(InodeId inode, std::string path);
  /// Takes away everything below a directory that this layer has not touched.
  void remove_untouched(InodeId directory, std::string path);
  /// The path of the directory that `place_of` led to, empty for the root; empty where nobody is told of lost files.
  std::string way() const;
  /// The path of a name in a directory, or empty in the same case.
  std::string below(const std::string& directory, std::string_view name);
  void put(const Place& place, InodeId inode);

  bool touched(NameId name) const { return name < stamps_.size() && stamps_[name] / 2 == layer_; }
  void touch(NameId name, bool named);
  void touch_new(NameId name, bool named);
  void note_named_twice(NameId name, std::string_view text);
  void note_replaced_link(std::string_view path, NameId name);
  void note_link(std::string_view path, std::string_view target, NameId name, const Metadata& stated);

  Tree& tree_;
  const Limits& limits_;
  WarningList& warnings_;
  const TakeLostFile& take_lost_;
  std::vector<std::pair<std::string, InodeId>> lost_;  ///< by this layer, with the path of the last name
  std::uint64_t path_bytes_ = 0;    ///< of all paths that were made in this layer
  std::uint32_t layer_ = 0;         ///< from 1
  std::uint32_t default_mtime_ = 0;
  bool root_named_ = false;
  std::vector<std::uint32_t> stamps_;  ///< by NameId: twice the layer that touched it last, plus 1 when it named it
  std::vector<std::uint32_t> emptied_;  ///< by InodeId: the layer that took away last what it does not touch there
  std::vector<Flattener::ReplacedLink> replaced_links_;
  std::vector<LayerUsage> usage_;       ///< by layer
  std::unordered_set<InodeId> implied_;
  std::unordered_map<InodeId, NameId> first_names_;  ///< of files with more names than one
  bool root_ever_named_ = false;
  struct LastWalk {
    std::string path;
    bool created = false;  ///< it would have made what is missing
    bool known = false;    ///< where it led still holds
    bool clamped = false;  ///< a link led out of the root
    std::string link = {};  ///< the first one on the way, "" for none
  };
  LastWalk last_walk_;
  std::uint64_t link_bytes_left_ = kFirstLinkBytes;  ///< of links that may be followed yet
  std::vector<InodeId> directories_;  ///< on the way to a place, from the root on; here so that they are allocated once
  std::vector<NameId> way_;           ///< the names of all of them but the root
  std::vector<InodeId> first_inodes_;   ///< by layer: what it adds is from there on
  std::unordered_set<NameId> linked_older_;  ///< names of older layers that a hard link of this one goes to
};

}  // namespace sifkit::layers
