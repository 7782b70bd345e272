// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <sifkit/layers/tree.h>

#include "squashfs/metadata_reader.h"

namespace sifkit::layers {

/// Reads the sets of extended attributes of an image.
class XattrReader {
 public:
  /// Region, codec and limits outlive the reader.
  XattrReader(Region& region, BlockDecompressor& codec, const Superblock& super, const Limits& limits);

  /// The set that an inode names by `number`, as one of the tree's.
  std::uint32_t read(std::uint32_t number, Tree& tree);

 private:
  Xattrs read_set(std::uint32_t number);
  std::string read_value(std::uint16_t type);
  std::string read_text(std::uint32_t size);

  const Limits& limits_;
  Bytes sets_;                         ///< the table of them as it is stored
  std::vector<std::uint32_t> known_;   ///< by number: index of the tree's set, kNone before it was read
  std::optional<MetadataReader> pairs_;
  std::optional<MetadataPlace> next_;  ///< where the next pair is, when a value was elsewhere
  std::uint64_t read_bytes_ = 0;
};

}  // namespace sifkit::layers
