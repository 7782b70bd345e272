// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/file_system.h>
#include <sifkit/layers/packed_blocks.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

enum class SquashfsCodec : std::uint8_t { gzip, zstd, lz4, xz, none };

/// How blocks are made. `fast` chooses ISA-L for gzip. Level 0 means the codec's default (gzip 6, fast 3, zstd 3).
struct SquashfsOptions {
  SquashfsCodec codec = SquashfsCodec::gzip;
  unsigned level = 0;
  bool fast = false;
  std::uint32_t block_size = 128 * 1024;  ///< a power of two, 4 KiB to 1 MiB
  unsigned threads = 1;                   ///< that compress; the output does not depend on it
  std::uint32_t time = 0;                 ///< in the superblock
  /// An image that blocks may be taken from, for which it is not `unusable_for` these options; the bytes are those that
  /// are written without it, as far as `unfit_for` can tell.
  std::shared_ptr<const PackedBlocks> base = {};
};

/// Throws usage for a block size that squashfs does not have. The writer asks it, too.
SIFKIT_API void require_block_size(std::uint32_t size);

/// What a finished image holds.
struct SquashfsSummary {
  std::uint64_t bytes = 0;         ///< of the image, padded to 4096
  std::uint64_t inodes = 0;
  std::uint64_t contents = 0;      ///< different ones, the empty one included; a ContentId is less
  Digest checksum;                 ///< tells whether what is stored has changed since; PackedBlocks::checksum
  std::uint64_t file_bytes = 0;    ///< handed in, holes included
  std::uint64_t duplicate_bytes = 0;
  std::uint64_t repeated_bytes = 0;       ///< in blocks that were packed once for several places, unpacked
  std::uint64_t reused_bytes = 0;         ///< in blocks that were taken from the base, unpacked
  std::uint64_t damaged_base_blocks = 0;  ///< which could not be unpacked
};

/// Parses "gzip", "gzip:9", "zstd:3", "lz4", "xz", "none" into codec and level; throws usage.
SIFKIT_API void parse_compression(std::string_view text, SquashfsOptions& options);

/// Writes a squashfs 4.0 image into a region, straight through: the bytes of files as they come, in blocks that
/// several threads compress, then the tree. Equal files are stored once. The same calls give the same bytes whatever
/// the number of threads. One thread at a time.
class SIFKIT_API SquashfsWriter : public ContentSink {
 public:
  /// The region outlives the writer.
  SquashfsWriter(Region& region, const SquashfsOptions& options);
  ~SquashfsWriter() override;
  SquashfsWriter(const SquashfsWriter&) = delete;
  SquashfsWriter& operator=(const SquashfsWriter&) = delete;

  void expect(std::string_view path) override;
  void begin(std::uint64_t size) override;
  void append(ByteView bytes) override;
  void append_zeros(std::uint64_t count) override;
  ContentId end() override;
  ContentId take(const PackedBlocks& base, InodeId file) override;
  void end_layer() override;

  /// Writes inodes, directories and tables and ends the image. Every regular file that has a name has content.
  SquashfsSummary finish(const Tree& tree);

  /// After `finish`: reads the image back by SquashfsReader and compares every name, field and byte with what
  /// was handed in. Throws internal for a difference.
  void verify(const Tree& tree, const OperationContext& operation);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// How much of an image is read when it is opened.
enum class Opening : std::uint8_t {
  whole,      ///< all names and inodes: what is wrong with one of them is an error of opening
  on_demand,  ///< of names and inodes what is asked for, by the same rules
};

/// Reads squashfs 4.0 images, independently of the writer and of libsquashfs. Every bound is checked: an image may be
/// anything. Not thread safe.
class SIFKIT_API SquashfsReader : public FileSystem {
 public:
  /// The region outlives the reader. Throws malformed for anything that is not a sound image, limit for one whose files
  /// take more memory than `limits.metadata_bytes`; on demand, of what is asked for, when it is.
  explicit SquashfsReader(Region& region, const Limits& limits = {}, Opening opening = Opening::whole);
  ~SquashfsReader() override;
  SquashfsReader(const SquashfsReader&) = delete;
  SquashfsReader& operator=(const SquashfsReader&) = delete;

  SquashfsCodec codec() const noexcept;
  bool stores_plain() const noexcept;  ///< the image says that none of its data is compressed
  std::uint32_t block_size() const noexcept;
  std::uint32_t time() const noexcept;  ///< of the image, seconds since 1970

  /// Contents of regular files are named by the inode's `content`, for `read`.
  const Tree& tree() const override;
  const Tree& known() const override;
  /// All inodes by the numbers that the image gives them, from 1 on; kNone where it has none.
  std::span<const InodeId> by_number() const;
  std::optional<InodeId> find(std::string_view path, bool follow) const override;
  void list(InodeId directory) const override;
  std::uint32_t link_count(InodeId inode) const override;

  using FileSystem::read;
  ContentId read(InodeId inode, ContentSink& sink) override;
  bool reads_parts() const override { return true; }
  void read_part(InodeId inode, std::uint64_t offset, std::span<std::byte> into) override;
  void read_files(std::vector<InodeId> files, const SinkFor& sink_for) override;
  /// Whether a regular file is stored as the same bytes as one of another image of the same compressor and block size: then
  /// both hold the same, and nothing had to be unpacked to know it. A no says nothing.
  bool stored_alike(InodeId file, SquashfsReader& other, InodeId other_file);
  /// The regular files that are not empty, in the order in which their bytes lie in the image: so none is unpacked twice.
  std::vector<InodeId> files_by_place() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::layers
