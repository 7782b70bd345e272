// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/layers/squashfs.h>

#include "squashfs/codec.h"

namespace sifkit::layers {

inline constexpr std::size_t kMetadataBlock = 8192;         ///< what a block of metadata holds at most
inline constexpr std::uint64_t kNoTable = ~std::uint64_t{0};  ///< in the superblock

[[noreturn]] void throw_malformed(std::string message);

/// The superblock of an image that may be read: its tables stand in order and end inside the image.
struct Superblock {
  std::uint32_t inodes = 0;
  std::uint32_t time = 0;  ///< seconds since 1970
  std::uint32_t block_size = 0;
  std::uint32_t fragments = 0;
  std::uint16_t ids = 0;
  SquashfsCodec codec = SquashfsCodec::gzip;
  bool stores_plain = false;  ///< it says that no data is compressed
  std::uint64_t root = 0;  ///< reference to an inode
  std::uint64_t bytes = 0;
  std::uint64_t id_table = 0;
  std::uint64_t xattr_table = kNoTable;
  std::uint64_t inode_table = 0;
  std::uint64_t directory_table = 0;
  std::uint64_t fragment_table = kNoTable;

  static Superblock read(Region& region);
};

/// Reads [offset, offset + into.size()) of an image of `end` bytes; throws malformed where it is not inside.
void read_image(Region& region, std::uint64_t end, std::uint64_t offset, std::span<std::byte> into, std::string_view what);

/// A place in a run of metadata blocks.
struct MetadataPlace {
  std::uint64_t block = 0;   ///< where the block lies, from the start of the run
  std::uint32_t offset = 0;  ///< in the bytes that the block unpacks to

  static MetadataPlace of(std::uint64_t reference) { return {reference >> 16, static_cast<std::uint32_t>(reference & 0xffff)}; }
};

/// Reads metadata that lies in blocks in [start, end) of the image. Throws malformed for what leaves them.
class MetadataReader {
 public:
  /// `what` names the table in errors. Region and codec outlive the reader.
  MetadataReader(Region& region, BlockDecompressor& codec, std::uint64_t start, std::uint64_t end, std::string_view what);

  void seek(MetadataPlace place);
  void read(std::span<std::byte> into);
  MetadataPlace place() const;

  template <std::integral T>
  T le() {
    std::array<std::byte, sizeof(T)> raw;
    read(raw);
    return load_le<T>(raw.data());
  }

  /// What all the blocks can hold: a list that says it is longer lies.
  std::uint64_t max_bytes() const noexcept;

 private:
  static constexpr std::size_t kCached = 13;  ///< blocks; a prime, as where they lie is what chooses among them

  struct Block {
    std::uint64_t start = ~std::uint64_t{0};
    std::uint64_t next = 0;
    std::size_t size = 0;
    std::array<std::byte, kMetadataBlock> bytes;
  };

  void load(std::uint64_t start);

  Region& region_;
  BlockDecompressor& codec_;
  const std::uint64_t start_;
  const std::uint64_t end_;
  const std::string_view what_;
  std::unique_ptr<Block[]> cache_;
  Block* block_ = nullptr;
  std::size_t offset_ = 0;
};

/// Reads a table of `size` bytes whose list of blocks stands at `location`. More than the limit of metadata is limit.
Bytes read_table(Region& region, BlockDecompressor& codec, const Superblock& super, std::uint64_t location, std::uint64_t size,
                 const Limits& limits, std::string_view what);

}  // namespace sifkit::layers
