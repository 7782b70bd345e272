// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/oci/image.h>
#include <sifkit/oci/reference.h>

namespace sifkit::oci {

struct RepositoryTags {
  std::string repository;         ///< "docker.io/library/alpine"
  std::vector<std::string> tags;  ///< in the registry's order
};

/// All tags of a repository (`docker://HOST/NAME`, without a tag), page by page. Throws usage for another reference,
/// not_found, denied, network, malformed, limit.
SIFKIT_API RepositoryTags list_tags(const Reference& reference, const SourceOptions& options);

}  // namespace sifkit::oci
