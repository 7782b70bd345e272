// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/squashfs.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "squashfs/codec.h"
#include "squashfs/data_writer.h"
#include "squashfs/tree_reader.h"

namespace sifkit::layers {

namespace {

constexpr std::size_t kPiece = 1u << 20;  ///< what a sink is given at once; not less than a block

}  // namespace

struct SquashfsReader::Impl {
  static inline std::atomic<std::uint64_t> made = 0;
  const std::uint64_t serial = ++made;  ///< an address may be another reader's later
  Region& region;
  const Limits limits;
  const Superblock super;
  const std::unique_ptr<BlockDecompressor> codec;
  std::vector<StoredFragment> fragments;  ///< all or, on demand, none
  StoredTree stored;
  std::unique_ptr<StoredTreeReader> rest;  ///< reads what is not in `stored` yet
  Bytes packed;
  Bytes fragment;  ///< the bytes of the one that was read last
  std::uint32_t fragment_index = kNoFragment;
  struct Part {
    InodeId file = kNone;
    std::size_t index = 0;    ///< of the block
    std::uint64_t place = 0;  ///< of the block in the image
    Bytes block;              ///< empty: not read
  };
  Part part;  ///< what of a file was read last by itself
  std::map<std::tuple<std::uint64_t, std::uint32_t, std::uint32_t>, bool> same_fragments;  ///< by the serial of the other

  Impl(Region& image, const Limits& reader_limits, Opening opening)
      : region(image),
        limits(reader_limits),
        super(Superblock::read(region)),
        codec(make_block_decompressor(super.codec, super.block_size)),
        fragments(opening == Opening::whole ? read_fragment_table(region, *codec, super, limits) : std::vector<StoredFragment>()),
        rest(std::make_unique<StoredTreeReader>(region, *codec, super, limits, stored)),
        packed(super.block_size) {
    if (opening == Opening::whole) complete();
  }

  void complete() {
    if (!rest) return;
    rest->read_rest();
    stored.by_number = rest->take_numbers();
    rest.reset();
  }

  StoredFragment fragment_at(std::uint32_t index) const {
    return fragments.empty() ? read_fragment(region, *codec, super, index) : fragments.at(index);
  }

  /// Unpacks the block at `place` to the start of `into`; returns how much that is.
  std::size_t read_block(std::uint64_t place, std::uint32_t word, std::span<std::byte> into) {
    const std::size_t size = stored_size(word);
    if ((word & kStoredBlock) != 0) {
      if (size > into.size()) throw_malformed(fmt::format("a block of {} bytes at {}, expected at most {}", size, place, into.size()));
      read_image(region, super.bytes, place, into.first(size), "a block");
      return size;
    }
    const auto bytes = std::span(packed).first(size);
    read_image(region, super.bytes, place, bytes, "a block");
    return in_context([&] { return fmt::format("the block at {}", place); }, [&] { return codec->decompress(bytes, into); });
  }

  std::size_t stored_size(std::uint32_t word) const {
    const std::uint32_t size = word & ~kStoredBlock;
    if (size == 0 || size > super.block_size) throw_malformed(fmt::format("a block of {} bytes, expected 1 to {}", size, super.block_size));
    return size;
  }

  ByteView tail(const FileBlocks& file, std::size_t size) {
    if (fragment_index != file.fragment) {
      const StoredFragment entry = fragment_at(file.fragment);
      fragment_index = kNoFragment;
      fragment.resize(super.block_size);
      fragment.resize(read_block(entry.start, entry.size_field, fragment));
      fragment_index = file.fragment;
    }
    if (file.offset > fragment.size() || size > fragment.size() - file.offset) {
      throw_malformed(fmt::format("a file's end of {} bytes at {} of a fragment of {}", size, file.offset, fragment.size()));
    }
    return ByteView(fragment).subspan(file.offset, size);
  }

  /// Gives the bytes of a file to `take` and the lengths of its holes to `take_zeros`.
  template <class Take, class TakeZeros>
  void read(InodeId id, const Take& take, const TakeZeros& take_zeros) {
    const Inode& inode = stored.tree.inode(id);
    const FileBlocks& file = blocks_of(inode);
    const auto words = std::span(stored.words).subspan(static_cast<std::size_t>(file.first_block), file.count);
    Bytes buffer(static_cast<std::size_t>(std::min<std::uint64_t>(inode.size, kPiece)));
    std::size_t filled = 0;
    const auto flush = [&] {
      if (filled != 0) take(ByteView(buffer).first(filled));
      filled = 0;
    };
    std::uint64_t place = file.start;
    std::uint64_t left = inode.size;
    for (std::size_t i = 0; i < words.size();) {
      if (words[i] == 0) {
        std::uint64_t run = 0;
        for (; i < words.size() && words[i] == 0; ++i) run += super.block_size;
        run = std::min(run, left);
        flush();
        take_zeros(run);
        left -= run;
        continue;
      }
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(left, super.block_size));
      if (filled + want > buffer.size()) flush();
      const auto got = read_block(place, words[i], std::span(buffer).subspan(filled, want));
      if (got != want) throw_malformed(fmt::format("the block at {} has {} bytes, expected {}", place, got, want));
      place += stored_size(words[i++]);
      filled += want;
      left -= want;
    }
    flush();
    if (left != 0) take(tail(file, static_cast<std::size_t>(left)));
  }

