// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <sifkit/core/bytes.h>
#include <sifkit/layers/squashfs.h>

namespace sifkit::layers {

/// Makes one squashfs block from its bytes. Every block is a stream of its own. One thread at a time.
class BlockCompressor {
 public:
  virtual ~BlockCompressor() = default;

  /// The compressed size; 0 when the result would not be smaller than `in` or does not fit into `out`.
  virtual std::size_t compress(ByteView in, std::span<std::byte> out) = 0;
};

/// The other way round.
class BlockDecompressor {
 public:
  virtual ~BlockDecompressor() = default;

  /// Fills the beginning of `out` and returns how much that is; throws malformed when the block is damaged or its bytes
  /// are more than `out` holds.
  virtual std::size_t decompress(ByteView in, std::span<std::byte> out) = 0;
};

/// The number of a codec in the superblock. `none` is gzip with every block stored.
std::uint16_t squashfs_id(SquashfsCodec codec) noexcept;

std::unique_ptr<BlockCompressor> make_block_compressor(const SquashfsOptions& options);
std::unique_ptr<BlockDecompressor> make_block_decompressor(SquashfsCodec codec, std::uint32_t block_size);

}  // namespace sifkit::layers
