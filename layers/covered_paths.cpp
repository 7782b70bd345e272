// SPDX-License-Identifier: Apache-2.0
#include "covered_paths.h"

namespace sifkit::layers {

namespace {

constexpr std::uint64_t kSeed = 1469598103934665603ull;
constexpr std::uint64_t kPrime = 1099511628211ull;

constexpr std::uint64_t step(std::uint64_t state, char c) { return (state ^ static_cast<unsigned char>(c)) * kPrime; }

/// Spreads the state over all bits; never 0, and the lowest bit is left to the flag.
constexpr std::uint64_t ending(std::uint64_t state) {
  state ^= state >> 32;
  state *= 0xd6e8feb86659fd93ull;
  state ^= state >> 32;
  return state << 1 | 1ull << 63;
}

}  // namespace

CoveredPaths::CoveredPaths() : table_(1024) {}

std::uint64_t CoveredPaths::hash(std::string_view path) {
  std::uint64_t state = kSeed;
  for (const char c : path) state = step(state, c);
  return ending(state);
}

std::uint64_t CoveredPaths::find(std::uint64_t key) const {
  const std::size_t mask = table_.size() - 1;
  for (auto at = static_cast<std::size_t>(key >> 1) & mask; table_[at] != 0; at = (at + 1) & mask) {
    if ((table_[at] & ~kBelow) == key) return table_[at];
  }
  return 0;
}

void CoveredPaths::place(std::uint64_t entry) {
  const std::size_t mask = table_.size() - 1;
  auto at = static_cast<std::size_t>(entry >> 1) & mask;
  while (table_[at] != 0 && (table_[at] & ~kBelow) != (entry & ~kBelow)) at = (at + 1) & mask;
  if (table_[at] == 0) ++used_;
  table_[at] |= entry;
}

void CoveredPaths::insert(std::uint64_t key, std::uint64_t flag) {
  if ((used_ + 1) * 2 > table_.size()) {
    std::vector<std::uint64_t> old(table_.size() * 2);
    old.swap(table_);
    used_ = 0;
    for (const auto entry : old) {
      if (entry != 0) place(entry);
    }
  }
  place(key | flag);
}

bool CoveredPaths::hides(std::string_view path) const {
  if (used_ == 0) return false;
  std::uint64_t state = kSeed;
  if ((find(ending(state)) & kBelow) != 0) return true;  // the root was emptied
  for (const char c : path) {
    if (c == '/' && (find(ending(state)) & kBelow) != 0) return true;
    state = step(state, c);
  }
  return find(ending(state)) != 0;
}

}  // namespace sifkit::layers