  /// One block of a file, unpacked; valid until the next call.
  ByteView block_of(InodeId id, std::size_t index) {
    const Inode& inode = stored.tree.inode(id);
    const FileBlocks& file = blocks_of(inode);
    const auto words = std::span(stored.words).subspan(static_cast<std::size_t>(file.first_block), file.count);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(super.block_size, inode.size - index * std::uint64_t{super.block_size}));
    if (index >= words.size()) return tail(file, size);
    if (part.file != id || index < part.index) part = {id, 0, file.start, {}};
    if (part.index != index) part.block.clear();
    for (; part.index < index; ++part.index) part.place += words[part.index] == 0 ? 0 : stored_size(words[part.index]);
    if (part.block.empty()) {
      Bytes block(size);
      const auto got = words[index] == 0 ? size : read_block(part.place, words[index], block);
      if (got != size) throw_malformed(fmt::format("the block at {} has {} bytes, expected {}", part.place, got, size));
      part.block = std::move(block);
    }
    return part.block;
  }

  void read_part(InodeId id, std::uint64_t offset, std::span<std::byte> into) {
    SIFKIT_CHECK(offset <= stored.tree.inode(id).size && into.size() <= stored.tree.inode(id).size - offset);
    while (!into.empty()) {
      const auto block = block_of(id, static_cast<std::size_t>(offset / super.block_size));
      const auto bytes = block.subspan(static_cast<std::size_t>(offset % super.block_size));
      const auto count = std::min(bytes.size(), into.size());
      std::copy_n(bytes.begin(), count, into.begin());
      into = into.subspan(count);
      offset += count;
    }
  }

  /// The segments of a file that are stored, if some are not.
  std::optional<std::vector<DataSegment>> segments_of(InodeId id) const {
    const Inode& inode = stored.tree.inode(id);
    const FileBlocks& file = blocks_of(inode);
    const auto words = std::span(stored.words).subspan(static_cast<std::size_t>(file.first_block), file.count);
    if (std::find(words.begin(), words.end(), 0u) == words.end()) return std::nullopt;
    std::vector<DataSegment> out;
    for (std::size_t i = 0; i <= words.size(); ++i) {
      const std::uint64_t start = i * std::uint64_t{super.block_size};
      if (start >= inode.size || (i < words.size() && words[i] == 0)) continue;
      // What is behind the blocks is the file's end, in a fragment.
      const std::uint64_t length = std::min<std::uint64_t>(super.block_size, inode.size - start);
      if (!out.empty() && out.back().offset + out.back().length == start) {
        out.back().length += length;
      } else {
        out.push_back({start, length});
      }
    }
    return out;
  }

  const FileBlocks& blocks_of(const Inode& inode) const {
    if (inode.type != EntryType::regular) throw Error(ErrorKind::usage, "only regular files have contents");
    return stored.files.at(static_cast<std::uint32_t>(inode.content));
  }

  /// Whether [start, start + size) of this image and [other_start, …) of another one hold the same bytes.
  bool same_bytes(std::uint64_t start, Impl& other, std::uint64_t other_start, std::uint64_t size) {
    Bytes mine(static_cast<std::size_t>(std::min<std::uint64_t>(size, kPiece)));
    Bytes others(mine.size());
    while (size != 0) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(size, mine.size()));
      read_image(region, super.bytes, start, std::span(mine).first(count), "a block");
      read_image(other.region, other.super.bytes, other_start, std::span(others).first(count), "a block");
      if (std::memcmp(mine.data(), others.data(), count) != 0) return false;
      start += count;
      other_start += count;
      size -= count;
    }
    return true;
  }

  bool same_fragment(std::uint32_t index, Impl& other, std::uint32_t other_index) {
    const auto [known, added] = same_fragments.try_emplace({other.serial, index, other_index}, false);
    if (added) {
      const auto mine = fragment_at(index);
      const auto others = other.fragment_at(other_index);
      known->second = mine.size_field == others.size_field && same_bytes(mine.start, other, others.start, stored_size(mine.size_field));
    }
    return known->second;
  }

  bool stored_alike(InodeId id, Impl& other, InodeId other_id) {
    const Inode& inode = stored.tree.inode(id);
    const Inode& others = other.stored.tree.inode(other_id);
    if (super.codec != other.super.codec || super.block_size != other.super.block_size || inode.size != others.size) return false;
    const FileBlocks& file = blocks_of(inode);
    const FileBlocks& other_file = other.blocks_of(others);
    const auto words = std::span(stored.words).subspan(static_cast<std::size_t>(file.first_block), file.count);
    const auto other_words = std::span(other.stored.words).subspan(static_cast<std::size_t>(other_file.first_block), other_file.count);
    if (!std::equal(words.begin(), words.end(), other_words.begin(), other_words.end())) return false;
    // The number of blocks says whether both have an end in a fragment.
    const bool tail = std::uint64_t{file.count} * super.block_size < inode.size;
    if (tail && (file.offset != other_file.offset || !same_fragment(file.fragment, other, other_file.fragment))) return false;
    std::uint64_t size = 0;
    for (const auto word : words) size += word == 0 ? 0 : stored_size(word);
    return same_bytes(file.start, other, other_file.start, size);
  }

  /// The order in which the bytes of files lie in the image.
  void sort_by_place(std::vector<InodeId>& ids) const {
    const auto place = [&](InodeId id) {
      const FileBlocks& file = blocks_of(stored.tree.inode(id));
      if (file.count != 0) return std::pair(file.start, std::uint32_t{0});
      if (stored.tree.inode(id).size == 0) return std::pair(std::uint64_t{0}, std::uint32_t{0});
      return std::pair(fragment_at(file.fragment).start, file.offset);
    };
    using Place = std::pair<std::uint64_t, std::uint32_t>;
    std::vector<std::pair<Place, InodeId>> sorted;
    sorted.reserve(ids.size());
    for (const InodeId id : ids) sorted.emplace_back(place(id), id);
    std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::transform(sorted.begin(), sorted.end(), ids.begin(), [](const auto& each) { return each.second; });
  }
};

