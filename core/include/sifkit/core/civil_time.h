// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <sifkit/core/export.h>

namespace sifkit {

/// A time in UTC.
struct CivilTime {
  std::int64_t year = 0;
  unsigned month = 0;  ///< 1 to 12
  unsigned day = 0;    ///< 1 to 31
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  unsigned weekday = 0;  ///< 0: Sunday
};

/// Of any number of seconds since 1970: the C library's years are of 32 bits, std::chrono's of 16.
SIFKIT_API CivilTime civil_time(std::int64_t seconds) noexcept;

/// "2026-01-31"
SIFKIT_API std::string utc_date(std::int64_t seconds);

/// "2026-01-31T12:00:00Z", as RFC 3339 has it
SIFKIT_API std::string utc_timestamp(std::int64_t seconds);

/// "2026-01-31 12:00:00"
SIFKIT_API std::string utc_time(std::int64_t seconds);

}  // namespace sifkit
