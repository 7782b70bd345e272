// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/container_tree.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

#include "container_metadata.h"

namespace sifkit {

/// Everything added to an image has this owner (0:0) and time.
struct RuntimeFilesInput {
  std::string environment_script;
  std::string run_script;
  std::string labels;
  std::string definition;
  std::uint32_t mtime = 0;
};

/// Files that are empty in a container, whatever an image has in their place.
std::span<const std::string_view> emptied_files() noexcept;

/// Adds what makes a root file system a container for Apptainer and SingularityCE: /.singularity.d with its scripts,
/// the links at the root, mount points, and empty /etc/hosts and /etc/resolv.conf. What the image has already stays as
/// far as the runtime allows; links of the image are followed inside its root only.
/// Returns what `inspect` will show, but for labels.
ContainerAttributes add_runtime_files(layers::Tree& tree, layers::ContentSink& sink, const RuntimeFilesInput& input,
                                      WarningList& warnings);

}  // namespace sifkit
