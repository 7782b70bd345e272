// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/packed_blocks.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/ordered_pipeline.h>
#include <sifkit/layers/squashfs.h>

#include "squashfs/base_files.h"
#include "squashfs/block_checksums.h"
#include "squashfs/data_writer.h"
#include "squashfs/packed_image.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kSampleBlocks = 16;         ///< packed again to know the compressor
constexpr std::uint64_t kSampleBytes = 2u << 20;  ///< of them together
constexpr unsigned kMostReaders = 8;              ///< threads, more than memory and disks have use for
constexpr std::uint64_t kBytesAtOnce = 1u << 20;     ///< that are read at once

}  // namespace

PackedBlocks::Impl::Impl(std::shared_ptr<const File> image, std::uint64_t at, std::uint64_t size, const Limits& limits)
    : file(std::move(image)),
      offset(at),
      region(*file, at, size),
      super(Superblock::read(region)),
      codec(make_block_decompressor(super.codec, super.block_size)),
      fragments(read_fragment_table(region, *codec, super, limits)),
      stored(read_stored_tree(region, *codec, super, limits)) {}

PackedBlocks::PackedBlocks(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size, const Limits& limits)
    : impl_(std::make_unique<Impl>(std::move(file), offset, size, limits)) {}

PackedBlocks::~PackedBlocks() = default;

void PackedBlocks::read(const PackedBlock& block, std::span<std::byte> into) const {
  const auto& state = *impl_;
  if (block.start > state.super.bytes || into.size() > state.super.bytes - block.start) {
    throw_malformed(fmt::format("a block of {} bytes at {} of an image of {}", into.size(), block.start, state.super.bytes));
  }
  if (state.file->read_at(state.offset + block.start, into) != into.size()) {
    throw_malformed(fmt::format("the file ends in the block at {}", block.start));
  }
}

PackedBlock PackedBlocks::StoredFile::next() {
  if (left_ == 0) return {};
  const PackedBlock block{start_, *sizes_};
  start_ += packed_size(*sizes_);
  ++sizes_;
  --left_;
  return block;
}

void PackedBlocks::StoredFile::skip(std::uint64_t count) {
  for (; count != 0 && left_ != 0; --count) next();
}

PackedBlocks::StoredFile PackedBlocks::find(std::string_view path, std::uint64_t size) const {
  const auto& state = *impl_;
  StoredFile out;
  const auto found = state.stored.tree.resolve(path, false);
  if (!found) return out;
  const Inode& inode = state.stored.tree.inode(*found);
  if (inode.type != EntryType::regular || inode.size != size || size == 0) return out;
  const FileBlocks& blocks = state.stored.files.at(static_cast<std::uint32_t>(inode.content));
  if (blocks.count != 0) {
    out.sizes_ = state.stored.words.data() + blocks.first_block;
    out.left_ = blocks.count;
    out.start_ = blocks.start;
  } else if (blocks.fragment < state.fragments.size()) {
    out.shared = {state.fragments[blocks.fragment].start, state.fragments[blocks.fragment].size_field};
    out.offset = blocks.offset;
  }
  return out;
}

const Tree& PackedBlocks::tree() const noexcept { return impl_->stored.tree; }

std::span<const InodeId> PackedBlocks::by_number() const noexcept { return impl_->stored.by_number; }

FileStarts::FileStarts(const PackedBlocks& image) : files_(std::make_unique<BaseFiles>(image)) {}

FileStarts::~FileStarts() = default;

std::size_t FileStarts::read(InodeId file, std::span<std::byte> into) { return files_->read_start(file, into); }

