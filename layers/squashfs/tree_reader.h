// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sifkit/layers/tree.h>

#include "squashfs/metadata_reader.h"

namespace sifkit::layers {

inline constexpr std::uint32_t kStoredBlock = 1u << 24;  ///< in a block's size word: not compressed
inline constexpr std::uint32_t kNoFragment = 0xffffffffu;

/// An entry of the fragment table.
struct StoredFragment {
  std::uint64_t start = 0;
  std::uint32_t size_field = 0;
};

/// Where an image has the bytes of a regular file.
struct FileBlocks {
  std::uint64_t start = 0;       ///< of the first block
  std::uint64_t first_block = 0;  ///< in StoredTree's words
  std::uint32_t count = 0;
  std::uint32_t fragment = 0;
  std::uint32_t offset = 0;      ///< in the fragment
};

/// The files of an image. The inode's `content` is an index of `files`, whose first is the file of no bytes.
struct StoredTree {
  Tree tree;
  std::vector<FileBlocks> files{1};
  std::vector<std::uint32_t> words;  ///< sizes of blocks as they are stored
  std::unordered_map<InodeId, std::uint32_t> link_counts;  ///< as inodes state them, where that is not 1, of directories 2
  /// Of a tree that is whole: inodes by the numbers that the image gives them, from 1 on.
  std::vector<InodeId> by_number;
};

/// Reads directories and inodes that have a name, all or those that are asked for. What is kept of them counts against
/// the limit of metadata. Throws malformed where names are not sorted, unique and sound, where a directory has two names, and
/// where what a directory says of an inode is not what the inode says. Not thread safe.
class StoredTreeReader {
 public:
  /// Reads the root's inode. Everything that is given outlives the reader; `out` is an empty tree.
  StoredTreeReader(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits, StoredTree& out);
  ~StoredTreeReader();
  StoredTreeReader(const StoredTreeReader&) = delete;
  StoredTreeReader& operator=(const StoredTreeReader&) = delete;

  /// Makes one entry of a directory known, if there is such an entry; the list is read no further than to it.
  void look_up(InodeId directory, std::string_view name);
  /// Makes all entries of a directory known.
  void list(InodeId directory);
  void read_rest();
  /// After `read_rest`: inodes by their numbers.
  std::vector<InodeId> take_numbers();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// All of it.
StoredTree read_stored_tree(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits);

/// One entry of the fragment table.
StoredFragment read_fragment(Region& region, BlockDecompressor& codec, const Superblock& super, std::uint32_t index);

/// The fragment table; empty where the image has none.
std::vector<StoredFragment> read_fragment_table(Region& region, BlockDecompressor& codec, const Superblock& super,
                                                const Limits& limits);

}  // namespace sifkit::layers
