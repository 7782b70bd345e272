// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// Shell patterns over whole paths inside the image, as fnmatch(3) has them with FNM_PATHNAME in the C locale: `*` and
/// `?` stop at a slash, `[a-z]`, `[!a]` and `[[:digit:]]` are sets of bytes, a backslash takes the next byte as it is.
/// Besides, `**` does not stop at a slash, a pattern without a slash matches a name in any directory, and a leading slash
/// stands for the root. What fnmatch takes for plain text (a '[' without its ']', a set with a slash) is refused, as are
/// collating symbols; a backslash at the end is itself.
class SIFKIT_API PathPatterns {
 public:
  /// Throws usage for a pattern that is empty or has a '[' that begins no set.
  explicit PathPatterns(const std::vector<std::string>& patterns);

  bool empty() const noexcept { return patterns_.empty(); }
  /// `path` is clean and relative.
  bool matches(std::string_view path) const;
  /// Whether the path matches, or a directory that it is in.
  bool cover(std::string_view path) const;

 private:
  std::vector<std::string> patterns_;
};

/// One shell pattern over a text, as fnmatch(3) has it without flags in the C locale: no slash stops it.
class SIFKIT_API TextPattern {
 public:
  /// Throws usage as `PathPatterns` does, but for an empty pattern, which matches the empty text.
  TextPattern(std::string_view pattern, bool ignore_case);

  bool matches(std::string_view text) const;

 private:
  std::string pattern_;
  bool ignore_case_;
};

/// Takes every file that matches, with all below it, out of the tree. Returns how many names went.
SIFKIT_API std::size_t remove_matching(Tree& tree, const PathPatterns& patterns);

}  // namespace sifkit::layers
