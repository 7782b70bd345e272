// SPDX-License-Identifier: Apache-2.0
#include "squashfs/metadata_reader.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/handle.h"

namespace sifkit::layers {

namespace {

constexpr std::uint16_t kStoredMetadata = 0x8000;  ///< in a block's head: not compressed
constexpr std::size_t kHead = sizeof(std::uint16_t);

[[noreturn]] void throw_codec(std::string_view name) {
  throw Error(ErrorKind::unsupported, fmt::format("it is compressed by {}, which is not read", name),
              "gzip, zstd, lz4 and xz are read; unsquashfs unpacks it: give the directory, dir:squashfs-root");
}

SquashfsCodec codec_of(std::uint16_t id) {
  switch (id) {
    case SQFS_COMP_GZIP: return SquashfsCodec::gzip;
    case SQFS_COMP_ZSTD: return SquashfsCodec::zstd;
    case SQFS_COMP_LZ4: return SquashfsCodec::lz4;
    case SQFS_COMP_XZ: return SquashfsCodec::xz;
    case SQFS_COMP_LZMA: throw_codec("lzma");
    case SQFS_COMP_LZO: throw_codec("lzo");
    default: throw_codec(fmt::format("number {}", id));
  }
}

}  // namespace

void throw_malformed(std::string message) { throw Error(ErrorKind::malformed, std::move(message)); }

void read_image(Region& region, std::uint64_t end, std::uint64_t offset, std::span<std::byte> into, std::string_view what) {
  if (offset > end || into.size() > end - offset || region.read_at(offset, into) != into.size()) {
    throw_malformed(fmt::format("{}: {} bytes at {} are not inside the image of {} bytes", what, into.size(), offset, end));
  }
}

Superblock Superblock::read(Region& region) {
  std::array<std::byte, sizeof(sqfs_super_t)> raw{};
  const std::uint64_t length = region.size();
  read_image(region, length, 0, raw, "the superblock");
  ByteReader in(raw, "the superblock");
  if (in.le<std::uint32_t>("magic") != SQFS_MAGIC) throw_malformed("the superblock: this is no squashfs, or a big-endian one");
  Superblock super;
  super.inodes = in.le<std::uint32_t>("inodes");
  super.time = in.le<std::uint32_t>("time");
  super.block_size = in.le<std::uint32_t>("block size");
  super.fragments = in.le<std::uint32_t>("fragments");
  const auto codec = in.le<std::uint16_t>("compression");
  const auto block_log = in.le<std::uint16_t>("block log");
  super.stores_plain = (in.le<std::uint16_t>("flags") & SQFS_FLAG_UNCOMPRESSED_DATA) != 0;
  super.ids = in.le<std::uint16_t>("owners");
  const auto major = in.le<std::uint16_t>("version");
  const auto minor = in.le<std::uint16_t>("version");
  if (major != SQFS_VERSION_MAJOR || minor != SQFS_VERSION_MINOR) {
    throw Error(ErrorKind::unsupported, fmt::format("squashfs version {}.{}: version 4.0 is read, no other", major, minor));
  }
  super.root = in.le<std::uint64_t>("root");
  super.bytes = in.le<std::uint64_t>("bytes");
  super.id_table = in.le<std::uint64_t>("id table");
  super.xattr_table = in.le<std::uint64_t>("xattr table");
  super.inode_table = in.le<std::uint64_t>("inode table");
  super.directory_table = in.le<std::uint64_t>("directory table");
  super.fragment_table = in.le<std::uint64_t>("fragment table");

  super.codec = codec_of(codec);
  if (!std::has_single_bit(super.block_size) || super.block_size < SQFS_MIN_BLOCK_SIZE || super.block_size > SQFS_MAX_BLOCK_SIZE ||
      block_log != std::countr_zero(super.block_size)) {
    throw_malformed(fmt::format("the superblock: blocks of {} bytes, which it says are 2^{}", super.block_size, block_log));
  }
  if (super.bytes > length) throw_malformed(fmt::format("the superblock says {} bytes, there are {}", super.bytes, length));
  if (super.fragments > super.bytes) throw_malformed(fmt::format("the superblock: {} fragments in {} bytes", super.fragments, super.bytes));
  if (super.inodes == 0 || super.ids == 0) throw_malformed(fmt::format("the superblock: {} inodes, {} owners", super.inodes, super.ids));
  if (super.fragments == 0) super.fragment_table = kNoTable;
  std::uint64_t last = raw.size() - 1;
  const auto expect_table = [&](std::uint64_t at, std::string_view name) {
    if (at <= last || at >= super.bytes) throw_malformed(fmt::format("the superblock: the {} table is at {}, expected it between {} and {}", name, at, last, super.bytes));
    last = at;
  };
  expect_table(super.inode_table, "inode");
  expect_table(super.directory_table, "directory");
  if (super.fragment_table != kNoTable) expect_table(super.fragment_table, "fragment");
  expect_table(super.id_table, "id");
  if (super.xattr_table != kNoTable) expect_table(super.xattr_table, "xattr");
  return super;
}

MetadataReader::MetadataReader(Region& region, BlockDecompressor& codec, std::uint64_t start, std::uint64_t end, std::string_view what)
    : region_(region), codec_(codec), start_(start), end_(end), what_(what), cache_(std::make_unique_for_overwrite<Block[]>(kCached)) {}

void MetadataReader::load(std::uint64_t start) {
  block_ = &cache_[static_cast<std::size_t>(start % kCached)];
  offset_ = 0;
  if (block_->start == start) return;
  block_->start = ~std::uint64_t{0};
  std::array<std::byte, kHead> head;
  read_image(region_, end_, start, head, what_);
  const auto word = load_le<std::uint16_t>(head.data());
  const bool stored = (word & kStoredMetadata) != 0;
  const std::size_t size = word % kStoredMetadata;
  if (size == 0 || size > kMetadataBlock) throw_malformed(fmt::format("{}: a block of {} bytes at {}, expected 1 to {}", what_, size, start, kMetadataBlock));
  std::array<std::byte, kMetadataBlock> packed;
  const auto bytes = std::span(stored ? block_->bytes : packed).first(size);
  read_image(region_, end_, start + kHead, bytes, what_);
  block_->size = stored ? size : in_context([&] { return fmt::format("{}: the block at {}", what_, start); }, [&] { return codec_.decompress(bytes, block_->bytes); });
  if (block_->size == 0) throw_malformed(fmt::format("{}: the block at {} is empty", what_, start));
  block_->next = start + kHead + size;
  block_->start = start;
}

void MetadataReader::seek(MetadataPlace place) {
  if (place.block >= end_ - start_) throw_malformed(fmt::format("{}: no block at {}, it has {} bytes", what_, place.block, end_ - start_));
  load(start_ + place.block);
  if (place.offset >= block_->size) throw_malformed(fmt::format("{}: offset {} in a block of {} bytes", what_, place.offset, block_->size));
  offset_ = place.offset;
}

void MetadataReader::read(std::span<std::byte> into) {
  SIFKIT_CHECK(block_ != nullptr);
  while (!into.empty()) {
    if (offset_ == block_->size) load(block_->next);
    const auto count = std::min(into.size(), block_->size - offset_);
    std::memcpy(into.data(), block_->bytes.data() + offset_, count);
    offset_ += count;
    into = into.subspan(count);
  }
}

MetadataPlace MetadataReader::place() const {
  if (offset_ == block_->size) return {block_->next - start_, 0};
  return {block_->start - start_, static_cast<std::uint32_t>(offset_)};
}

std::uint64_t MetadataReader::max_bytes() const noexcept { return ((end_ - start_) / (kHead + 1) + 1) * kMetadataBlock; }

Bytes read_table(Region& region, BlockDecompressor& codec, const Superblock& super, std::uint64_t location, std::uint64_t size,
                 const Limits& limits, std::string_view what) {
  if (size > limits.metadata_bytes) {
    throw_over_limit(fmt::format("{} takes {} bytes, more than {} of memory", what, size, limits.metadata_bytes), &Limits::metadata_bytes);
  }
  MetadataReader blocks(region, codec, sizeof(sqfs_super_t), location, what);
  Bytes table;
  for (; table.size() < size; location += sizeof(std::uint64_t)) {
    std::array<std::byte, sizeof(std::uint64_t)> place;
    read_image(region, super.bytes, location, place, what);
    const auto block = load_le<std::uint64_t>(place.data());
    if (block < sizeof(sqfs_super_t)) throw_malformed(fmt::format("{}: a block at {}", what, block));
    blocks.seek({block - sizeof(sqfs_super_t), 0});
    const auto before = table.size();
    table.resize(before + std::min<std::size_t>(kMetadataBlock, static_cast<std::size_t>(size) - before));
    blocks.read(std::span(table).subspan(before));
  }
  return table;
}

}  // namespace sifkit::layers
