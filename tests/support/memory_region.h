// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>

namespace sifkit::testing {

/// A region in memory that can be told to fail at its n-th write.
class MemoryRegion : public Region {
 public:
  Bytes bytes;
  std::size_t writes = 0;
  std::size_t fail_at = 0;  ///< 0: never

  void write_at(std::uint64_t offset, ByteView data) override {
    if (++writes == fail_at) throw Error(ErrorKind::no_space, "no space left on device");
    const auto end = static_cast<std::size_t>(offset) + data.size();
    if (bytes.size() < end) bytes.resize(end);
    std::copy(data.begin(), data.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    if (offset >= bytes.size()) return 0;
    const auto count = std::min<std::size_t>(into.size(), bytes.size() - static_cast<std::size_t>(offset));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, into.begin());
    return count;
  }
  std::uint64_t size() override { return bytes.size(); }
  void truncate(std::uint64_t size) override { bytes.resize(static_cast<std::size_t>(size)); }
};

}  // namespace sifkit::testing
