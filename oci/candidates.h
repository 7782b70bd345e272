// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "stored_image.h"

namespace sifkit::oci {

/// The images of a set of files, whatever kind of set it is: manifest.json, index.json or both say it. An OCI transport
/// asks for a sound layout; else manifest.json goes first, as with Docker.
std::vector<Candidate> read_candidates(FileSet& files, Transport transport, const SourceOptions& options, WarningList& warnings);

}  // namespace sifkit::oci
