// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sifkit/layers/tree.h>

#include "squashfs/handle.h"

namespace sifkit::layers {

inline constexpr std::uint32_t kNoXattr = 0xffffffffu;  ///< in an inode

/// The extended attributes of an image. libsquashfs's own writer would keep every value twice more, in hexadecimal.
class XattrTable {
 public:
  /// The tree outlives the table.
  explicit XattrTable(const Tree& tree) : tree_(tree) {}

  /// The number that an inode states for one of the tree's sets: they are numbered as they are asked for.
  std::uint32_t number_of(std::uint32_t set);

  /// Writes the sets that have a number at the end of `file`, and says so in `super`.
  void write(RegionFile& file, sqfs_compressor_t* compressor, sqfs_super_t& super) const;

 private:
  const Tree& tree_;
  std::vector<std::uint32_t> sets_;     ///< of the tree, by number
  std::vector<std::uint32_t> numbers_;  ///< by the tree's set
};

}  // namespace sifkit::layers
