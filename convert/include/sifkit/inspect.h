// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include <sifkit/core/export.h>
#include <sifkit/core/report.h>
#include <sifkit/oci/image.h>

namespace sifkit {

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

/// The record behind `sifkit inspect`.
struct InspectReport {
  ContainerAttributes attributes;
  std::string oci_config;  ///< what the image runs with, as JSON; empty where a SIF has none

  /// The record that `apptainer inspect --json` prints: indented by TABs, with Go's escapes, no final line feed.
  SIFKIT_API std::string apptainer_json() const;
};

/// Looks into a SIF file or a squashfs image, or says what building from a source would put into the container. Nothing
/// of the image is executed, no layer is read.
SIFKIT_API InspectReport inspect(const oci::Reference& reference, const oci::SourceOptions& options, WarningList& warnings);

}  // namespace sifkit
