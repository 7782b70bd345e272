// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/operation.h>
#include <sifkit/sif/image.h>

#include "metadata.h"

namespace sifkit::trust {

using ObjectHash = std::pair<std::uint32_t, SignedHash>;  ///< object id, algorithm

/// Digests of objects' data. Each object is read once, whatever the number of algorithms, several objects at a time.
/// Ids are unique. An object whose range is not inside the file has no digest.
std::map<ObjectHash, SignedDigest> hash_objects(const sif::Image& image, const std::vector<ObjectHash>& wanted, unsigned threads,
                                                const OperationContext& operation);

/// Of the whole file, which is read from its start to its end.
Digest file_digest(const sif::Image& image, DigestAlgorithm algorithm, const OperationContext& operation);

}  // namespace sifkit::trust
