// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>

namespace sifkit::layers {

/// The CRC-32 of a block as it is stored.
std::uint32_t block_checksum(ByteView packed) noexcept;

/// One digest over everything that is stored in an image: of its blocks the sizes and CRC-32, in the order in which they
/// lie there, then superblock and tables. It tells damage from none; it is no defence against somebody who makes an image
/// that fits. Not thread safe.
class BlockChecksums {
 public:
  void add(std::uint32_t size_field, std::uint32_t checksum);

  /// The same for a block of a file that may be taken back before it is kept.
  void hold(std::uint32_t size_field, std::uint32_t checksum) { held_.push_back({size_field, checksum}); }
  void keep_held();
  void drop_held() noexcept { held_.clear(); }

  /// `tables` is where the tables begin, `end` where they end.
  Digest finish(Region& image, std::uint64_t tables, std::uint64_t end);

 private:
  struct Held {
    std::uint32_t size_field;
    std::uint32_t checksum;
  };
  Hasher hasher_;
  std::vector<Held> held_;
};

}  // namespace sifkit::layers
