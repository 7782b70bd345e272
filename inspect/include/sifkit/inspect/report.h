// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/inspect.h>
#include <sifkit/inspect/check.h>
#include <sifkit/inspect/sbom.h>
#include <sifkit/inspect/stored_digests.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>

namespace sifkit::inspect {

/// A layer as the page has it.
struct ReportedLayer {
  std::string name;     ///< its digest; may be empty
  std::string command;  ///< that made it; may be empty
  layers::LayerUsage usage;
};

/// What a page tells of an image. All texts may be anything.
struct ReportInput {
  std::string name;  ///< of the image
  NamedDigests digests;
  /// Of an image of layers no more is shown than is in its configuration: the rest is what a build would add.
  InspectReport said;
  std::vector<ReportedLayer> layers;  ///< the oldest first; empty where there are none
  sbom::Inventory inventory;
  check::Report findings;
};

inline constexpr std::size_t kReportedNames = 20000;    ///< files and directories in a page, the largest of all
inline constexpr std::size_t kReportedPackages = 5000;  ///< the first of them
inline constexpr std::size_t kReportedVariables = 1000; ///< of the environment, the first of them
inline constexpr std::size_t kReportedText = 1u << 16;  ///< bytes of one script or definition, the first of them

/// One HTML page that needs nothing else: no network, no other script than its own, which its content security policy names
/// by its digest. Without scripts everything but the map of sizes is there. The same input gives the same bytes.
SIFKIT_API std::string report_page(const ReportInput& input, const layers::Tree& tree,
                                   const OperationContext& operation = {});

}  // namespace sifkit::inspect
