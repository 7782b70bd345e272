// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include <sifkit/core/bytes.h>

#include "squashfs/content_hash.h"

namespace sifkit::layers {

/// Names contents by the names of their blocks, which are known on the way. A block of zeros counts by its length, however
/// it came, so a run of holes costs nothing, and a file has one name whether its holes were known or not. Not thread safe.
class ContentNamer {
 public:
  static constexpr ContentKey kZeros{};  ///< in place of the name of a block of zeros

  ContentNamer();
  /// Another one that gives the same names.
  ContentNamer(const ContentNamer& like, int);

  void start();
  /// The next block of the file, all of it; gives its name.
  ContentKey add_block(ByteView bytes);
  /// Blocks that are all zeros, `bytes` together.
  void add_zeros(std::uint64_t bytes);
  ContentKey finish();

 private:
  void add(std::span<const std::uint64_t> words);
  void end_zeros();

  ContentHash blocks_;
  ContentHash list_;   ///< of the names of a file's blocks, if it has more than one
  ContentKey mark_{};  ///< stands before what is no name of a block; nobody can put it into a file
  ContentKey first_{};
  bool only_first_ = false;  ///< so far there is one block, which names the file
  bool listing_ = false;
  std::uint64_t at_ = 0;
  std::uint64_t zeros_ = 0;  ///< at the end of what was added
};

}  // namespace sifkit::layers
