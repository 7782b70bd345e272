// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <sifkit/core/file.h>
#include <sifkit/core/ordered_pipeline.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/packed_blocks.h>
#include <sifkit/layers/squashfs.h>

#include "squashfs/base_files.h"
#include "squashfs/block_checksums.h"
#include "squashfs/codec.h"
#include "squashfs/content_namer.h"
#include "squashfs/data_item.h"
#include "squashfs/known_blocks.h"
#include "squashfs/tree_reader.h"
#include "squashfs/write_behind.h"

namespace sifkit::layers {

inline constexpr std::uint64_t kStretchBlocks = 8;  ///< of small files in a stretch, on average

/// Where the bytes of one file lie.
struct StoredContent {
  std::uint64_t size = 0;
  std::uint64_t start = 0;   ///< of the first data block
  std::uint64_t sparse = 0;  ///< bytes in blocks that are holes
  std::uint64_t first_block = 0;
  std::uint32_t blocks = 0;
  std::uint32_t fragment = kNoFragment;
  std::uint32_t offset = 0;  ///< in the fragment
};

/// As SquashfsSummary has them.
struct DataCounts {
  std::uint64_t file_bytes = 0;
  std::uint64_t duplicate_bytes = 0;
  std::uint64_t repeated_bytes = 0;
  std::uint64_t reused_bytes = 0;
  std::uint64_t damaged_blocks = 0;
};

/// Whether a stretch ends behind a small file. Chosen by the file's bytes alone, with a hash that needs no secret: another
/// build finds the same ends. The chance is the share that the file has in a stretch of mean length, so that tiny files
/// end no more stretches than their bytes are worth; a chance per file would make images of many tiny files larger.
bool ends_stretch(ByteView small, std::uint32_t block_size);

/// Packs contents into data and fragment blocks. Files of less than a block go together into fragments, larger ones
/// into blocks of their own; a file that was there before costs nothing. Several threads compress; blocks are placed by
/// the caller's thread in the order they were made, so the layout does not depend on the threads.
///
/// The data is a row of stretches that share no block (docs/formats.md). One ends where a layer does, and behind small
/// files that their bytes choose. The blocks of a stretch follow from the files that it stores and from nothing before
/// it, so a change of one file leaves those of other stretches as they were, in another place at most.
class DataWriter : public ContentSink {
 public:
  /// Blocks are written from `start` on. The region outlives the object.
  DataWriter(Region& region, std::uint64_t start, const SquashfsOptions& options);

  void expect(std::string_view path) override {
    if (options_.base) path_ = path;
  }
  void begin(std::uint64_t size) override;
  void append(ByteView bytes) override;
  void append_zeros(std::uint64_t count) override;
  ContentId end() override;
  ContentId take(const PackedBlocks& base, InodeId file) override;
  void end_layer() override;

  /// Writes what is still open; no more contents afterwards. Returns where the data ends.
  std::uint64_t finish();

  StoredContent content(ContentId id) const;
  const std::uint32_t* block_sizes(const StoredContent& content) const { return block_sizes_.data() + content.first_block; }
  const std::vector<StoredFragment>& fragments() const noexcept { return fragments_; }
  /// How a content is named; `namer` gives the same names.
  const ContentKey& key(ContentId id) const { return keys_.at(static_cast<std::uint32_t>(id)); }
  const ContentNamer& namer() const noexcept { return namer_; }
  /// Names what was taken from the base, too, which is read for it.
  void name_all_taken();
  /// How many different contents there are, the empty one included.
  std::size_t contents() const noexcept { return contents_.size(); }
  /// Over all that is stored, once the tables are written. Once.
  Digest checksum(std::uint64_t data_end, std::uint64_t end);

  const DataCounts& counts() const noexcept { return counts_; }

 private:
  using Buffer = BlockBuffer;
  using Item = DataItem;
  /// What is kept of every content: there may be millions of small ones, so these take few bytes.
  struct Content {
    std::uint64_t size = 0;
    std::uint32_t fragment = kNoFragment;
    std::uint32_t place = 0;  ///< in the fragment, or in `large_`
  };
  struct LargeContent {
    std::uint64_t start = 0;
    std::uint64_t sparse = 0;
    std::uint64_t first_block = 0;
    std::uint32_t blocks = 0;
  };

