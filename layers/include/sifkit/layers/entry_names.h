// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>

namespace sifkit::layers {

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";

/// A name from an archive as a clean path inside the image: no empty, `.` or `..` components, no slash at either end;
/// the root is the empty text.
struct CleanPath {
  std::string path;
  bool climbs = false;  ///< a `..` met the root, where it was dropped
};

/// Components are joined lexically, as Go's path.Clean does: `..` takes the component before it away, link or not.
/// Throws limit for names and paths over `limits`.
SIFKIT_API CleanPath clean_path(std::string_view name, const Limits& limits);

/// The last component and what is before it.
struct SplitPath {
  std::string_view parent;
  std::string_view name;
};
SIFKIT_API SplitPath split_path(std::string_view path) noexcept;

}  // namespace sifkit::layers
