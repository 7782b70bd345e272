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
