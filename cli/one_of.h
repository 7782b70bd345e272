// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::cli {

/// "a, b or c".
inline std::string one_of(const std::vector<std::string>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return out;
}

/// For options that are one of a few words: `option->transform(OneOf({"a", "b"}))`.
class OneOf : public CLI::Validator {
 public:
  explicit OneOf(std::vector<std::string> words) {
    func_ = [words = std::move(words)](std::string& text) -> std::string {
      if (std::find(words.begin(), words.end(), text) != words.end()) return {};
      return fmt::format("expected {}, got {}", one_of(words), in_quotes(text));
    };
  }
};

}  // namespace sifkit::cli
