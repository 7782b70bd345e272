// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/layers/tree.h>

namespace sifkit {

/// Shell patterns over whole paths inside the image: `*` and `?` stop at a slash, `**` does not, `[…]` is a set. A
/// pattern without a slash matches a name in any folder; a leading slash stands for the root.
class PathPatterns {
 public:
  /// Throws usage for a pattern that is empty or has an open bracket.
  explicit PathPatterns(const std::vector<std::string>& patterns);

  bool empty() const noexcept { return patterns_.empty(); }
  /// `path` is clean and relative.
  bool matches(std::string_view path) const;

 private:
  std::vector<std::string> patterns_;
};

/// Takes every file that matches, with all below it, out of the tree. Returns how many names went.
std::size_t remove_matching(layers::Tree& tree, const PathPatterns& patterns);

}  // namespace sifkit
