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

/// Writes a tree as a directory on disk. Everything is made in a hidden directory beside the target, readable by nobody else,
/// and gets its name in one step; without `finish` nothing is left behind. Owners, devices and privileged attributes are
/// kept as far as the account may; what is not becomes a warning. Not thread safe.
class SIFKIT_API DirectoryWriter : public ContentSink {
 public:
  /// Throws exists when the target is there and `overwrite` is no. `inside` is where the tree's root is in its image, for
  /// messages; empty: it is the image's.
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
