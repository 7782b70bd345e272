// SPDX-License-Identifier: Apache-2.0
#include "squashfs/data_writer.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <libdeflate.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace {

constexpr std::uint64_t kMaxBlocks = 1u << 25;       ///< of one file: 4 TiB at 128 KiB
constexpr std::uint64_t kMaxBlocksInAll = 1u << 27;  ///< of all files, which take 512 MiB of memory
constexpr std::size_t kFirstIndex = 1024;

}  // namespace

bool ends_stretch(ByteView small, std::uint32_t block_size) {
  const std::uint64_t crc = libdeflate_crc32(0, small.data(), small.size());
  return (crc * kStretchBlocks * block_size) >> 32 < small.size();
}

DataWriter::DataWriter(Region& region, std::uint64_t start, const SquashfsOptions& options)
    : region_(region), options_(options), cursor_(start), writing_start_(start), writes_(region, options.threads > 1) {
  index_.resize(kFirstIndex);
  contents_.emplace_back();  // kEmptyContent
  keys_.emplace_back();
  const unsigned threads = std::max(1u, options.threads);
  pipeline_.emplace(threads, std::size_t{8} * threads + 8, [this] { return make_worker(); },
                    [this](Item&& item) { deliver(std::move(item)); });
}

OrderedPipeline<DataWriter::Item, DataWriter::Item>::Work DataWriter::make_worker() const {
  const std::shared_ptr<BlockCompressor> codec = make_block_compressor(options_);
  const auto reuser = options_.base ? std::make_shared<BlockReuser>(*options_.base, options_) : nullptr;
  return [codec, reuser, base = options_.base](Item&& item) {
    if (item.kind == Item::Kind::taken) {
      base->read(item.known, {item.packed.bytes.get(), item.packed.size});
      for (ByteView left(item.packed.bytes.get(), item.packed.size); auto& piece : item.pieces) {
        const auto size = packed_size(piece.size_field);
        piece.checksum = block_checksum(left.first(size));
        left = left.subspan(size);
      }
      return std::move(item);
    }
    if (item.kind != Item::Kind::block && item.kind != Item::Kind::fragment) return std::move(item);
    const ByteView plain(item.plain.bytes.get(), item.plain.size);
    if (item.known.size_field != 0) {
      const std::span<std::byte> packed(item.packed.bytes.get(), plain.size());
      item.found = reuser->take(item.known, plain, packed);
      if (item.found == BlockReuser::Found::yes) {
        item.size_field = item.known.size_field;
        item.packed.size = packed_size(item.size_field);
        item.checksum = block_checksum({item.packed.bytes.get(), item.packed.size});
        return std::move(item);
      }
    }
    const auto packed = codec->compress(plain, {item.packed.bytes.get(), plain.size()});
    item.packed.size = static_cast<std::uint32_t>(packed);
    item.size_field = packed == 0 ? item.plain.size | kStoredBlock : item.packed.size;
    item.checksum = block_checksum(packed == 0 ? plain : ByteView(item.packed.bytes.get(), packed));
    return std::move(item);
  };
}

void DataWriter::place(Item::Kind kind, std::uint32_t size_field, std::uint32_t checksum, std::uint64_t count) {
  const auto at = std::exchange(cursor_, cursor_ + packed_size(size_field));
  checksums_.hold(size_field, checksum);
  if (kind == Item::Kind::fragment) {
    fragments_[static_cast<std::size_t>(count)] = {at, size_field};
    checksums_.keep_held();
    // A fragment is closed between two files, so the blocks of a large one stay together.
    SIFKIT_CHECK(block_sizes_.size() == writing_first_block_);
    writing_start_ = cursor_;
  } else {
    block_sizes_.push_back(size_field);
    known_blocks_.place(count) = {at, size_field, checksum};
  }
}

void DataWriter::end_blocks(std::uint32_t content, bool duplicate) {
  if (duplicate) {
    cursor_ = writing_start_;
    checksums_.drop_held();
    block_sizes_.resize(static_cast<std::size_t>(writing_first_block_));
  } else {
    checksums_.keep_held();
    contents_[content].place = static_cast<std::uint32_t>(large_.size());
    large_.push_back({.start = writing_start_,
                      .sparse = writing_sparse_,
                      .first_block = writing_first_block_,
                      .blocks = static_cast<std::uint32_t>(block_sizes_.size() - writing_first_block_)});
  }
  writing_start_ = cursor_;
  writing_first_block_ = block_sizes_.size();
  writing_sparse_ = 0;
}

