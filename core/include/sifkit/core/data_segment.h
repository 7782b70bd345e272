// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sifkit {

/// A run of real bytes in a sparse file; the rest of it reads as zeros.
struct DataSegment {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

}  // namespace sifkit
