// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/packed_blocks.h>

#include "packing_record.h"

namespace sifkit {

/// The layers of an image as another one still holds them that was built of the same: what is left of each, in its order.
/// Not thread safe.
class BaseLayers {
 public:
  /// Throws malformed where the record is not one of the image.
  BaseLayers(std::shared_ptr<const layers::PackedBlocks> blocks, const PackingRecord& record);

  const layers::PackedBlocks& blocks() const noexcept { return *blocks_; }
  std::size_t count() const noexcept { return record_.layers.size(); }
  /// Whether the oldest of these layers are all of the image's own.
  bool are_oldest_of(std::span<const Digest> diff_ids) const;
  /// Whether the image is still what it was when it was made. Reads all of it.
  bool is_sound(const OperationContext& operation, unsigned threads) const;

  struct Item {
    layers::Entry entry;
    bool implied = false;  ///< a directory that the layer does not name
    layers::InodeId inode = layers::kNone;
  };
  /// Of a layer, the oldest is 0.
  const std::vector<Item>& items(std::size_t layer);

 private:
  void read_names();
  Item item_of(layers::InodeId inode, const std::string& path) const;

  const std::shared_ptr<const layers::PackedBlocks> blocks_;
  const PackingRecord record_;
  std::vector<std::vector<Item>> layers_;
};

}  // namespace sifkit
