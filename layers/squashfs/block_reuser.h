// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <sifkit/core/bytes.h>
#include <sifkit/layers/packed_blocks.h>
#include <sifkit/layers/squashfs.h>

#include "squashfs/codec.h"

namespace sifkit::layers {

/// Takes packed blocks of a base where they hold exactly the bytes that are wanted. One thread at a time.
class BlockReuser {
 public:
  enum class Found : std::uint8_t { no, yes, damaged };

  /// The base outlives the object.
  BlockReuser(const PackedBlocks& base, const SquashfsOptions& options);

  /// Fills the beginning of `packed`, as large as `plain`, with the block as it is packed there, if what it unpacks to is
  /// `plain`.
  Found take(const PackedBlock& known, ByteView plain, std::span<std::byte> packed);

 private:
  const PackedBlocks& base_;
  std::unique_ptr<BlockDecompressor> codec_;
  Bytes unpacked_;
};

}  // namespace sifkit::layers
