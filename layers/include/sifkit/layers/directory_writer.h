// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

namespace sifkit::layers {

/// Setuid and setgid of a file: rights of its owner, which a copy that is another user's does not lend.
inline constexpr unsigned kBorrowedRights = 06000;

/// Writes a tree as a directory on disk. Everything is made in hidden directories beside the target, readable by nobody
/// else until it is whole, and gets its name in one step; without `finish` nothing is left behind. Owners, devices and
/// privileged attributes are kept as far as the account may; what is not becomes a warning. A file whose owner is not
/// kept is neither setuid nor setgid. Of a directory that is replaced there stays what the account may not remove, with
/// a warning. Not thread safe.
class SIFKIT_API DirectoryWriter : public ContentSink {
 public:
  /// Throws exists when the target is there and `overwrite` is no, denied when it cannot be replaced: a mount point, or
  /// with one in it. `inside` is where the tree's root is in its image, for messages; empty: it is the image's.
  DirectoryWriter(std::filesystem::path target, Overwrite overwrite, std::string inside = {});
  ~DirectoryWriter() override;
  DirectoryWriter(const DirectoryWriter&) = delete;
  DirectoryWriter& operator=(const DirectoryWriter&) = delete;

  void begin(std::uint64_t size) override;
  void append(ByteView bytes) override;
  void append_zeros(std::uint64_t count) override;
  ContentId end() override;

  /// Puts every file of the tree in place and the directory under its name.
  void finish(const Tree& tree, WarningList& warnings, const OperationContext& operation = {});

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::layers
