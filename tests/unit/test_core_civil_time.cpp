// SPDX-License-Identifier: Apache-2.0
#include <ctime>
#include <limits>

#include <sifkit/core/civil_time.h>

#include "support/catch.h"

using namespace sifkit;

TEST_CASE("times are those of the calendar in UTC", "[time]") {
  CHECK(utc_time(0) == "1970-01-01 00:00:00");
  CHECK(utc_time(-1) == "1969-12-31 23:59:59");
  CHECK(utc_time(951782400) == "2000-02-29 00:00:00");
  CHECK(utc_time(4107542399) == "2100-02-28 23:59:59");
  CHECK(utc_time(4107542400) == "2100-03-01 00:00:00");
  CHECK(utc_date(-62135596800) == "0001-01-01");
  CHECK(utc_date(-62167219201) == "-0001-12-31");
  CHECK(utc_date(253402300800) == "10000-01-01");
  for (std::int64_t seconds = -70'000'000'000; seconds < 260'000'000'000; seconds += 12'345'678'9) {
    const auto time = static_cast<std::time_t>(seconds);
    std::tm expected{};
    REQUIRE(::gmtime_r(&time, &expected) != nullptr);
    const auto found = civil_time(seconds);
    REQUIRE(found.year == expected.tm_year + 1900);
    REQUIRE(static_cast<int>(found.month) == expected.tm_mon + 1);
    REQUIRE(static_cast<int>(found.day) == expected.tm_mday);
    REQUIRE(static_cast<int>(found.weekday) == expected.tm_wday);
    REQUIRE(found.hour * 3600 + found.minute * 60 + found.second == static_cast<unsigned>((expected.tm_hour * 60 + expected.tm_min) * 60 + expected.tm_sec));
  }
}

TEST_CASE("no number of seconds is without a time", "[time]") {
  CHECK(utc_time(std::numeric_limits<std::int64_t>::max()) == "292277026596-12-04 15:30:07");
  CHECK(utc_time(std::numeric_limits<std::int64_t>::min()) == "-292277022657-01-27 08:29:52");
}
