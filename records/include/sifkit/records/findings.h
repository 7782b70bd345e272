// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>
#include <sifkit/inspect/image_diff.h>

namespace sifkit::records {

/// A sifkit/check/v1 record.
SIFKIT_API Json check_record(const std::string& source, const check::Report& report);

/// A sifkit/diff/v1 record.
SIFKIT_API Json diff_record(const inspect::ImageDiff& diff);

}  // namespace sifkit::records
