// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/file_system.h>
#include <sifkit/inspect/package_diff.h>
#include <sifkit/inspect/tree_diff.h>
#include <sifkit/oci/image.h>

namespace sifkit::inspect {

/// Something that an image says of itself, in two of them.
struct FactChange {
  std::string name;
  std::optional<std::string> before;  ///< absent: the first does not say it
  std::optional<std::string> after;
  bool script = false;   ///< a shell reads it
  bool sourced = false;  ///< into its own run: "#!" is a comment
};

/// A line of a text, counted from 1.
struct NumberedLine {
  std::size_t number = 0;
  std::string text;
};

/// The first line in which two texts differ; of scripts, comments and blank lines do not count. Nothing: the text ends
/// there.
struct LineChange {
  std::optional<NumberedLine> before;
  std::optional<NumberedLine> after;
};

/// Of a change that has both texts.
SIFKIT_API LineChange first_line_change(const FactChange& change);

struct ImageDiff {
  std::vector<TreeChange> files;
  std::vector<FactChange> configuration;  ///< sorted by name
  bool configuration_compared = false;    ///< no: one of them says nothing of it
  std::vector<PackageChange> packages;
  const layers::Tree* first = nullptr;   ///< that `files` speaks of; the opened images have them
  const layers::Tree* second = nullptr;

  bool equal() const noexcept { return files.empty() && configuration.empty(); }
};

/// What makes the second image of the first. Throws Error.
SIFKIT_API ImageDiff diff_images(OpenedFileSystem& first, OpenedFileSystem& second, const TreeDiffOptions& options,
                                 const oci::SourceOptions& source, WarningList& warnings);

}  // namespace sifkit::inspect
