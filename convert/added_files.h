// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/file_system.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// What a build added to the files of an image: of every container what is the runtime's own, and of a SIF with a packing
/// record empty directories and files for mounts, too, which nothing else tells from the image's own.
class AddedFiles {
 public:
  /// The file system outlives the object. Where there is a record all of the image is read, to see that it is of this one.
  AddedFiles(OpenedFileSystem& opened, const Limits& limits, const OperationContext& operation);

  /// `path` is clean and relative.
  bool contain(std::string_view path, layers::InodeId inode) const;

 private:
  const layers::Tree& tree_;
  const bool is_container_;
  std::vector<bool> added_;  ///< by inode; none where no record tells
};

}  // namespace sifkit
