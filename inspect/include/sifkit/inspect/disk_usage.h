// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

/// What a directory holds, with all below it, or one file.
struct DiskUsage {
  std::string path;  ///< from where it was asked for, without a leading slash; empty: that itself
  layers::InodeId inode = layers::kNone;
  std::uint64_t bytes = 0;  ///< of regular files, each once, whatever its names
  std::uint64_t names = 0;  ///< in it, its own included
};

/// Of `start` and the directories in it down to `depth` names (0: `start` alone), in du(1)'s order: a directory behind
/// what is in it, `start` last. A file with several names counts where a walk comes to it first. `all`: of files, too.
SIFKIT_API std::vector<DiskUsage> disk_usage(const layers::Tree& tree, layers::InodeId start, std::size_t depth,
                                             bool all, const OperationContext& operation = {});

/// The bytes of all that is in any of `starts`, each file once, also where they overlap.
SIFKIT_API std::uint64_t total_bytes(const layers::Tree& tree, const std::vector<layers::InodeId>& starts,
                                     const OperationContext& operation = {});

/// Files that hold the same bytes and are not one file.
struct DuplicateFiles {
  std::uint64_t size = 0;          ///< of each
  std::vector<std::string> paths;  ///< of each its first name below where it was asked for, sorted

  std::uint64_t wasted() const noexcept { return size * (paths.size() - 1); }
};

/// Of all that is in `start`, which wastes most first. Only files of a size that another one has, too, are read.
SIFKIT_API std::vector<DuplicateFiles> duplicate_files(layers::FileSystem& files, layers::InodeId start,
                                                       const OperationContext& operation = {});

}  // namespace sifkit::inspect
