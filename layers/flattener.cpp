// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/flattener.h>

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "covered_paths.h"
#include "layer_merger.h"

namespace sifkit::layers {

namespace {

/// One change. Its texts are in the layer's pool: what its path has behind the start that it shares with the path before,
/// then the link target. There may be millions of changes, so a change is small.
struct Change {
  std::uint64_t size = 0;
  Metadata metadata;
  ContentId content = kNoContent;
  std::uint32_t device = 0;
  std::uint16_t shared_length = 0;
  std::uint16_t path_length = 0;
  std::uint16_t target_length = 0;
  EntryType type = EntryType::regular;
  Whiteout whiteout = Whiteout::none;
  bool hard_link = false;
  bool implied = false;
};

struct LayerLog {
  std::uint32_t default_mtime = 0;
  std::deque<Change> changes;
  std::string texts;

  std::uint64_t bytes() const noexcept { return changes.size() * sizeof(Change) + texts.size(); }
};

/// Reads the texts of a layer's changes, from the first on.
class ChangeTexts {
 public:
  explicit ChangeTexts(const LayerLog& layer) : texts_(layer.texts) {}

  void advance(const Change& change) {
    path_.resize(change.shared_length);
    path_.append(take(change.path_length - change.shared_length));
    target_ = take(change.target_length);
  }
  const std::string& path() const noexcept { return path_; }
  std::string_view target() const noexcept { return target_; }

 private:
  std::string_view take(int count) {
    const auto text = std::string_view(texts_).substr(at_, static_cast<std::size_t>(count));
    at_ += text.size();
    return text;
  }

  const std::string& texts_;
  std::size_t at_ = 0;
  std::string path_;
  std::string_view target_;
};

}  // namespace

struct Flattener::Impl {
  const Limits limits;
  WarningList& warnings;
  Tree tree;
  std::vector<LayerLog> layers;  ///< newest first
  CoveredPaths covered;          ///< by layers newer than the current one
  std::uint64_t entries = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t log_bytes = 0;   ///< of the changes in `layers`
  std::string last_path;         ///< in the current layer
  std::vector<ReplacedLink> replaced_links;
  std::vector<LayerUsage> usage;
  TreeOrigin origin;

  void check_memory() const {
    if (log_bytes + tree.bytes() <= limits.metadata_bytes) return;
    throw_over_limit(fmt::format("names, links, attributes and records of all files take more than {} bytes of memory", limits.metadata_bytes),
                     &Limits::metadata_bytes);
  }

  /// Adds a change to the log of the current layer.
  void note(Change change, std::string_view path, std::string_view target) {
    if (++entries > limits.entries) {
      throw_over_limit(fmt::format("more than {} entries in all layers", limits.entries), &Limits::entries);
    }
    SIFKIT_CHECK(path.size() <= 0xffff && target.size() <= 0xffff);
    auto& layer = layers.back();
    const auto bytes_before = layer.bytes();
    const auto differs = std::mismatch(path.begin(), path.end(), last_path.begin(), last_path.end()).first;
    change.shared_length = static_cast<std::uint16_t>(differs - path.begin());
    change.path_length = static_cast<std::uint16_t>(path.size());
    change.target_length = static_cast<std::uint16_t>(target.size());
    layer.texts.append(differs, path.end()).append(target);
    last_path = path;
    layer.changes.push_back(change);
    log_bytes += layer.bytes() - bytes_before;
    check_memory();
  }

  void cover(const LayerLog& layer) {
    ChangeTexts texts(layer);
    std::size_t done = 0;  // so far the directories on the way to the path are those of the path before
    for (const auto& change : layer.changes) {
      texts.advance(change);
      const auto& path = texts.path();
      done = std::min<std::size_t>(done, change.shared_length);
      if (change.implied) continue;
      if (change.whiteout == Whiteout::none) {
        // Files that stand where these are replaced, too.
        for (auto slash = path.find('/', done); slash != std::string::npos; slash = path.find('/', slash + 1))
          covered.cover(std::string_view(path).substr(0, slash));
        done = path.size();
      }
      if (change.whiteout == Whiteout::opaque_dir) {
        covered.cover_below(path);
      } else if (change.whiteout == Whiteout::explicit_file || change.type != EntryType::directory) {
        covered.cover_below(path);
      } else {
        covered.cover(path);
      }
    }
  }

  void merge(std::uint32_t number, LayerMerger& merger, std::vector<Missing>& missing, const OperationContext& operation) {
    auto& layer = layers[number];
    merger.begin_layer(layer.default_mtime);
    ChangeTexts texts(layer);
    for (std::size_t i = 0; i < layer.changes.size(); ++i) {
      operation.check();
      const Change& change = layer.changes[i];
      texts.advance(change);
      const auto& path = texts.path();
      in_context(
          [&] { return fmt::format("layer {} of {}: entry {} {}", layers.size() - number, layers.size(), i + 1, in_quotes(path)); },
          [&] {
            if (change.implied) {
              merger.imply_directory(path);
            } else if (change.whiteout != Whiteout::none) {
              merger.apply_whiteout(path, change.whiteout);
            } else if (change.hard_link) {
              merger.apply_hard_link(path, texts.target(), change.metadata);
            } else {
              apply_file(number, i, change, texts, merger, missing);
            }
            check_memory();
          });
    }
    merger.end_layer();
    log_bytes -= layer.bytes();
    layer = {};
  }

