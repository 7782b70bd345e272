// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/layers/packed_blocks.h>

#include "squashfs/packed_image.h"

namespace sifkit::layers {

/// The regular files of an older image for a writer that puts them into a new one: where each is stored, which of them are
/// the same, and their bytes where those are needed after all. Throws malformed where the image does not hold together.
/// One thread at a time.
class BaseFiles {
 public:
  /// The image outlives the object.
  explicit BaseFiles(const PackedBlocks& image);

  std::uint64_t size_of(InodeId file) const { return state_.stored.tree.inode(file).size; }
  const FileBlocks& blocks_of(InodeId file) const { return state_.blocks_of(file); }
  /// The size words of its blocks.
  std::span<const std::uint32_t> words_of(InodeId file) const;

  PackedBlock fragment(std::uint32_t index) const;
  /// How many bytes files have in a fragment.
  std::uint32_t fragment_size(std::uint32_t index) const { return fragment_sizes_.at(index); }
  /// The bytes of a fragment, until the next call.
  ByteView unpack_fragment(std::uint32_t index);
  /// Those of a file of less than a block, likewise.
  ByteView small_bytes(InodeId file);
  /// The bytes of a file, block by block; a block of zeros is given like others.
  void read(InodeId file, const std::function<void(ByteView)>& take);

  /// Fills `into` with its first bytes, as many as its first block has.
  std::size_t read_start(InodeId file, std::span<std::byte> into);

  /// The content that a file became, or became as another name of the same bytes.
  std::optional<ContentId> taken_as(InodeId file) const;
  void set_taken(InodeId file, ContentId content);

 private:
  /// Two files of one place and size are the same, if they are holes only or neither is.
  struct Place {
    std::uint64_t at;  ///< of the first block, or fragment and offset
    std::uint64_t size;
    std::uint32_t kind;
    bool operator==(const Place&) const = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const noexcept;
  };
  Place place_of(InodeId file) const;
  std::uint32_t plain_size(std::uint64_t size, std::size_t block) const;
  ByteView unpack(const PackedBlock& block, std::uint32_t size, Bytes& into);

  const PackedBlocks& image_;
  const PackedBlocks::Impl& state_;
  std::unique_ptr<BlockDecompressor> codec_;
  std::vector<std::uint32_t> fragment_sizes_;
  std::unordered_map<Place, ContentId, PlaceHash> taken_;
  Bytes packed_;
  Bytes plain_;
  Bytes fragment_bytes_;
  std::uint32_t unpacked_ = kNoFragment;  ///< which fragment `fragment_bytes_` holds
};

}  // namespace sifkit::layers
