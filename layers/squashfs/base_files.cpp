// SPDX-License-Identifier: Apache-2.0
#include "squashfs/base_files.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

BaseFiles::BaseFiles(const PackedBlocks& image)
    : image_(image),
      state_(*image.impl_),
      codec_(make_block_decompressor(state_.super.codec, state_.super.block_size)),
      fragment_sizes_(state_.fragments.size()),
      packed_(state_.super.block_size),
      plain_(state_.super.block_size) {
  const Tree& tree = state_.stored.tree;
  for (InodeId id = 0; id < tree.inode_count(); ++id) {
    const Inode& inode = tree.inode(id);
    if (inode.type != EntryType::regular || inode.size == 0) continue;
    const FileBlocks& file = blocks_of(id);
    const bool small = inode.size < state_.super.block_size;
    // As the writer stores files: a small one in a fragment, a large one in blocks alone.
    if (small != (file.fragment != kNoFragment) || (small && file.count != 0)) {
      throw_malformed("the old image keeps a file in a way that is not the writer's");
    }
    if (!small) continue;
    auto& size = fragment_sizes_.at(file.fragment);
    size = std::max(size, file.offset + static_cast<std::uint32_t>(inode.size));
  }
}

std::span<const std::uint32_t> BaseFiles::words_of(InodeId file) const {
  const FileBlocks& blocks = blocks_of(file);
  return std::span(state_.stored.words).subspan(static_cast<std::size_t>(blocks.first_block), blocks.count);
}

PackedBlock BaseFiles::fragment(std::uint32_t index) const {
  const auto& entry = state_.fragments.at(index);
  return {entry.start, entry.size_field};
}

ByteView BaseFiles::unpack(const PackedBlock& block, std::uint32_t size, Bytes& into) {
  const auto packed = packed_size(block.size_field);
  const bool stored = (block.size_field & kStoredBlock) != 0;
  if (packed > packed_.size() || packed == 0) throw_malformed(fmt::format("a block of {} packed bytes", packed));
  std::size_t got = packed;
  if (stored) {
    image_.read(block, std::span(into).first(packed));
  } else {
    image_.read(block, std::span(packed_).first(packed));
    got = codec_->decompress(ByteView(packed_).first(packed), into);
  }
  if (got != size) throw_malformed(fmt::format("a block of {} bytes, expected {}", got, size));
  return ByteView(into).first(got);
}

ByteView BaseFiles::unpack_fragment(std::uint32_t index) {
  const auto size = fragment_size(index);
  if (unpacked_ != index) {
    unpacked_ = kNoFragment;
    fragment_bytes_.resize(state_.super.block_size);
    unpack(fragment(index), size, fragment_bytes_);
    unpacked_ = index;
  }
  return ByteView(fragment_bytes_).first(size);
}

ByteView BaseFiles::small_bytes(InodeId file) {
  const FileBlocks& place = blocks_of(file);
  return unpack_fragment(place.fragment).subspan(place.offset, static_cast<std::size_t>(size_of(file)));
}

std::uint32_t BaseFiles::plain_size(std::uint64_t size, std::size_t block) const {
  const std::uint64_t before = std::uint64_t{block} * state_.super.block_size;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(state_.super.block_size, size - before));
}

void BaseFiles::read(InodeId file, const std::function<void(ByteView)>& take) {
  if (blocks_of(file).fragment != kNoFragment) return take(small_bytes(file));
  std::uint64_t at = blocks_of(file).start;
  const auto words = words_of(file);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto size = plain_size(size_of(file), i);
    if (words[i] == 0) {
      std::fill_n(plain_.begin(), size, std::byte{0});
      take(ByteView(plain_).first(size));
    } else {
      take(unpack({at, words[i]}, size, plain_));
      at += packed_size(words[i]);
    }
  }
}

std::size_t BaseFiles::read_start(InodeId file, std::span<std::byte> into) {
  ByteView first;
  if (blocks_of(file).fragment != kNoFragment) {
    first = small_bytes(file);
  } else if (const auto words = words_of(file); !words.empty()) {
    const auto size = plain_size(size_of(file), 0);
    std::fill_n(plain_.begin(), size, std::byte{0});
    first = words[0] == 0 ? ByteView(plain_).first(size) : unpack({blocks_of(file).start, words[0]}, size, plain_);
  }
  const auto count = std::min(first.size(), into.size());
  std::copy_n(first.begin(), count, into.begin());
  return count;
}

std::size_t BaseFiles::PlaceHash::operator()(const Place& place) const noexcept {
  return static_cast<std::size_t>((place.at * 0x9e3779b97f4a7c15u) ^ (place.size * 0xc2b2ae3d27d4eb4fu) ^ place.kind);
}

BaseFiles::Place BaseFiles::place_of(InodeId file) const {
  const FileBlocks& blocks = blocks_of(file);
  if (blocks.fragment != kNoFragment) return {std::uint64_t{blocks.fragment} << 32 | blocks.offset, size_of(file), 0};
  const auto words = words_of(file);
  const bool hole = std::all_of(words.begin(), words.end(), [](std::uint32_t word) { return word == 0; });
  return {blocks.start, size_of(file), hole ? 2u : 1u};
}

std::optional<ContentId> BaseFiles::taken_as(InodeId file) const {
  const auto found = taken_.find(place_of(file));
  return found == taken_.end() ? std::nullopt : std::optional(found->second);
}

void BaseFiles::set_taken(InodeId file, ContentId content) { taken_.emplace(place_of(file), content); }

}  // namespace sifkit::layers
