// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <sifkit/core/report.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// Applies changes to a tree, oldest layer first, exactly as extracting them one after the other into one folder
/// would (OCI image-spec layer.md; docs/compatibility.md where it leaves a choice). Whiteouts reach what older layers
/// brought and spare what their own layer touches, whatever the order. Links on the way to a name are followed inside
/// the root. Not thread safe.
class LayerMerger {
 public:
  LayerMerger(Tree& tree, const Limits& limits, WarningList& warnings)
      : tree_(tree), limits_(limits), warnings_(warnings) {}

  void begin_layer(std::uint32_t default_mtime);

  void apply_whiteout(std::string_view path, Whiteout kind);
  void apply_hard_link(std::string_view path, std::string_view target);
  /// Puts `inode` there, or, for a folder over a folder, its metadata. Returns the inode that the name has then.
  InodeId apply(std::string_view path, const Inode& inode);

 private:
  struct Place {
    InodeId folder = kNone;
    std::string_view name;
  };

  /// The folder that holds the last component. `create` makes what is missing and replaces files that are in the way;
  /// without it a path that leads nowhere gives nothing.
  std::optional<Place> place_of(std::string_view path, bool create);
  InodeId make_folder(InodeId parent, std::string_view name);
  void remove(InodeId parent, NameId name);
  /// Takes away everything below a folder that this layer has not touched.
  void remove_untouched(InodeId folder);
  void put(const Place& place, InodeId inode);

  bool touched(NameId name) const { return name < stamps_.size() && stamps_[name] / 2 == layer_; }
  void touch(NameId name, bool named);

  Tree& tree_;
  const Limits& limits_;
  WarningList& warnings_;
  std::uint32_t layer_ = 0;         ///< from 1
  std::uint32_t default_mtime_ = 0;
  std::vector<std::uint32_t> stamps_;  ///< by NameId: twice the layer that touched it last, plus 1 when it named it
};

}  // namespace sifkit::layers
