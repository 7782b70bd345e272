// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/layers/glob.h>
#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>

#include "root_source.h"

namespace sifkit {

/// The file system of a SIF or of a squashfs image, read block by block in the order in which it lies there.
class PackedRoot : public RootSource {
 public:
  /// Throws as RootFs does. Options, warnings and report outlive the object.
  PackedRoot(const std::shared_ptr<const File>& file, const ConvertOptions& options, WarningList& warnings,
             ConvertReport& report);

  /// Whether some stay behind because they are too many or too large, or belong to the old file system.
  bool leaves_objects_out() const noexcept { return leaves_objects_out_; }

  const oci::ImageConfig& config() const override { return config_; }
  RootIdentity identity() const override;
  std::uint64_t compressed_bytes() const override { return file_bytes_; }
  layers::Tree read(layers::ContentSink& sink, std::uint32_t time) override;
  std::unique_ptr<ContainerFiles> texts(const layers::Tree& tree) override;
  std::vector<SmallObject> objects() const override { return objects_; }
  PartitionPlace partition_place() const override { return place_; }

 private:
  void read_objects(const sif::Image& image);
  void copy_tree(layers::Tree& tree);
  std::uint32_t xattrs_of(layers::Tree& tree, std::uint32_t set);
  /// Inodes of `tree` that get other bytes: theirs are not packed.
  std::set<layers::InodeId> rewritten(const layers::Tree& tree) const;

  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  layers::PathPatterns excludes_;
  const bool has_base_;  ///< blocks may be taken from an older image, which knows them by paths
  RootFs rootfs_;
  oci::ImageConfig config_;
  std::vector<SmallObject> objects_;
  PartitionPlace place_;
  bool leaves_objects_out_ = false;
  std::uint64_t file_bytes_ = 0;
  std::unordered_map<layers::InodeId, std::string> paths_;  ///< of files with bytes, where there is a base
  std::vector<layers::InodeId> copies_;  ///< of the inodes there; kNone for those that are left out
};

}  // namespace sifkit
