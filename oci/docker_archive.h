// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "stored_image.h"

namespace sifkit::oci {

inline constexpr std::string_view kDockerManifest = "manifest.json";

/// The images of a `docker save` archive (manifest.json), in its order.
std::vector<Candidate> read_docker_archive(FileSet& files, const Limits& limits, WarningList& warnings);

}  // namespace sifkit::oci
