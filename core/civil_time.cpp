// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/civil_time.h>

#include <fmt/format.h>

namespace sifkit {

CivilTime civil_time(std::int64_t seconds) noexcept {
  constexpr std::int64_t kDay = 86400;
  const std::int64_t days = seconds >= 0 ? seconds / kDay : -((-(seconds + 1)) / kDay) - 1;
  const auto of_day = static_cast<unsigned>((seconds % kDay + kDay) % kDay);
  // Years begin with March, so that the day which is not always there is their last, and come in eras of 400.
  const std::int64_t shifted = days + 719468;
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const auto day_of_era = static_cast<unsigned>(shifted - era * 146097);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_index = (5 * day_of_year + 2) / 153;
  const unsigned month = month_index < 10 ? month_index + 3 : month_index - 9;
  return {.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
          .month = month,
          .day = day_of_year - (153 * month_index + 2) / 5 + 1,
          .hour = of_day / 3600,
          .minute = of_day / 60 % 60,
          .second = of_day % 60,
          .weekday = static_cast<unsigned>(((days + 4) % 7 + 7) % 7)};
}

std::string utc_date(std::int64_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{}{:04}-{:02}-{:02}", time.year < 0 ? "-" : "", time.year < 0 ? -time.year : time.year, time.month, time.day);
}

std::string utc_timestamp(std::int64_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{}T{:02}:{:02}:{:02}Z", utc_date(seconds), time.hour, time.minute, time.second);
}

std::string utc_time(std::int64_t seconds) {
  const auto time = civil_time(seconds);
  return fmt::format("{} {:02}:{:02}:{:02}", utc_date(seconds), time.hour, time.minute, time.second);
}

}  // namespace sifkit
