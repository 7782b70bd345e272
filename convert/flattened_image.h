// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/file_system.h>
#include <sifkit/layers/file_system.h>
#include <sifkit/oci/source.h>

#include "layered_root.h"

namespace sifkit {

/// The layers of an image as one file system: all of them are read once, and checked, for the tree; of contents only
/// those that are asked for are read again, from the layer that has them.
class FlattenedImage : public layers::FileSystem {
 public:
  /// `warnings` outlives the object. The image is the one that `options` choose of the source.
  FlattenedImage(std::shared_ptr<oci::OpenedSource> source, const oci::SourceOptions& options, WarningList& warnings);

  oci::Image& image() noexcept { return *image_; }

  const layers::Tree& tree() const override { return tree_; }
  using FileSystem::read;
  layers::ContentId read(layers::InodeId inode, layers::ContentSink& sink) override;
  void read_files(std::vector<layers::InodeId> files, const SinkFor& sink_for) override;

  /// What each layer brings and hides, the oldest first.
  std::vector<layers::LayerUsage> layer_usage() const { return root_->usage(); }

  /// As OpenedFileSystem has it.
  void read_hidden(const std::function<layers::ContentSink*(const HiddenFile&)>& sink_for);

  /// The same.
  void list_lost(const layers::TakeLostFile& take);

  /// The layer that has the bytes of a regular file, the oldest being 0; nothing for a file of no bytes.
  std::optional<std::size_t> layer_of(layers::InodeId inode) const;

 private:
  std::shared_ptr<oci::OpenedSource> source_;
  ConvertOptions options_;
  ConvertReport report_;
  std::unique_ptr<oci::Image> image_;
  std::unique_ptr<LayeredRoot> root_;
  layers::Tree tree_;
  std::unordered_map<layers::InodeId, LayeredRoot::Missing> contents_;
};

}  // namespace sifkit
