// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sifkit/core/file.h>
#include <sifkit/inspect/sbom.h>

#include "commands.h"

namespace sifkit::cli {

/// SOURCE_DATE_EPOCH; usage when it is no time.
std::optional<std::int64_t> source_date_epoch();

/// Makes the SBOM of a finished SIF and puts it into it, in the group of its file system.
void add_sbom_in_place(File& file, const sbom::DocumentOptions& options, const Session& session);

}  // namespace sifkit::cli