namespace {

/// What is wrong with an image is so of the squashfs in it, whenever it is found.
template <class Body>
auto in_image(Body&& body) {
  return in_context([] { return std::string("squashfs"); }, std::forward<Body>(body));
}

}  // namespace

SquashfsReader::SquashfsReader(Region& region, const Limits& limits, Opening opening)
    : impl_(in_image([&] { return std::make_unique<Impl>(region, limits, opening); })) {}

SquashfsReader::~SquashfsReader() = default;

SquashfsCodec SquashfsReader::codec() const noexcept { return impl_->super.codec; }

bool SquashfsReader::stores_plain() const noexcept { return impl_->super.stores_plain; }

std::uint32_t SquashfsReader::block_size() const noexcept { return impl_->super.block_size; }

const Tree& SquashfsReader::tree() const {
  in_image([&] { impl_->complete(); });
  return impl_->stored.tree;
}

std::span<const InodeId> SquashfsReader::by_number() const {
  in_image([&] { impl_->complete(); });
  return impl_->stored.by_number;
}

const Tree& SquashfsReader::known() const { return impl_->stored.tree; }

std::optional<InodeId> SquashfsReader::find(std::string_view path, bool follow) const {
  if (!impl_->rest) return known().resolve(path, follow);
  return in_image([&] {
    return known().resolve(path, follow, [&](InodeId directory, std::string_view name) { impl_->rest->look_up(directory, name); });
  });
}

void SquashfsReader::list(InodeId directory) const {
  if (impl_->rest) in_image([&] { impl_->rest->list(directory); });
}

std::uint32_t SquashfsReader::link_count(InodeId inode) const {
  const auto found = impl_->stored.link_counts.find(inode);
  if (found != impl_->stored.link_counts.end()) return found->second;
  return impl_->stored.tree.inode(inode).type == EntryType::directory ? 2 : 1;
}

std::uint32_t SquashfsReader::time() const noexcept { return impl_->super.time; }

ContentId SquashfsReader::read(InodeId inode, ContentSink& sink) {
  if (const auto segments = impl_->segments_of(inode)) sink.expect_segments(*segments);
  sink.begin(known().inode(inode).size);
  impl_->read(inode, [&](ByteView bytes) { sink.append(bytes); }, [&](std::uint64_t count) { sink.append_zeros(count); });
  return sink.end();
}

bool SquashfsReader::stored_alike(InodeId file, SquashfsReader& other, InodeId other_file) {
  return in_image([&] { return impl_->stored_alike(file, *other.impl_, other_file); });
}

std::vector<InodeId> SquashfsReader::files_by_place() const {
  std::vector<InodeId> out;
  for (InodeId id = 0; id < tree().inode_count(); ++id) {
    const Inode& inode = tree().inode(id);
    if (inode.type == EntryType::regular && inode.links != 0 && inode.size != 0) out.push_back(id);
  }
  impl_->sort_by_place(out);
  return out;
}

void SquashfsReader::read_part(InodeId inode, std::uint64_t offset, std::span<std::byte> into) {
  impl_->read_part(inode, offset, into);
}

void SquashfsReader::read_files(std::vector<InodeId> files, const SinkFor& sink_for) {
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  impl_->sort_by_place(files);
  for (const InodeId id : files) {
    if (ContentSink* sink = sink_for(id)) read(id, *sink);
  }
}

}  // namespace sifkit::layers
