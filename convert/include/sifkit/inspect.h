// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/image.h>

namespace sifkit {

class OpenedFileSystem;

using TextMap = std::map<std::string, std::string>;

/// What one application of a container has (SCIF). Empty texts and maps: not there.
struct AppAttributes {
  TextMap environment;  ///< path in the container to text
  TextMap labels;
  std::string runscript;
  std::string test;
  std::string helpfile;
};

/// What a container says of itself.
struct ContainerAttributes : AppAttributes {
  std::string deffile;
  std::string startscript;
  std::map<std::string, AppAttributes> apps;
};

/// A signature in a SIF file, as its descriptor and its data say; nothing is verified.
struct SignatureSummary {
  std::uint32_t id = 0;
  std::uint32_t group = 0;   ///< that it is for; 0: an object
  std::uint32_t object = 0;  ///< that it is for; 0: a group
  std::string format;        ///< "PGP", "DSSE" or "unknown"
  std::string key;           ///< fingerprint of the PGP key, or the key id of the DSSE envelope; may be empty
};

struct OverlaySummary {
  std::uint32_t id = 0;
  std::string file_system;
  std::uint64_t bytes = 0;
};

/// What there is to say of an image besides what it says of itself. Nothing: not known, or there is no such thing.
struct ContainerSummary {
  std::string kind;                          ///< "SIF", "squashfs", "sandbox", or the transport's word
  std::optional<std::uint64_t> bytes;        ///< of the file
  std::string architecture;                  ///< GOARCH word
  std::optional<std::int64_t> created;       ///< seconds since 1970
  std::string file_system;                   ///< of the primary partition
  std::string compression;                   ///< of squashfs
  std::optional<std::uint32_t> block_size;   ///< of squashfs
  std::optional<std::uint64_t> inodes;       ///< of squashfs
  std::optional<std::size_t> layers;         ///< of a source
  bool encrypted = false;
  std::vector<SignatureSummary> signatures;
  std::vector<OverlaySummary> overlays;
};

/// The record behind `sifkit inspect`.
struct InspectReport {
  ContainerAttributes attributes;
  ContainerSummary summary;
  std::string oci_config;  ///< what the image runs with, as JSON; empty where a SIF has none

  /// The record that `apptainer inspect --json` prints: indented by TABs, with Go's escapes, no final line feed.
  SIFKIT_API std::string apptainer_json() const;
};

/// Looks into a SIF file, a squashfs image or a sandbox, or says what building from a source would put into the container. Nothing
/// of the image is executed, no layer is read. What cannot be read of it is a warning and missing, the rest is there.
SIFKIT_API InspectReport inspect_container(const oci::Reference& reference, const oci::SourceOptions& options,
                                           WarningList& warnings);

/// The same of a SIF file or a squashfs image that is open.
SIFKIT_API InspectReport inspect_container(const std::shared_ptr<const File>& file, const Limits& limits, WarningList& warnings);

/// The same of what is open already, without opening it again. Nothing for a root file system that says nothing of itself.
SIFKIT_API std::optional<InspectReport> inspect_container(OpenedFileSystem& container, const Limits& limits,
                                                          WarningList& warnings);

}  // namespace sifkit
