// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::cli {

/// The values of an option that are NAME=VALUE each; throws usage.
inline std::vector<std::pair<std::string, std::string>> name_values(const std::vector<std::string>& texts, std::string_view flag) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      throw Error(ErrorKind::usage, fmt::format("{} {}: expected NAME=VALUE", flag, in_quotes(text)));
    }
    out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

}  // namespace sifkit::cli
