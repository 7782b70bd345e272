// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::layers {

struct TarTreeOptions {
  InodeId directory = Tree::kRoot;  ///< whose contents are written; itself is "./", where it is the root
  std::string_view prefix;          ///< in front of every path, with a final slash; empty: none
  /// Whether a name goes into the archive, with all that is below it; empty: all do. The path is from `directory`.
  std::function<bool(std::string_view path, InodeId inode)> keep;
  /// Whether a directory that is kept for what is below it is left out itself, as the root "" may be; empty: none is.
  std::function<bool(std::string_view path)> passes;
  /// The attributes that a file has in the archive; empty: those it has.
  std::function<Xattrs(const Inode&, const Xattrs&)> xattrs;
  bool sparse = false;  ///< holes are kept as such, as the file system knows them; else they are zeros
};

/// Writes a file system as one tar archive: PAX, exact but for sockets, which tar does not have (a warning
/// "socket-dropped"). Directories, links and devices come first, sorted; then files in the order in which they lie, so
/// that nothing is unpacked twice; then further names as hard links. The same file system gives the same bytes.
SIFKIT_API void write_tar(FileSystem& files, const TarTreeOptions& options, Sink& sink, WarningList& warnings,
                          const OperationContext& operation);

}  // namespace sifkit::layers
