// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sifkit::layers {

/// Which paths newer layers take away from older ones, as far as the paths' text tells. Holds hashes only: a collision
/// makes a guess wrong, which its user allows for. 16 bytes a path.
class CoveredPaths {
 public:
  CoveredPaths();

  /// A file of this very path is replaced.
  void cover(std::string_view path) { insert(hash(path), 0); }
  /// Everything below this path is hidden too.
  void cover_below(std::string_view path) { insert(hash(path), kBelow); }

  /// Whether a file of this path is hidden.
  bool hides(std::string_view path) const;

 private:
  static constexpr std::uint64_t kBelow = 1;

  static std::uint64_t hash(std::string_view path);
  void insert(std::uint64_t key, std::uint64_t flag);
  void place(std::uint64_t entry);
  /// The entry of a key, or 0.
  std::uint64_t find(std::uint64_t key) const;

  std::vector<std::uint64_t> table_;  ///< open addressing; 0 is free, the lowest bit a flag
  std::size_t used_ = 0;
};

}  // namespace sifkit::layers
