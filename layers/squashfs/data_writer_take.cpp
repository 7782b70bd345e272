// SPDX-License-Identifier: Apache-2.0
//
// Files of the base in place of their bytes. What comes out is what the same files would give byte by byte: the base was
// written by the same rules, so most of what they decide can be seen from where it keeps a file.
#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/data_writer.h"

namespace sifkit::layers {

namespace {

constexpr std::uint32_t kRunBytes = 256u << 10;  ///< that are copied at once

}  // namespace

ContentId DataWriter::take(const PackedBlocks& base, InodeId file) {
  SIFKIT_CHECK(!open_ && options_.base.get() == &base);
  if (!base_files_) {
    base_files_.emplace(base);
    for (std::size_t id = 1; id < contents_.size(); ++id) named_sizes_.insert(contents_[id].size);
  }
  const std::uint64_t size = base_files_->size_of(file);
  expect_room(size);
  counts_.file_bytes += size;
  if (size == 0) return kEmptyContent;
  if (const auto known = base_files_->taken_as(file)) {
    counts_.duplicate_bytes += size;
    return *known;
  }
  // The base stores equal files once, so only what came as bytes may equal this one.
  ContentKey key = kUnnamed;
  if (named_sizes_.contains(size)) {
    key = key_of(file);
    if (const auto same = index_[slot_of(key)]; same != 0) {
      counts_.duplicate_bytes += size;
      base_files_->set_taken(file, ContentId{same});
      return ContentId{same};
    }
  }
  const std::uint32_t id = new_content(size, key);
  if (key == kUnnamed) unnamed_.emplace(size, std::pair(id, file));
  base_files_->set_taken(file, ContentId{id});
  if (size >= options_.block_size) {
    take_large(file, id);
  } else {
    take_small(file, id);
  }
  return ContentId{id};
}

void DataWriter::add_taken(Item::Kind kind, const PackedBlock& block, std::uint32_t plain_size, std::uint32_t number) {
  const auto size = packed_size(block.size_field);
  if (size > options_.block_size) {
    throw Error(ErrorKind::malformed, fmt::format("the old image has a block of {} bytes", size));
  }
  const auto room = std::max(options_.block_size, kRunBytes);
  const bool goes_on = block.start == run_.known.start + run_.packed.size && size <= room - run_.packed.size;
  if (!goes_on) flush_run();
  if (run_.pieces.empty()) {
    run_.kind = Item::Kind::taken;
    run_.known = block;
    run_.packed = take_buffer(room);
  }
  run_.packed.size += size;
  run_.pieces.push_back({kind, block.size_field, plain_size, 0, number});
}

void DataWriter::flush_run() {
  if (!run_.pieces.empty()) pipeline_->push(std::exchange(run_, {}));
}

void DataWriter::take_large(InodeId file, std::uint32_t content) {
  settle_stretch(std::nullopt);
  std::uint64_t at = base_files_->blocks_of(file).start;
  std::uint64_t left = base_files_->size_of(file);
  for (const std::uint32_t word : base_files_->words_of(file)) {
    const auto plain = static_cast<std::uint32_t>(std::min<std::uint64_t>(left, options_.block_size));
    if (word == 0) {
      push_holes(plain);
    } else {
      add_taken(Item::Kind::block, {at, word}, plain, 0);
    }
    at += packed_size(word);
    left -= plain;
  }
  if (!run_.pieces.empty()) {
    run_.pieces.push_back({.kind = Item::Kind::end, .number = content});
    return;
  }
  Item item;
  item.kind = Item::Kind::end;
  item.content = content;
  push(std::move(item));
}

void DataWriter::take_small(InodeId file, std::uint32_t content) {
  const auto size = static_cast<std::uint32_t>(base_files_->size_of(file));
  settle_stretch(file);
  if (fragment_.size + size > options_.block_size) flush_fragment();
  SIFKIT_CHECK(fragment_.size == 0 || !pieces_.empty());
  const FileBlocks& place = base_files_->blocks_of(file);
  if (pieces_.empty()) {
    pieces_whole_ = place.offset == 0;
  } else {
    const FileBlocks& last = base_files_->blocks_of(pieces_.back());
    pieces_whole_ = pieces_whole_ && place.fragment == last.fragment && place.offset == fragment_.size;
  }
  pieces_.push_back(file);
  contents_[content].fragment = static_cast<std::uint32_t>(fragments_.size());
  contents_[content].place = fragment_.size;
  fragment_.size += size;
  // A file that ends a stretch is the last of its fragment.
  unsettled_ = place.offset + size == base_files_->fragment_size(place.fragment);
}

bool DataWriter::is_whole() const {
  return pieces_whole_ && fragment_.size == base_files_->fragment_size(base_files_->blocks_of(pieces_.back()).fragment);
}

void DataWriter::settle_stretch(std::optional<InodeId> next) {
  if (!unsettled_) return;
  unsettled_ = false;
  // The next file may have no room, whatever the last one says; then its bytes need not be asked.
  if (next && fragment_.size + base_files_->size_of(*next) > options_.block_size) return;
  if (ends_stretch(base_files_->small_bytes(pieces_.back()), options_.block_size)) flush_fragment();
}

void DataWriter::flush_pieces() {
  fragments_.emplace_back();
  const auto index = fragments_.size() - 1;
  if (is_whole()) {
    const PackedBlock stored = base_files_->fragment(base_files_->blocks_of(pieces_.back()).fragment);
    add_taken(Item::Kind::fragment, stored, fragment_.size, static_cast<std::uint32_t>(index));
  } else {
    Buffer plain = take_buffer();
    for (const InodeId file : pieces_) {
      const auto bytes = base_files_->small_bytes(file);
      std::memcpy(plain.bytes.get() + plain.size, bytes.data(), bytes.size());
      plain.size += static_cast<std::uint32_t>(bytes.size());
    }
    push_block(Item::Kind::fragment, std::move(plain), index, {});
  }
  pieces_.clear();
  unsettled_ = false;
  fragment_ = {};
}

ContentKey DataWriter::key_of(InodeId file) {
  namer_.start();
  base_files_->read(file, [&](ByteView block) { namer_.add_block(block); });
  return namer_.finish();
}

void DataWriter::name_taken(std::uint64_t size) {
  const auto [first, last] = unnamed_.equal_range(size);
  for (auto each = first; each != last; ++each) {
    const auto [content, file] = each->second;
    keys_[content] = key_of(file);
    index_[slot_of(keys_[content])] = content;
  }
  unnamed_.erase(first, last);
}

void DataWriter::name_all_taken() {
  while (!unnamed_.empty()) name_taken(unnamed_.begin()->first);
}

}  // namespace sifkit::layers
