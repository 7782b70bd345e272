// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

struct SquashfsOptions;

/// A block of a squashfs image as its tables name it.
struct PackedBlock {
  std::uint64_t start = 0;
  std::uint32_t size_field = 0;  ///< 0: none
};

/// The packed blocks of an image that is there already, for the writing of another one that shares files with it: a
/// block that holds the same bytes is taken as it is packed, and need not be packed again.
///
/// Where it keeps the blocks of a path is a guess for the writer, who unpacks what is there and compares every byte before
/// it is taken: of that nothing is believed. What `ContentSink::take` is given is believed, so whoever gives it compares
/// `checksum` first. Its functions may be called from several threads.
class SIFKIT_API PackedBlocks {
 public:
  /// The squashfs image in [offset, offset + size) of a file. Throws as SquashfsReader does.
  PackedBlocks(std::shared_ptr<const File> file, std::uint64_t offset, std::uint64_t size, const Limits& limits);
  ~PackedBlocks();
  PackedBlocks(const PackedBlocks&) = delete;
  PackedBlocks& operator=(const PackedBlocks&) = delete;

  /// Why blocks of this image cannot stand in one that is written with these options: another codec or block size. Empty
  /// where they can.
  std::string unusable_for(const SquashfsOptions& options) const;

  /// Why blocks of this image are not those that a writer with these options makes; empty where they are. What codec and
  /// block size do not tell, the level and the version of a compressor, some blocks tell that are packed again.
  std::string unfit_for(const SquashfsOptions& options) const;

  /// Goes over the blocks of one file in their order. Ends early where the image has no such block.
  class StoredFile {
   public:
    /// The next block; none behind the last, for a hole, and for a file that is not there.
    PackedBlock next();
    /// Passes over blocks.
    void skip(std::uint64_t count);

    /// Of a file of less than a block: the block that it is in with others, and where it begins there.
    PackedBlock shared;
    std::uint32_t offset = 0;

   private:
    friend class PackedBlocks;
    const std::uint32_t* sizes_ = nullptr;
    std::uint32_t left_ = 0;
    std::uint64_t start_ = 0;
  };

  /// The regular file of that path and size.
  StoredFile find(std::string_view path, std::uint64_t size) const;

  /// Fills `into` with the packed bytes of a block; throws malformed where it is not inside the image.
  void read(const PackedBlock& block, std::span<std::byte> into) const;

  // For one who makes the tree again of what the image holds.

  const Tree& tree() const noexcept;
  /// Inodes by the numbers that the image gives them, from 1 on; kNone where it has none.
  std::span<const InodeId> by_number() const noexcept;
  /// What SquashfsSummary::checksum was when the image was made, if nothing has changed since. Reads all of it.
  Digest checksum(const OperationContext& operation, unsigned threads) const;

 private:
  friend class BaseFiles;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class BaseFiles;

/// Reads the beginnings of regular files of an image that a writer of this library made. One thread at a time.
class SIFKIT_API FileStarts {
 public:
  /// Looks at every inode once. The image outlives the object. Throws malformed for an image of another writer.
  explicit FileStarts(const PackedBlocks& image);
  ~FileStarts();

  /// Fills `into` with the beginning of a file; less where that is shorter. Throws malformed where it is damaged.
  std::size_t read(InodeId file, std::span<std::byte> into);

 private:
  std::unique_ptr<BaseFiles> files_;
};

}  // namespace sifkit::layers
