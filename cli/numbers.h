// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit::cli {

/// A number with K, M, G or T (powers of 1024, in either case) behind it or not; nothing where it does not fit.
inline std::optional<std::uint64_t> scaled_number(std::string_view text) {
  static constexpr std::string_view kUnits = "KMGTkmgt";
  const auto unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (unit != std::string_view::npos) text.remove_suffix(1);
  const auto shift = unit == std::string_view::npos ? 0 : 10 * (unit % 4 + 1);
  const auto value = whole_number<std::uint64_t>(text);
  return value && *value <= (~std::uint64_t{0} >> shift) ? std::optional(*value << shift) : std::nullopt;
}

/// For options that are numbers (CLI11 by itself takes "", "+2", "0x10" and, as 8, "010"): `option->transform(Integer<unsigned>())`.
template <class Number>
class Integer : public CLI::Validator {
 public:
  explicit Integer(Number least = std::numeric_limits<Number>::min(), Number most = std::numeric_limits<Number>::max()) {
    func_ = [least, most](std::string& text) -> std::string {
      const auto value = whole_number<Number>(text);
      if (!value || *value < least || *value > most) return fmt::format("expected a number from {} to {}, got {}", least, most, in_quotes(text));
      text = std::to_string(*value);
      return {};
    };
  }
};

}  // namespace sifkit::cli
