// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/json.h>

namespace sifkit::records {

/// Every library in use and its version; nothing for one that is loaded when it is needed and cannot be.
SIFKIT_API std::vector<std::pair<std::string, std::optional<std::string>>> library_versions();

/// A sifkit/version/v1 record.
SIFKIT_API Json version_record();

}  // namespace sifkit::records
