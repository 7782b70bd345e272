// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// What one layer has brought, and what it took away.
struct LayerUsage {
  std::uint64_t files = 0;  ///< regular files that it brought
  std::uint64_t bytes = 0;
  std::uint64_t hidden_files = 0;  ///< files that are gone since it: of older layers, or its own that it named twice
  std::uint64_t hidden_bytes = 0;
  std::uint64_t lost_files = 0;  ///< of those that it brought, gone at the end
  std::uint64_t lost_bytes = 0;
};

/// A regular file that is gone at the end, as LayerUsage counts it.
struct LostFile {
  std::size_t layer = 0;      ///< that brought it, the oldest being 0
  std::size_t hidden_by = 0;  ///< the layer that took its last name; its own where that names it twice
  std::string_view path;      ///< of that name, which no link is on the way of, with a leading slash
  std::uint64_t size = 0;
  bool replaced = false;  ///< that layer leaves something else there
};
using TakeLostFile = std::function<void(const LostFile&)>;

/// How a tree came about, for one who makes it again of what it holds: which layer brought what, and what of it no entry
/// says.
struct TreeOrigin {
  std::vector<InodeId> first_inodes;  ///< of each layer, the oldest first: what it adds has this number or a higher one
  std::vector<InodeId> implied;       ///< directories that no layer names, in their order
  /// Of a file that got more names, the one that its bytes stood under.
  std::vector<std::pair<InodeId, NameId>> first_names;
};

/// Merges layers that are read newest first into the tree that applying them oldest first gives.
///
/// While layers are read, every change is kept in a compact log, and `accept` only guesses: the bytes of a file that an
/// upper layer surely hides need not be packed. When all layers are in, `finish` applies the log oldest first with the
/// exact rules (OCI image-spec layer.md, docs/compatibility.md), so a guess can cost time but never correctness: a file
/// that survives although its bytes were passed over is listed in `missing`, to be read again. Not thread safe.
class SIFKIT_API Flattener {
 public:
  Flattener(const Limits& limits, WarningList& warnings);
  ~Flattener();
  Flattener(const Flattener&) = delete;
  Flattener& operator=(const Flattener&) = delete;

  enum class Decision : std::uint8_t {
    pack,    ///< a regular file whose bytes are wanted: hand them to the sink and call `set_content`
    no_data  ///< nothing to pack: not a regular file, empty, or surely hidden
  };

  /// Starts the next older layer. `default_mtime` is the time of directories that the layer implies but does not name.
  void begin_layer(std::uint32_t default_mtime);
  /// Takes the next change of the layer, in archive order.
  Decision accept(const Entry& entry);
  /// In place of an entry: a directory that the layer does not name is here where entries imply it.
  void imply_directory(std::string_view path);
  /// The bytes of the file that `accept` last decided to pack.
  void set_content(ContentId content);

  /// A file of the result whose bytes were passed over.
  struct Missing {
    std::uint32_t layer = 0;  ///< 0 is the newest, in the order of begin_layer
    std::uint64_t entry = 0;  ///< which `accept` call of that layer, from 0
    InodeId inode = kNone;
  };

  /// A directory of one layer in place of an older one's link, near the root.
  struct ReplacedLink {
    std::string path;  ///< without a leading slash
    std::string target;
    std::size_t link_layer = 0;  ///< the oldest layer is 1
    std::size_t layer = 0;
  };
  /// After `finish`, in the order in which it happened.
  const std::vector<ReplacedLink>& replaced_links() const noexcept;

  /// After `finish`, the oldest layer first.
  const std::vector<LayerUsage>& usage() const noexcept;
  const TreeOrigin& origin() const noexcept;

  /// Applies the log and releases it. `missing` is sorted by layer and entry; give each its content through
  /// Tree::inode before the tree is used. `take_lost` is told of each file that a layer hides, the layers oldest first;
  /// without it no paths are made.
  Tree finish(std::vector<Missing>& missing, const OperationContext& operation = {},
              const TakeLostFile& take_lost = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::layers
