// SPDX-License-Identifier: Apache-2.0
#include "key_text.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include <sifkit/core/civil_time.h>
#include <sifkit/core/error.h>
#include <sifkit/core/readable.h>

#include "numbers.h"
#include "records.h"

namespace sifkit::cli {

namespace {

constexpr std::int64_t kDay = 86400;
constexpr std::size_t kKeyId = 16;        ///< digits at the end of a fingerprint that name a key
constexpr std::size_t kMaxShownIds = 10;  ///< of a key; anybody can add user ids to one

std::string algorithm_text(const trust::PgpKeyInfo& key) {
  if (!key.curve.empty()) return printable(key.curve);
  return key.algorithm.empty() ? "-" : fmt::format("{}-{}", printable(key.algorithm), key.bits);
}

std::string state_text(const trust::PgpKeyInfo& key) {
  if (!key.problem.empty()) return printable(key.problem, 60);
  if (key.part == trust::KeyPart::secret_key) return key.locked ? "locked" : "not locked";
  return "good";
}

/// Nothing for a text that is no date.
std::optional<std::int64_t> start_of_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = whole_number<int>(text.substr(0, 4));
  const auto month = whole_number<unsigned>(text.substr(5, 2));
  const auto day = whole_number<unsigned>(text.substr(8, 2));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month), std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count() * kDay;
}

}  // namespace

std::optional<std::uint32_t> lifetime_from(std::string_view text, std::int64_t now) {
  if (text == "never") return std::nullopt;
  std::optional<std::int64_t> seconds;
  if (const auto day = start_of_day(text)) {
    seconds = *day - now;
  } else if (!text.empty()) {
    const std::string_view units = "dwmy";
    const std::int64_t days[] = {1, 7, 30, 365};
    const auto unit = units.find(text.back());
    const auto count = whole_number<std::uint32_t>(text.substr(0, text.size() - 1));
    if (unit != std::string_view::npos && count) seconds = *count * days[unit] * kDay;
  }
  if (!seconds) throw Error(ErrorKind::usage, fmt::format("{} is not a time at which a key can expire", in_quotes(text)), "it is like 2y, 6m, 3w, 90d, 2028-01-31 or never");
  if (*seconds <= 0) throw Error(ErrorKind::usage, fmt::format("a key that expires at {} would be of no use", in_quotes(text)));
  // Keys hold their times as 32 bits.
  if (*seconds + now > std::numeric_limits<std::uint32_t>::max()) throw Error(ErrorKind::usage, fmt::format("{} is later than a key can say (2106-02-07)", in_quotes(text)), "use 'never'");
  return static_cast<std::uint32_t>(*seconds);
}

std::string one_line(const trust::PgpKeyInfo& key) {
  return fmt::format("{}  {}", key.fingerprint, key.user_ids.empty() ? "(no user id)" : readable(key.user_ids.front()));
}

Json key_record(const trust::PgpKeyInfo& key) {
  return {{"fingerprint", text_or_null(key.fingerprint)},
          {"part", to_string(key.part)},
          {"algorithm", text_or_null(key.algorithm)},
          {"curve", text_or_null(key.curve)},
          {"bits", key.bits},
          {"security_bits", key.security_bits},
          {"created", key.created},
          {"expires", key.expires ? Json(*key.expires) : Json(nullptr)},
          {"locked", key.locked},
          {"can_sign", key.can_sign},
          {"problem", text_or_null(key.problem)},
          {"user_ids", key.user_ids},
          {"revoked_user_ids", key.revoked_user_ids},
          {"subkeys", key.subkeys}};
}

void add_more_ids(Table& table, std::size_t column, std::span<const std::string> ids) {
  const auto add = [&](std::string text) {
    std::vector<std::string> row(column);
    row.push_back(std::move(text));
    table.add(std::move(row));
  };
  for (std::size_t i = 1; i < std::min(ids.size(), kMaxShownIds); ++i) add(readable(ids[i]));
  if (ids.size() > kMaxShownIds) add(fmt::format("… and {} more", ids.size() - kMaxShownIds));
}

std::string table_of(std::span<const trust::PgpKeyInfo> ring, std::span<const std::size_t> places, const Console& io) {
  Table table({"#", "FINGERPRINT", "ALGORITHM", "CREATED", "EXPIRES", "STATE", "USER ID"});
  table.align_right(0);
  table.allow_cut(1, kKeyId + 1, Keep::end);
  table.allow_cut(6, kKeyId, Keep::start);
  for (const auto place : places) {
    const auto& key = ring[place];
    const bool known = !key.fingerprint.empty();
    auto ids = key.user_ids;
    for (const auto& id : key.revoked_user_ids) ids.push_back("[revoked] " + id);
    table.add({fmt::format("{}", place), known ? key.fingerprint : "-", algorithm_text(key), known ? utc_date(key.created) : "-", key.expires ? utc_date(*key.expires) : known ? "never" : "-", state_text(key),
               ids.empty() ? "-" : readable(ids.front())});
    add_more_ids(table, 6, ids);
  }
  return table.text(io);
}

}  // namespace sifkit::cli