void DataWriter::deliver(Item&& item) {
  switch (item.kind) {
    case Item::Kind::block:
    case Item::Kind::fragment: {
      const bool packed = (item.size_field & kStoredBlock) == 0 || item.found == BlockReuser::Found::yes;
      if (item.found == BlockReuser::Found::yes) counts_.reused_bytes += item.plain.size;
      if (item.found == BlockReuser::Found::damaged) ++counts_.damaged_blocks;
      give_back(std::move(packed ? item.plain : item.packed));
      writes_.write(cursor_, std::move(packed ? item.packed : item.plain));
      place(item.kind, item.size_field, item.checksum, item.count);
      return;
    }
    case Item::Kind::taken:
      writes_.write(cursor_, std::move(item.packed));
      for (const auto& piece : item.pieces) {
        if (piece.kind == Item::Kind::end) {
          end_blocks(piece.number, false);
        } else {
          place(piece.kind, piece.size_field, piece.checksum, piece.number);
        }
        counts_.reused_bytes += piece.plain_size;
      }
      return;
    case Item::Kind::repeat: {
      const auto& place = known_blocks_.place(item.count);
      const auto size = packed_size(place.size_field);
      writes_.copy(place.start, std::exchange(cursor_, cursor_ + size), size, std::move(item.packed));
      checksums_.hold(place.size_field, place.checksum);
      block_sizes_.push_back(place.size_field);
      return;
    }
    case Item::Kind::holes: {
      const auto blocks = (item.count + options_.block_size - 1) / options_.block_size;
      block_sizes_.resize(block_sizes_.size() + static_cast<std::size_t>(blocks));  // of word 0
      writing_sparse_ += item.count;
      return;
    }
    case Item::Kind::end: return end_blocks(item.content, item.duplicate);
  }
}

DataWriter::Buffer DataWriter::take_buffer(std::uint32_t room) {
  auto& buffers = spare(room);
  if (buffers.empty()) {
    std::vector<Buffer> written;
    writes_.take_back(written);
    for (auto& buffer : written) give_back(std::move(buffer));
  }
  if (buffers.empty()) return {std::make_unique_for_overwrite<std::byte[]>(room), 0, room};
  Buffer buffer = std::move(buffers.back());
  buffers.pop_back();
  buffer.size = 0;
  return buffer;
}

void DataWriter::give_back(Buffer&& buffer) {
  if (buffer.bytes) spare(buffer.room).push_back(std::move(buffer));
}

void DataWriter::push(Item&& item) {
  flush_run();
  pipeline_->push(std::move(item));
}

void DataWriter::push_block(Item::Kind kind, Buffer&& plain, std::uint64_t count, const PackedBlock& known) {
  Item item;
  item.known = known;
  item.kind = kind;
  item.plain = std::move(plain);
  item.packed = take_buffer();
  item.count = count;
  push(std::move(item));
}

std::uint32_t DataWriter::new_content(std::uint64_t size, const ContentKey& key) {
  if (contents_.size() >= std::numeric_limits<std::uint32_t>::max()) throw Error(ErrorKind::limit, "more than 4294967295 files");
  const auto id = static_cast<std::uint32_t>(contents_.size());
  contents_.push_back({.size = size});
  keys_.push_back(key);
  if (contents_.size() * 4 > index_.size() * 3) {
    index_.assign(index_.size() * 2, 0);
    for (std::uint32_t known = 1; known < id; ++known) {
      if (keys_[known] != kUnnamed) index_[slot_of(keys_[known])] = known;
    }
  }
  if (key != kUnnamed) index_[slot_of(key)] = id;
  return id;
}

std::size_t DataWriter::slot_of(const ContentKey& key) const {
  // Keys are made with a secret, so nobody can make them meet in one place.
  const std::size_t mask = index_.size() - 1;
  auto slot = static_cast<std::size_t>(key[0]) & mask;
  while (index_[slot] != 0 && keys_[index_[slot]] != key) slot = (slot + 1) & mask;
  return slot;
}

StoredContent DataWriter::content(ContentId id) const {
  const Content& known = contents_.at(static_cast<std::uint32_t>(id));
  StoredContent out{.size = known.size};
  if (known.fragment != kNoFragment) {
    out.fragment = known.fragment;
    out.offset = known.place;
  } else if (known.size != 0) {
    const LargeContent& large = large_.at(known.place);
    out.start = large.start;
    out.sparse = large.sparse;
    out.first_block = large.first_block;
    out.blocks = large.blocks;
  }
  return out;
}

void DataWriter::push_holes(std::uint64_t bytes) {
  Item item;
  item.kind = Item::Kind::holes;
  item.count = bytes;
  push(std::move(item));
}

void DataWriter::expect_room(std::uint64_t size) {
  if (size / options_.block_size >= kMaxBlocks) {
    throw Error(ErrorKind::limit, fmt::format("a file of {} bytes, the limit is {} blocks of {}", size, kMaxBlocks, options_.block_size));
  }
  blocks_begun_ += size / options_.block_size;
  if (blocks_begun_ > kMaxBlocksInAll) {
    throw Error(ErrorKind::limit, fmt::format("the files have more than {} blocks of {} bytes", kMaxBlocksInAll, options_.block_size),
                Advice::larger_blocks);
  }
}

void DataWriter::begin(std::uint64_t size) {
  SIFKIT_CHECK(!open_);
  expect_room(size);
  size_ = size;
  appended_ = 0;
  open_ = true;
  expected_ = {};
  if (!path_.empty()) expected_ = options_.base->find(path_, size);
  path_.clear();
  namer_.start();
  if (!block_.bytes) block_ = take_buffer();
  block_.size = 0;
}

