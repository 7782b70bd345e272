// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "stored_image.h"

namespace sifkit::oci {

inline constexpr std::string_view kIndexFile = "index.json";
inline constexpr std::string_view kLayoutFile = "oci-layout";

/// The images of an OCI layout (image-spec image-layout.md): every manifest that index.json leads to, in its order.
/// Attestations are passed over. `strict_layout` asks for a sound oci-layout file.
std::vector<Candidate> read_oci_layout(FileSet& files, bool strict_layout, const Limits& limits, WarningList& warnings);

/// What `podman save --format docker-dir` and skopeo's `dir:` write: manifest.json is the image's manifest or an index,
/// the other files are named by their digests.
std::vector<Candidate> read_skopeo_dir(FileSet& files, const Limits& limits, WarningList& warnings);

}  // namespace sifkit::oci
