// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/cache.h>

namespace sifkit {

/// A finished SIF in the cache, and what its user was warned of when it was made: who gets it later is told the same.
/// The warnings lie beside it as a document of their own, and neither counts without the other. `made_of` says what it
/// was made of and how.
std::optional<oci::Cache::KeptImage> find_kept_image(const oci::Cache& cache, const std::string& made_of,
                                                     WarningList& warnings);

/// Keeps it, unless there are too many warnings. `scratch` is a directory for what is written on the way.
void keep_image(oci::Cache& cache, const std::string& made_of, const File& image, const Digest& digest,
                const WarningList& warnings, const std::filesystem::path& scratch);

}  // namespace sifkit
