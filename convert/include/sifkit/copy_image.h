// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/compress.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/image_destination.h>

namespace sifkit {

/// Whose media types a manifest has: those of OCI's image-spec, or Docker's of version 2, schema 2.
enum class ManifestFormat : std::uint8_t { oci, docker };

struct CopyOptions : oci::SourceOptions {
  Overwrite overwrite = Overwrite::no;
  /// What layers are compressed by. Nothing: they stay as they are, and the one of a file system is plain or, in a
  /// registry, compressed by gzip.
  std::optional<StreamCompression> compression;
  /// What the manifest is written as. Nothing: it stays as it is, and so does its digest.
  std::optional<ManifestFormat> format;
  /// How the registry of the target is asked. Nothing: as the source's; credentials for that are then given to no other.
  std::optional<oci::RegistryOptions> target_registry;
};

struct CopyReport {
  Digest manifest_digest;  ///< of what was written; a Docker archive has no manifest of that kind
  Digest config_digest;    ///< Docker's image ID
  std::size_t images = 0;   ///< of `copy_all`
  std::size_t layers = 0;   ///< of `copy_all`: blobs of all kinds
  std::uint64_t bytes = 0;  ///< of them as they are stored
  double seconds = 0;
};

/// Writes an image of layers. From layers: their bytes, the configuration and the manifest as they are, so that digests
/// stay; with `compression` layers that are compressed otherwise are compressed anew, and the manifest is one of OCI; with
/// `format` the manifest has other media types, and the blobs stay. A Docker archive has layers uncompressed, and a
/// registry keeps what it has. From the file system of a SIF, a squashfs image or a plain root: as one layer, with the configuration that the SIF
/// keeps; what a build put in for the runtime (`/.singularity.d` and the links to it) is left out, and capabilities are
/// real ones again. The target appears whole or not at all. Throws Error.
SIFKIT_API CopyReport copy_image(const oci::Reference& source, const oci::Target& target, const CopyOptions& options,
                                 WarningList& warnings);

/// Copies all that a name stands for in a layout, its archive or a registry to one of those: an index with its images of
/// all platforms, attestations and artifacts, every document and blob as it is. The digest of the index stays, which is
/// the report's `manifest_digest`; there is no one configuration.
SIFKIT_API CopyReport copy_all(const oci::Reference& source, const oci::Target& target, const CopyOptions& options,
                               WarningList& warnings);

}  // namespace sifkit
