// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

struct TreeDigest {
  Digest digest;
  std::uint64_t names = 0;             ///< that are in it
  std::uint64_t bytes = 0;             ///< of regular files
  std::set<std::string> left_out;      ///< attributes that not every form of an image can hold
};

/// `sifkit-tree/v1` (docs/formats.md): one digest for the same files with the same metadata, however they are stored.
/// `with_runtime_files` no: without what a build adds.
SIFKIT_API TreeDigest tree_digest(layers::FileSystem& files, bool with_runtime_files,
                                  const OperationContext& operation = {});

/// The attributes of a file as `sifkit-tree/v1` has them, whichever form its capabilities are stored in.
SIFKIT_API layers::Xattrs comparable_xattrs(const layers::Tree& tree, const layers::Inode& inode,
                                            std::set<std::string>& left_out);

}  // namespace sifkit::inspect
