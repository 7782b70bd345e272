// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/oci/push_sif.h>

namespace sifkit {

/// In front of the name of a SIF file in a registry.
inline constexpr std::string_view kOrasScheme = "oras://";

/// Opens a SIF file to be pushed: what its labels say in the words that registries know (`org.opencontainers.image.*`)
/// becomes annotations, which `more` adds to or replaces. Throws Error.
SIFKIT_API oci::SifFile sif_to_push(const std::filesystem::path& path, const oci::Annotations& more,
                                    const oci::SourceOptions& options);

/// Pushes SIF files to `oras://NAME`. Throws usage for another target, and as oci::push_sif.
SIFKIT_API oci::PushReport push_to_oras(const std::string& uri, const std::vector<oci::SifFile>& files,
                                        const oci::SourceOptions& options);

}  // namespace sifkit
