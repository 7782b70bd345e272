// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/json.h>
#include <sifkit/inspect.h>

namespace sifkit::cli {

/// What `inspect --summary` prints of one image, for people. Signatures are named, not verified.
std::string summary_text(const std::string& source, const InspectReport& report);

/// The same as a record; every field is there, null for nothing.
Json summary_record(const InspectReport& report);

}  // namespace sifkit::cli
