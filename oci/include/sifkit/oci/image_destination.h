// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/reference.h>

namespace sifkit::oci {

/// Where an image of layers is written: `oci:DIR[:TAG]`, `oci-archive:FILE[:TAG]` or `docker-archive:FILE[:NAME]`.
struct Target {
  Transport transport = Transport::oci_layout;
  std::filesystem::path path;
  std::string name;            ///< tag of a layout, name of a Docker image; empty: none
  std::string text;            ///< as given

  /// Nothing where no such transport stands in front. Throws usage for what it is followed by.
  SIFKIT_API static std::optional<Target> parse(std::string_view text);
};

struct StoredBlob {
  Digest digest;
  std::uint64_t size = 0;
};

/// A blob while it is written. One that is not finished is not in the image.
class SIFKIT_API BlobWriter : public Sink {
 public:
  virtual StoredBlob finish() = 0;
};

/// The documents of an image whose layers are all there.
struct ImageDocuments {
  std::string config;
  std::vector<Digest> diff_ids;  ///< oldest first
  Descriptor manifest;           ///< digest and size are computed
  std::string manifest_text;
};

/// Takes an image: its layers, then its documents; only then has the target its name. What is not finished leaves nothing
/// behind. Not thread safe.
class SIFKIT_API ImageDestination {
 public:
  virtual ~ImageDestination() = default;

  /// Whether layers must come uncompressed.
  virtual bool plain_layers() const = 0;
  /// Starts the next layer; one at a time.
  virtual std::unique_ptr<BlobWriter> begin_layer() = 0;
  virtual void finish(const ImageDocuments& documents) = 0;
};

/// Throws exists where the target is there and `overwrite` is no; a layout that is there takes an image under another
/// tag.
SIFKIT_API std::unique_ptr<ImageDestination> open_destination(const Target& target, Overwrite overwrite,
                                                              const Limits& limits = {});

}  // namespace sifkit::oci
