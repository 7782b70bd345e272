// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/option_values.h>

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit {

std::optional<std::uint64_t> scaled_number(std::string_view text) noexcept {
  static constexpr std::string_view kUnits = "KMGTkmgt";
  const auto unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit != std::string_view::npos) text.remove_suffix(1);
  const auto shift = unit == std::string_view::npos ? 0 : 10 * (unit % 4 + 1);
  const auto value = whole_number<std::uint64_t>(text);
  return value && *value <= (~std::uint64_t{0} >> shift) ? std::optional(*value << shift) : std::nullopt;
}

bool truth_of_variable(std::string_view name, std::string_view value) {
  static constexpr std::string_view kYes[] = {"1", "t", "T", "true", "TRUE", "True", "yes"};
  static constexpr std::string_view kNo[] = {"", "0", "f", "F", "false", "FALSE", "False", "no"};
  if (is_one_of(kYes, value)) return true;
  if (is_one_of(kNo, value)) return false;
  throw Error(ErrorKind::usage, fmt::format("the variable {}: expected 'true' or 'false', got {}", name, in_quotes(value)));
}

std::string names_of_adjustable_limits() {
  std::string names;
  for (const auto& limit : adjustable_limits()) names += fmt::format("{}{}", names.empty() ? "" : ", ", limit.name);
  return names;
}

void set_limit(Limits& limits, std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  const auto name = text.substr(0, equals);
  const auto known = adjustable_limits();
  const auto limit = std::find_if(known.begin(), known.end(), [&](const auto& entry) { return entry.name == name; });
  if (limit == known.end()) {
    throw Error(ErrorKind::usage, fmt::format("unknown limit {}", in_quotes(name)), "the limits are " + names_of_adjustable_limits());
  }
  const auto value = scaled_number(text.substr(std::min(equals + 1, text.size())));
  if (!value) throw Error(ErrorKind::usage, "expected NAME=NUMBER, with K, M, G or T behind it");
  limits.*limit->value = *value;
}

}  // namespace sifkit