  OrderedPipeline<Item, Item>::Work make_worker() const;
  void deliver(Item&& item);
  /// A block that is in the image from `cursor_` on.
  void place(Item::Kind kind, std::uint32_t size_field, std::uint32_t checksum, std::uint64_t count);
  void end_blocks(std::uint32_t content, bool duplicate);
  Buffer take_buffer(std::uint32_t room);
  Buffer take_buffer() { return take_buffer(options_.block_size); }
  std::vector<Buffer>& spare(std::uint32_t room) { return room == options_.block_size ? spare_ : spare_runs_; }
  void give_back(Buffer&& buffer);
  void push(Item&& item);
  void push_block(Item::Kind kind, Buffer&& plain, std::uint64_t count, const PackedBlock& known);
  void push_holes(std::uint64_t bytes);  ///< of one block, or of several whole ones
  void expect_room(std::uint64_t size);
  void end_block();
  void flush_fragment();
  // Files of the base (data_writer_take.cpp).
  void take_large(InodeId file, std::uint32_t content);
  void take_small(InodeId file, std::uint32_t content);
  void add_taken(Item::Kind kind, const PackedBlock& block, std::uint32_t plain_size, std::uint32_t number);
  void flush_run();
  /// Ends the stretch behind the last piece where its file does; `next` is the small file that comes now, if one does.
  void settle_stretch(std::optional<InodeId> next);
  /// Whether the open fragment is one of the base, all of it.
  bool is_whole() const;
  void flush_pieces();
  ContentKey key_of(InodeId file);
  /// Names the files of a size that were taken.
  void name_taken(std::uint64_t size);

  std::uint32_t new_content(std::uint64_t size, const ContentKey& key);
  /// The slot of a content with this key in the index, or the free slot where it belongs.
  std::size_t slot_of(const ContentKey& key) const;

  Region& region_;
  const SquashfsOptions options_;
  std::uint64_t cursor_;
  static constexpr ContentKey kUnnamed{};
  ContentNamer namer_;
  std::vector<Content> contents_;
  std::vector<LargeContent> large_;
  std::vector<ContentKey> keys_;
  std::vector<std::uint32_t> index_;  ///< open addressing, contents by key; kEmptyContent: free
  BlockChecksums checksums_;
  KnownBlocks known_blocks_;
  std::vector<std::uint32_t> block_sizes_;
  std::vector<StoredFragment> fragments_;
  std::uint64_t blocks_begun_ = 0;
  DataCounts counts_;

  // The file that is being appended.
  std::uint64_t size_ = 0;
  std::uint64_t appended_ = 0;
  bool open_ = false;
  Buffer block_;     ///< a file's open block, or a whole small file
  Buffer fragment_;  ///< the open fragment
  std::string path_;         ///< of the next file, where there is a base
  PackedBlocks::StoredFile expected_;  ///< what `options.base` has under that path
  PackedBlock expected_fragment_;      ///< and for the open fragment

  // What is taken from the base.
  std::optional<BaseFiles> base_files_;
  std::unordered_set<std::uint64_t> named_sizes_;  ///< of contents that have names
  std::unordered_multimap<std::uint64_t, std::pair<std::uint32_t, InodeId>> unnamed_;  ///< by size: content and file
  std::vector<InodeId> pieces_;  ///< what the open fragment is made of, in place of bytes
  bool pieces_whole_ = false;    ///< they stand in one fragment of the base as they do here
  bool unsettled_ = false;       ///< the last of them may end the stretch

  // The file whose blocks are being written.
  std::uint64_t writing_start_ = 0;
  std::uint64_t writing_first_block_ = 0;
  std::uint64_t writing_sparse_ = 0;

  Item run_;  ///< of what is taken side by side; without pieces: none is open

  std::vector<Buffer> spare_;
  std::vector<Buffer> spare_runs_;
  WriteBehind writes_;
  std::optional<OrderedPipeline<Item, Item>> pipeline_;  // last: its threads end first
};

}  // namespace sifkit::layers
