// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/json.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/file_system.h>
#include <sifkit/inspect.h>
#include <sifkit/inspect/image_diff.h>

namespace sifkit::inspect {

/// What an image says of itself, as far as it can be compared with what another one says.
struct ImageFacts {
  TextMap texts;                     ///< by what each is called
  TextMap scripts;                   ///< the same of those that a shell reads
  TextMap environment;               ///< path in the container to script
  std::optional<Json> oci_config;    ///< what an OCI image runs with: an object
  std::optional<Json> oci_document;  ///< the configuration of an image that is no container yet: an object
};

/// Nothing for a root file system that says nothing. What cannot be read is a warning "metadata-left-out".
std::optional<ImageFacts> facts_of(OpenedFileSystem& image, const Limits& limits, WarningList& warnings);

/// Sorted by name. Only what both images can say is compared: a root file system has no OCI configuration.
std::vector<FactChange> fact_changes(const ImageFacts& before, const ImageFacts& after);

/// Whether the overlay partitions of two SIF files differ, if those are SIF files.
std::optional<FactChange> overlay_change(OpenedFileSystem& first, OpenedFileSystem& second,
                                         const OperationContext& operation);

}  // namespace sifkit::inspect