void DataWriter::end_block() {
  const ContentKey name = namer_.add_block({block_.bytes.get(), block_.size});
  const PackedBlock known = expected_.next();
  if (name == ContentNamer::kZeros) {
    push_holes(block_.size);
    block_.size = 0;
    return;
  }
  const KnownBlocks::Block block = known_blocks_.add(name);
  if (block.repeats) {
    Item item;
    item.kind = Item::Kind::repeat;
    item.packed = take_buffer();
    item.count = block.number;
    counts_.repeated_bytes += block_.size;
    block_.size = 0;
    push(std::move(item));
    return;
  }
  push_block(Item::Kind::block, std::move(block_), block.number, known);
  block_ = take_buffer();
}

void DataWriter::append(ByteView bytes) {
  SIFKIT_CHECK(open_ && bytes.size() <= size_ - appended_);
  appended_ += bytes.size();
  while (!bytes.empty()) {
    const auto count = std::min<std::size_t>(bytes.size(), options_.block_size - block_.size);
    std::memcpy(block_.bytes.get() + block_.size, bytes.data(), count);
    block_.size += static_cast<std::uint32_t>(count);
    bytes = bytes.subspan(count);
    if (block_.size == options_.block_size) end_block();
  }
}

void DataWriter::append_zeros(std::uint64_t count) {
  SIFKIT_CHECK(open_ && count <= size_ - appended_);
  static constexpr std::size_t kPiece = 4096;
  static const std::byte zeros[kPiece] = {};
  const auto append_some = [&](std::uint64_t some) {
    for (; some != 0; some -= std::min<std::uint64_t>(some, kPiece)) {
      append({zeros, static_cast<std::size_t>(std::min<std::uint64_t>(some, kPiece))});
    }
  };
  // Up to the next block, then whole blocks that need no bytes, then the rest.
  const auto to_block = std::min<std::uint64_t>(count, (options_.block_size - block_.size) % options_.block_size);
  append_some(to_block);
  count -= to_block;
  if (const auto holes = count / options_.block_size; holes != 0) {
    namer_.add_zeros(holes * options_.block_size);
    push_holes(holes * options_.block_size);
    expected_.skip(holes);
    appended_ += holes * options_.block_size;
    count -= holes * options_.block_size;
  }
  append_some(count);
}

void DataWriter::flush_fragment() {
  if (fragment_.size == 0) return;
  if (!pieces_.empty()) return flush_pieces();
  fragments_.emplace_back();
  push_block(Item::Kind::fragment, std::move(fragment_), fragments_.size() - 1, expected_fragment_);
  fragment_ = {};
  expected_fragment_ = {};
}

ContentId DataWriter::end() {
  SIFKIT_CHECK(open_ && appended_ == size_);
  open_ = false;
  counts_.file_bytes += size_;
  if (size_ == 0) return kEmptyContent;
  if (block_.size != 0 && size_ >= options_.block_size) {
    end_block();
  } else if (block_.size != 0) {
    namer_.add_block({block_.bytes.get(), block_.size});
  }
  const ContentKey key = namer_.finish();
  if (base_files_) name_taken(size_);
  const std::uint32_t known = index_[slot_of(key)];
  const bool duplicate = known != 0;
  if (duplicate) counts_.duplicate_bytes += size_;
  const std::uint32_t id = duplicate ? known : new_content(size_, key);
  if (base_files_) named_sizes_.insert(size_);
  SIFKIT_CHECK(pieces_.empty());

  if (size_ >= options_.block_size) {
    known_blocks_.end_file(!duplicate);
    Item item;
    item.kind = Item::Kind::end;
    item.content = id;
    item.duplicate = duplicate;
    push(std::move(item));
    return ContentId{id};
  }
  if (duplicate) return ContentId{id};
  if (fragment_.size + block_.size > options_.block_size) flush_fragment();
  if (!fragment_.bytes) fragment_ = take_buffer();
  if (expected_fragment_.size_field == 0 && expected_.offset == fragment_.size) expected_fragment_ = expected_.shared;
  std::memcpy(fragment_.bytes.get() + fragment_.size, block_.bytes.get(), block_.size);
  contents_[id].fragment = static_cast<std::uint32_t>(fragments_.size());
  contents_[id].place = fragment_.size;
  fragment_.size += block_.size;
  if (ends_stretch({block_.bytes.get(), block_.size}, options_.block_size)) flush_fragment();
  return ContentId{id};
}

void DataWriter::end_layer() {
  SIFKIT_CHECK(!open_);
  flush_fragment();
}

std::uint64_t DataWriter::finish() {
  flush_fragment();
  flush_run();
  pipeline_->finish();
  writes_.finish();
  spare_.clear();
  spare_runs_.clear();
  return cursor_;
}

Digest DataWriter::checksum(std::uint64_t data_end, std::uint64_t end) {
  return checksums_.finish(region_, data_end, end);
}

}  // namespace sifkit::layers
