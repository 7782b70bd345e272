// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>
#include <sifkit/layers/glob.h>

namespace sifkit::inspect {

enum class ChangeKind : std::uint8_t { added, removed, changed, renamed };

/// "added"
SIFKIT_API std::string_view to_string(ChangeKind kind) noexcept;

/// One difference between two trees. Paths are clean and relative; that of the root is empty.
struct TreeChange {
  ChangeKind kind = ChangeKind::changed;
  std::string path;                ///< in the second tree; of what was removed, in the first
  std::string old_path;            ///< of what was renamed
  std::vector<std::string> facts;  ///< what has changed: "content", "mode", "owner", "time", "size", "type", …
  layers::InodeId before = layers::kNone;  ///< in the first tree
  layers::InodeId after = layers::kNone;   ///< in the second
};

struct TreeDiffOptions {
  layers::PathPatterns ignored{{}};  ///< paths that do not count, with all below them
  bool ignore_times = false;
  bool with_runtime_files = true;    ///< no: what a build adds does not count
  std::string first_name{};          ///< what errors of reading files call the two; empty: nothing
  std::string second_name{};
};

/// What makes the second tree of the first, sorted by path. What a build adds is, of two containers, what the runtime
/// has as its own, of a container and another tree also the network's files, which a build empties, and mount points that
/// only one of them has, of two other trees nothing. A regular file that is gone and one that came with the same
/// bytes, not empty, are one that was renamed. Contents are read only where sizes leave a doubt.
SIFKIT_API std::vector<TreeChange> tree_diff(layers::FileSystem& first, layers::FileSystem& second,
                                             const TreeDiffOptions& options, const OperationContext& operation = {});

}  // namespace sifkit::inspect
