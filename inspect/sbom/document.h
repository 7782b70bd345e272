// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/json.h>
#include <sifkit/inspect/sbom.h>

namespace sifkit::sbom {

Json spdx_document(const Inventory& inventory, const DocumentOptions& options);
Json cyclonedx_document(const Inventory& inventory, const DocumentOptions& options);

/// A UUID of version 8 from the digest of a text, "8-4-4-4-12".
std::string uuid_of(std::string_view text);

}  // namespace sifkit::sbom