  void apply_file(std::uint32_t number, std::size_t i, const Change& change, const ChangeTexts& texts, LayerMerger& merger,
                  std::vector<Missing>& missing) {
    Inode inode;
    inode.metadata = change.metadata;
    inode.type = change.type;
    inode.content = change.content;
    inode.size = change.size;
    inode.data = change.device;
    if (change.type == EntryType::symlink) inode.data = tree.add_symlink_target(texts.target());
    const InodeId id = merger.apply(texts.path(), inode);
    if (change.type == EntryType::regular && change.content == kNoContent) missing.push_back({number, i, id});
  }

  /// AUFS kept its own books in the root directory; hard links into them have their data by now.
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
      const auto [directory, here] = work.back();
      const InodeId inode = tree.inode_of(here);
      const bool is_directory = tree.inode(inode).type == EntryType::directory;
      if (is_directory && tree.inode(inode).first_child != kNone) {
        work.emplace_back(inode, tree.inode(inode).first_child);
        continue;
      }
      tree.unlink(directory, here);
      work.pop_back();
    }
  }
};

Flattener::Flattener(const Limits& limits, WarningList& warnings)
    : impl_(new Impl{.limits = limits,
                     .warnings = warnings,
                     .tree = {},
                     .layers = {},
                     .covered = {},
                     .last_path = {},
                     .replaced_links = {},
                     .usage = {},
                     .origin = {}}) {}

Flattener::~Flattener() = default;

void Flattener::begin_layer(std::uint32_t default_mtime) {
  if (impl_->layers.size() >= impl_->limits.layers) {
    throw_over_limit(fmt::format("more than {} layers", impl_->limits.layers), &Limits::layers);
  }
  // Only an older layer asks what a newer one covers.
  if (!impl_->layers.empty()) impl_->cover(impl_->layers.back());
  impl_->layers.emplace_back().default_mtime = default_mtime;
  impl_->last_path.clear();
}

Flattener::Decision Flattener::accept(const Entry& entry) {
  auto& state = *impl_;
  Change change;
  change.metadata = entry.metadata;
  change.metadata.xattrs = state.tree.intern_xattrs(entry.xattrs);
  change.type = entry.type;
  change.whiteout = entry.whiteout;
  change.hard_link = entry.hard_link;
  change.size = entry.size;
  const bool device = entry.type == EntryType::char_device || entry.type == EntryType::block_device;
  change.device = device ? device_word(entry.device_major, entry.device_minor) : kNone;
  const bool file = entry.whiteout == Whiteout::none && !entry.hard_link && entry.type == EntryType::regular;
  if (file && entry.size == 0) change.content = kEmptyContent;
  state.note(change, entry.path, entry.link_target);
  if (file) {
    state.file_bytes += entry.size;
    if (state.file_bytes > state.limits.image_bytes) {
      throw_over_limit(fmt::format("the files of all layers have more than {} bytes", state.limits.image_bytes), &Limits::image_bytes);
    }
  }
  return file && entry.size != 0 && !state.covered.hides(entry.path) ? Decision::pack : Decision::no_data;
}

const std::vector<Flattener::ReplacedLink>& Flattener::replaced_links() const noexcept { return impl_->replaced_links; }

void Flattener::imply_directory(std::string_view path) {
  Change change;
  change.type = EntryType::directory;
  change.implied = true;
  impl_->note(change, path, {});
}

const TreeOrigin& Flattener::origin() const noexcept { return impl_->origin; }

const std::vector<LayerUsage>& Flattener::usage() const noexcept { return impl_->usage; }

void Flattener::set_content(ContentId content) { impl_->layers.back().changes.back().content = content; }

Tree Flattener::finish(std::vector<Missing>& missing, const OperationContext& operation,
                       const TakeLostFile& take_lost) {
  auto& state = *impl_;
  state.covered = {};
  missing.clear();
  LayerMerger merger(state.tree, state.limits, state.warnings, take_lost);
  for (auto number = static_cast<std::uint32_t>(state.layers.size()); number-- > 0;) state.merge(number, merger, missing, operation);
  state.replaced_links = merger.take_replaced_links();
  state.usage = merger.take_usage();
  state.origin = merger.take_origin();
  state.hide_aufs_files();
  std::erase_if(missing, [&](const Missing& file) { return state.tree.inode(file.inode).links == 0; });
  std::sort(missing.begin(), missing.end(),
            [](const Missing& a, const Missing& b) { return std::pair(a.layer, a.entry) < std::pair(b.layer, b.entry); });
  return std::move(state.tree);
}

}  // namespace sifkit::layers
