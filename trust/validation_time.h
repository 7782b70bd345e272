// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include <sifkit/core/civil_time.h>

namespace sifkit::trust {

/// The time as of which something is judged, in seconds since 1970.
inline std::int64_t validation_time_or_now(const std::optional<std::int64_t>& at) { return at.value_or(std::time(nullptr)); }

/// "2026-01-31 12:00:00 UTC"
inline std::string time_text(std::int64_t seconds) { return utc_time(seconds) + " UTC"; }

}  // namespace sifkit::trust
