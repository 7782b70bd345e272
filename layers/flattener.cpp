// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/flattener.h>

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "covered_paths.h"
#include "layer_merger.h"

namespace sifkit::layers {

namespace {

/// One change, with its texts in the layer's pool: path, then link target.
struct Change {
  std::uint64_t texts = 0;
  std::uint64_t size = 0;
  Metadata metadata;
  ContentId content = kNoContent;
  std::uint32_t device = 0;
  std::uint16_t path_length = 0;
  std::uint16_t target_length = 0;
  EntryType type = EntryType::regular;
  Whiteout whiteout = Whiteout::none;
  bool hard_link = false;
};

struct LayerLog {
  std::uint32_t default_mtime = 0;
  std::vector<Change> changes;
  std::string texts;

  std::string_view path(const Change& change) const {
    return std::string_view(texts).substr(static_cast<std::size_t>(change.texts), change.path_length);
  }
  std::string_view target(const Change& change) const {
    return std::string_view(texts).substr(static_cast<std::size_t>(change.texts) + change.path_length, change.target_length);
  }
};

}  // namespace

struct Flattener::Impl {
  const Limits limits;
  WarningList& warnings;
  Tree tree;
  std::vector<LayerLog> layers;  ///< newest first
  CoveredPaths covered;          ///< by layers newer than the current one
  std::uint64_t entries = 0;

  void cover(const LayerLog& layer) {
    for (const auto& change : layer.changes) {
      const auto path = layer.path(change);
      if (change.whiteout == Whiteout::opaque_dir) {
        covered.cover_below(path);
      } else if (change.whiteout == Whiteout::explicit_file || change.type != EntryType::directory) {
        covered.cover_below(path);
      } else {
        covered.cover(path);
      }
    }
  }

  void merge(std::uint32_t number, LayerMerger& merger, std::vector<Missing>& missing) {
    auto& layer = layers[number];
    merger.begin_layer(layer.default_mtime);
    for (std::size_t i = 0; i < layer.changes.size(); ++i) {
      const Change& change = layer.changes[i];
      const auto path = layer.path(change);
      in_context(
          [&] { return fmt::format("layer {} of {}: entry {} {}", layers.size() - number, layers.size(), i + 1, in_quotes(path)); },
          [&] {
            if (change.whiteout != Whiteout::none) {
              merger.apply_whiteout(path, change.whiteout);
            } else if (change.hard_link) {
              merger.apply_hard_link(path, layer.target(change));
            } else {
              apply_file(number, i, layer, merger, missing);
            }
          });
    }
    layer = {};
  }

  void apply_file(std::uint32_t number, std::size_t i, const LayerLog& layer, LayerMerger& merger, std::vector<Missing>& missing) {
    const Change& change = layer.changes[i];
    Inode inode;
    inode.metadata = change.metadata;
    inode.type = change.type;
    inode.content = change.content;
    inode.size = change.size;
    inode.data = change.device;
    if (change.type == EntryType::symlink) inode.data = tree.add_symlink_target(layer.target(change));
    const InodeId id = merger.apply(layer.path(change), inode);
    if (change.type == EntryType::regular && change.content == kNoContent) missing.push_back({number, i, id});
  }

  /// AUFS kept its own books in the root folder; hard links into them have their data by now.
  void hide_aufs_files() {
    for (const NameId name : tree.sorted_children(Tree::kRoot)) {
      if (!tree.text_of(name).starts_with(".wh..wh.")) continue;
      warnings.add("aufs-file", fmt::format("{} is left out", in_quotes(tree.text_of(name))));
      remove_name(Tree::kRoot, name);
    }
  }

  void remove_name(InodeId parent, NameId name) {
    std::vector<std::pair<InodeId, NameId>> work{{parent, name}};
    while (!work.empty()) {
      const auto [folder, here] = work.back();
      const InodeId inode = tree.inode_of(here);
      const bool is_folder = tree.inode(inode).type == EntryType::directory;
      if (is_folder && tree.inode(inode).first_child != kNone) {
        work.emplace_back(inode, tree.inode(inode).first_child);
        continue;
      }
      tree.unlink(folder, here);
      work.pop_back();
    }
  }
};

Flattener::Flattener(const Limits& limits, WarningList& warnings)
    : impl_(new Impl{.limits = limits, .warnings = warnings, .tree = {}, .layers = {}, .covered = {}}) {}

Flattener::~Flattener() = default;

void Flattener::begin_layer(std::uint32_t default_mtime) {
  if (impl_->layers.size() >= impl_->limits.layers) {
    throw Error(ErrorKind::limit, fmt::format("more than {} layers", impl_->limits.layers));
  }
  impl_->layers.emplace_back().default_mtime = default_mtime;
}

Flattener::Decision Flattener::accept(const Entry& entry) {
  auto& state = *impl_;
  if (++state.entries > state.limits.entries) {
    throw Error(ErrorKind::limit, fmt::format("more than {} entries in all layers", state.limits.entries));
  }
  SIFKIT_CHECK(entry.path.size() <= 0xffff && entry.link_target.size() <= 0xffff);
  auto& layer = state.layers.back();
  Change change;
  change.texts = layer.texts.size();
  change.path_length = static_cast<std::uint16_t>(entry.path.size());
  change.target_length = static_cast<std::uint16_t>(entry.link_target.size());
  layer.texts.append(entry.path).append(entry.link_target);
  change.metadata = entry.metadata;
  change.metadata.xattrs = state.tree.intern_xattrs(entry.xattrs);
  change.type = entry.type;
  change.whiteout = entry.whiteout;
  change.hard_link = entry.hard_link;
  change.size = entry.size;
  const bool device = entry.type == EntryType::char_device || entry.type == EntryType::block_device;
  change.device = device ? entry.device_major << 20 | entry.device_minor : kNone;
  const bool file = entry.whiteout == Whiteout::none && !entry.hard_link && entry.type == EntryType::regular;
  if (file && entry.size == 0) change.content = kEmptyContent;
  layer.changes.push_back(change);
  return file && entry.size != 0 && !state.covered.hides(entry.path) ? Decision::pack : Decision::no_data;
}

void Flattener::set_content(ContentId content) { impl_->layers.back().changes.back().content = content; }

void Flattener::end_layer() {
  auto& layer = impl_->layers.back();
  layer.changes.shrink_to_fit();
  layer.texts.shrink_to_fit();
  impl_->cover(layer);
}

Tree Flattener::finish(std::vector<Missing>& missing) {
  auto& state = *impl_;
  state.covered = {};
  missing.clear();
  LayerMerger merger(state.tree, state.limits, state.warnings);
  for (auto number = static_cast<std::uint32_t>(state.layers.size()); number-- > 0;) state.merge(number, merger, missing);
  state.hide_aufs_files();
  std::erase_if(missing, [&](const Missing& file) { return state.tree.inode(file.inode).links == 0; });
  std::sort(missing.begin(), missing.end(),
            [](const Missing& a, const Missing& b) { return std::pair(a.layer, a.entry) < std::pair(b.layer, b.entry); });
  return std::move(state.tree);
}

}  // namespace sifkit::layers
