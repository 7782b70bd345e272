// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include <sifkit/oci/image_config.h>

namespace sifkit::oci {

namespace {

/// Reads a fixed number of digits and moves on; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  const int year = take_digits(text, 4);
  if (year < 0 || !take(text, "-")) return std::nullopt;
  const int month = take_digits(text, 2);
  if (month < 0 || !take(text, "-")) return std::nullopt;
  const int day = take_digits(text, 2);
  if (day < 0 || !take(text, "Tt")) return std::nullopt;
  const int hour = take_digits(text, 2);
  if (hour < 0 || hour > 23 || !take(text, ":")) return std::nullopt;
  const int minute = take_digits(text, 2);
  if (minute < 0 || minute > 59 || !take(text, ":")) return std::nullopt;
  const int second = take_digits(text, 2);
  if (second < 0 || second > 60) return std::nullopt;
  if (take(text, ".")) {
    if (take_digits(text, 1) < 0) return std::nullopt;
    while (take_digits(text, 1) >= 0) {
    }
  }
  std::int64_t offset = 0;
  if (!take(text, "Zz")) {
    const bool east = !text.empty() && text.front() == '+';
    if (!take(text, "+-")) return std::nullopt;
    const int hours = take_digits(text, 2);
    if (hours < 0 || hours > 23 || !take(text, ":")) return std::nullopt;
    const int minutes = take_digits(text, 2);
    if (minutes < 0 || minutes > 59) return std::nullopt;
    offset = (hours * 3600 + minutes * 60) * (east ? 1 : -1);
  }
  if (!text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return days * 86400 + hour * 3600 + minute * 60 + second - offset;
}

}  // namespace sifkit::oci
