// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/layers/content.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>
#include <sifkit/oci/image_config.h>
#include <sifkit/sif/image_writer.h>

#include "container_files.h"
#include "packing_record.h"

namespace sifkit {

/// A small object that stands beside the file system in a SIF. Made by its constructor only: where a member of an
/// aggregate throws, GCC 12 destroys those before it twice.
struct SmallObject {
  SmallObject(sif::ObjectSpec object, std::string data) : spec(std::move(object)), bytes(std::move(data)) {}

  sif::ObjectSpec spec;
  std::string bytes;

  // Of one that comes from another image: its number there, and that of the object which it is linked to. 0: none.
  std::uint32_t old_id = 0;
  std::uint32_t old_link = 0;
  static constexpr std::uint32_t kPartition = ~std::uint32_t{0};  ///< the one with the root file system

  bool behind = false;  ///< it stands behind the partition in the table, so that both keep their numbers
};

/// The group and the link of a partition in the image that it comes from.
struct PartitionPlace {
  std::uint32_t group = 1;
  std::uint32_t old_link = 0;  ///< an object there, or a group
  bool links_group = false;
};

/// What the identity of an image is made of.
struct RootIdentity {
  std::string text;
  bool complete = false;  ///< it says everything about the contents
};

/// Where the tree of a conversion comes from: layers, or a file system that is there already. Not thread safe.
class RootSource {
 public:
  virtual ~RootSource() = default;

  /// Of a root file system that no image describes, one without a document.
  virtual const oci::ImageConfig& config() const = 0;
  virtual RootIdentity identity() const = 0;
  /// Bytes to be read, as far as they are known.
  virtual std::uint64_t compressed_bytes() const = 0;

  /// The tree, without what is to be left out; its contents went into `sink`. `time` is for what has none of its own.
  /// Once.
  virtual layers::Tree read(layers::ContentSink& sink, std::uint32_t time) = 0;

  // After `read`.

  /// The texts of a container, for a root without a configuration; `tree` is what `read` gave and outlives them.
  virtual std::unique_ptr<ContainerFiles> texts(const layers::Tree& tree) = 0;
  /// Objects that stay with the container, in their order; none where they are to be made.
  virtual std::vector<SmallObject> objects() const { return {}; }
  virtual PartitionPlace partition_place() const { return {}; }
  virtual std::vector<layers::Flattener::ReplacedLink> replaced_links() const { return {}; }
  /// How the tree came about, where a base may be made of it.
  virtual const std::optional<LayerOrigin>& origin() const { return kNoOrigin; }

 protected:
  static inline const std::optional<LayerOrigin> kNoOrigin;
};

}  // namespace sifkit
