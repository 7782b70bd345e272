// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sifkit/core/bytes.h>

#include "squashfs/content_hash.h"

namespace sifkit::layers {

/// Names contents by their blocks. A block of zeros counts by its length, however it came, so a run of holes costs
/// nothing, and a file has one name whether its holes were known or not. Not thread safe.
class ContentNamer {
 public:
  ContentNamer();
  /// Another one that gives the same names.
  ContentNamer(const ContentNamer& like, int);

  void start();
  /// The next block of the file, all of it.
  void add_block(ByteView bytes);
  /// Blocks that are all zeros, `bytes` together.
  void add_zeros(std::uint64_t bytes);
  ContentKey finish();

 private:
  void end_zeros();

  ContentHash hash_;
  ContentKey mark_{};  ///< stands before what is no byte of the file; nobody can put it into one
  std::uint64_t at_ = 0;
  std::uint64_t zeros_ = 0;  ///< at the end of what was added
};

}  // namespace sifkit::layers
