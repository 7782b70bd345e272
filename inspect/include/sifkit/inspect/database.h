// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/export.h>

namespace sifkit::sbom {

/// The version of SQLite, which reads package databases of that kind. Throws not_found where it is not installed.
SIFKIT_API std::string database_library_version();

}  // namespace sifkit::sbom
