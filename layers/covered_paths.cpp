// SPDX-License-Identifier: Apache-2.0
#include "covered_paths.h"

#include "name_hash.h"

namespace sifkit::layers {

namespace {

/// A table entry of a path: never 0, and the lowest bit is left to the flag.
std::uint64_t entry_of(const NameHash& hash) { return hash.value() << 1 | 1ull << 63; }

}  // namespace

CoveredPaths::CoveredPaths() : table_(1024) {}

std::uint64_t CoveredPaths::hash(std::string_view path) {
  NameHash hash;
  hash.add(path);
  return entry_of(hash);
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
  NameHash hash;
  if ((find(entry_of(hash)) & kBelow) != 0) return true;  // the root was emptied
  for (const char c : path) {
    if (c == '/' && (find(entry_of(hash)) & kBelow) != 0) return true;
    hash.add(c);
  }
  return find(entry_of(hash)) != 0;
}

}  // namespace sifkit::layers
