// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/inspect.h>

namespace sifkit::cli {

/// What `inspect --summary` prints of one image, for people. Signatures are named, not verified.
std::string summary_text(const std::string& source, const InspectReport& report);

}  // namespace sifkit::cli
