// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <unordered_map>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

/// SHA-256 of the bytes of a file, holes as zeros.
using ContentDigest = std::array<std::byte, 32>;

/// Of each of the given regular files, which are read once, in the order in which they lie.
SIFKIT_API std::unordered_map<layers::InodeId, ContentDigest> content_digests(layers::FileSystem& files,
                                                                              std::vector<layers::InodeId> inodes,
                                                                              const OperationContext& operation = {});

}  // namespace sifkit::inspect
