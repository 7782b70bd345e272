// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <sifkit/core/file.h>
#include <sifkit/layers/packed_blocks.h>

#include "squashfs/codec.h"
#include "squashfs/metadata_reader.h"
#include "squashfs/tree_reader.h"

namespace sifkit::layers {

constexpr std::uint32_t packed_size(std::uint32_t size_field) noexcept { return size_field & ~kStoredBlock; }

/// An older image, all of its tables in memory. Constant once it is made, so several threads may look at it.
struct PackedBlocks::Impl {
  const std::shared_ptr<const File> file;
  const std::uint64_t offset;
  FileRegion region;
  const Superblock super;
  const std::unique_ptr<BlockDecompressor> codec;
  const std::vector<StoredFragment> fragments;
  const StoredTree stored;

  Impl(std::shared_ptr<const File> image, std::uint64_t at, std::uint64_t size, const Limits& limits);

  const FileBlocks& blocks_of(InodeId inode) const {
    return stored.files.at(static_cast<std::uint32_t>(stored.tree.inode(inode).content));
  }
};

}  // namespace sifkit::layers
