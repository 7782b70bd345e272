// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <sifkit/layers/tree.h>

namespace sifkit {

/// What was packed for files that have no name at the end: a later entry took it in a way that their paths did not tell.
struct LostContents {
  bool any = false;         ///< also where another file has the same bytes
  std::size_t unnamed = 0;  ///< different contents that no file shows
  std::uint64_t bytes = 0;  ///< of these
};

LostContents lost_contents(const layers::Tree& tree);

}  // namespace sifkit
