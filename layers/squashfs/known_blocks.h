// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "squashfs/content_hash.h"

namespace sifkit::layers {

/// Blocks of large files that are stored and may come again, by their names. It remembers so many; who comes later is not
/// found. Not thread safe.
class KnownBlocks {
 public:
  static constexpr std::size_t kMax = 1u << 20;  ///< some 80 bytes each

  struct Place {
    std::uint64_t start = 0;
    std::uint32_t size_field = 0;
    std::uint32_t checksum = 0;
  };
  struct Block {
    std::uint32_t number = 0;  ///< 0: not remembered
    bool repeats = false;
  };

  /// The next block of a file: the one it repeats, or its own number.
  Block add(const ContentKey& name) {
    if (numbers_.size() >= kMax) {
      const auto found = numbers_.find(name);
      return found == numbers_.end() ? Block{} : Block{found->second, true};
    }
    const auto [at, fresh] = numbers_.try_emplace(name, static_cast<std::uint32_t>(places_.size()));
    if (!fresh) return {at->second, true};
    places_.emplace_back();
    of_file_.push_back(name);
    return {at->second, false};
  }
  /// The file ends. What is new of one that is taken back is forgotten with it.
  void end_file(bool kept) {
    if (!kept) {
      for (const auto& name : of_file_) numbers_.erase(name);
    }
    of_file_.clear();
  }

  /// Set when the block is written, which is before one that repeats it is.
  Place& place(std::uint64_t number) { return places_.at(static_cast<std::size_t>(number)); }

 private:
  struct FirstWord {
    std::size_t operator()(const ContentKey& key) const noexcept { return static_cast<std::size_t>(key[0]); }
  };
  std::unordered_map<ContentKey, std::uint32_t, FirstWord> numbers_;  ///< names are secret, so nobody can make them meet
  std::vector<Place> places_{1};
  std::vector<ContentKey> of_file_;  ///< what the open file has added
};

}  // namespace sifkit::layers
