// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/container_tree.h>
#include <sifkit/core/file.h>
#include <sifkit/rootfs.h>

namespace sifkit {

/// A container's files, read by paths inside it: links are resolved as for a process whose root it is.
class ContainerFiles {
 public:
  virtual ~ContainerFiles() = default;
  /// Nothing where there is no regular file. Over `limit` bytes: limit.
  virtual std::optional<std::string> text(const std::string& path, std::uint64_t limit) = 0;
  /// Sorted by bytes. Nothing where there is no directory.
  virtual std::optional<std::vector<std::string>> names(const std::string& path) = 0;
};

/// Gives the bytes of a regular file.
using TextOf = std::function<std::string(layers::InodeId)>;

/// Those of a tree, which outlives them.
std::unique_ptr<ContainerFiles> files_of_tree(const layers::Tree& tree, TextOf text_of);

/// Those of a SIF or squashfs image.
std::unique_ptr<ContainerFiles> files_of_image(RootFs rootfs);

/// Those of a directory on disk (a sandbox), which may be anything: no link leads out of it.
std::unique_ptr<ContainerFiles> files_of_directory(const std::filesystem::path& path);

}  // namespace sifkit