Digest PackedBlocks::checksum(const OperationContext& operation, unsigned threads) const {
  const auto& state = *impl_;
  std::vector<PackedBlock> blocks;
  for (const auto& fragment : state.fragments) blocks.push_back({fragment.start, fragment.size_field});
  for (const auto& file : state.stored.files) {
    std::uint64_t at = file.start;
    const auto words = std::span(state.stored.words);
    for (const std::uint32_t word : words.subspan(static_cast<std::size_t>(file.first_block), file.count)) {
      if (word == 0) continue;
      blocks.push_back({at, word});
      at += packed_size(word);
    }
  }
  const auto before = [](const PackedBlock& a, const PackedBlock& b) { return a.start < b.start; };
  std::sort(blocks.begin(), blocks.end(), before);
  const auto same = [](const PackedBlock& a, const PackedBlock& b) { return a.start == b.start; };
  blocks.erase(std::unique(blocks.begin(), blocks.end(), same), blocks.end());

  // Blocks that lie side by side are read at once.
  using Run = std::span<const PackedBlock>;
  using Checksums = std::pair<Run, std::vector<std::uint32_t>>;
  const auto end_of = [](const PackedBlock& block) { return block.start + packed_size(block.size_field); };
  const auto make_work = [&]() -> OrderedPipeline<Run, Checksums>::Work {
    return [&, bytes = std::make_shared<Bytes>()](Run&& run) {
      bytes->resize(static_cast<std::size_t>(end_of(run.back()) - run.front().start));
      read(run.front(), *bytes);
      Checksums out{run, {}};
      for (ByteView left(*bytes); const auto& block : run) {
        const auto size = packed_size(block.size_field);
        out.second.push_back(block_checksum(left.first(size)));
        left = left.subspan(size);
      }
      return out;
    };
  };
  BlockChecksums sums;
  OrderedPipeline<Run, Checksums> pipeline(std::min(threads, kMostReaders), std::size_t{4} * kMostReaders, make_work, [&](Checksums&& got) {
    for (std::size_t i = 0; i < got.first.size(); ++i) sums.add(got.first[i].size_field, got.second[i]);
  });
  for (std::size_t first = 0; first < blocks.size();) {
    operation.check();
    auto last = first;
    for (std::uint64_t bytes = 0;; ++last) {
      const auto size = packed_size(blocks[last].size_field);
      if (size > state.super.block_size) throw_malformed(fmt::format("a block of {} bytes at {}", size, blocks[last].start));
      bytes += size;
      if (last + 1 == blocks.size() || bytes >= kBytesAtOnce || blocks[last + 1].start != end_of(blocks[last])) break;
    }
    pipeline.push(Run(blocks).subspan(first, last + 1 - first));
    first = last + 1;
  }
  pipeline.finish();
  FileRegion region = state.region;
  return sums.finish(region, state.super.inode_table, state.super.bytes);
}

std::string PackedBlocks::unusable_for(const SquashfsOptions& options) const {
  const auto& super = impl_->super;
  if (super.block_size != options.block_size) {
    return fmt::format("its blocks have {} bytes, not {}", super.block_size, options.block_size);
  }
  if (squashfs_id(super.codec) != squashfs_id(options.codec)) return "it is compressed by another codec";
  return {};
}

std::string PackedBlocks::unfit_for(const SquashfsOptions& options) const {
  if (auto reason = unusable_for(options); !reason.empty()) return reason;
  const auto& state = *impl_;
  std::vector<PackedBlock> blocks;
  const auto consider = [&](std::uint64_t start, std::uint32_t field) {
    if (field != 0) blocks.push_back({start, field});
  };
  for (const auto& fragment : state.fragments) consider(fragment.start, fragment.size_field);
  for (const auto& file : state.stored.files) {
    if (file.count != 0) consider(file.start, state.stored.words[static_cast<std::size_t>(file.first_block)]);
  }
  std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
  const auto codec = make_block_decompressor(state.super.codec, state.super.block_size);
  const auto compressor = make_block_compressor(options);
  const auto most = std::clamp<std::size_t>(static_cast<std::size_t>(kSampleBytes / options.block_size), 1, kSampleBlocks);
  const auto count = std::min(most, blocks.size());
  Bytes packed(options.block_size);
  Bytes plain(options.block_size);
  Bytes again(options.block_size);
  for (std::size_t i = 0; i < count; ++i) {
    const PackedBlock& block = blocks[i * blocks.size() / count];
    const auto size = packed_size(block.size_field);
    if (size > packed.size()) continue;
    const bool stored = (block.size_field & kStoredBlock) != 0;
    std::size_t plain_size = size;
    try {
      read(block, std::span(packed).first(size));
      if (!stored) plain_size = codec->decompress(ByteView(packed).first(size), plain);
    } catch (const Error&) {
      continue;  // a damaged block is no witness; whoever comes to it finds out
    }
    const ByteView bytes = ByteView(stored ? packed : plain).first(plain_size);
    const auto got = compressor->compress(bytes, std::span(again).first(plain_size));
    if (got != (stored ? 0 : size) || std::memcmp(again.data(), packed.data(), got) != 0) {
      return "another compressor, level or version made its blocks";
    }
  }
  return {};
}

}  // namespace sifkit::layers
