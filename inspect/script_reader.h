// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

namespace sifkit::inspect {

inline constexpr std::string_view kBlanks = " \t\r";

/// Takes a script apart from its front.
class ScriptReader {
 public:
  explicit ScriptReader(std::string_view text) : text_(text) {}

  std::string_view rest() const noexcept { return text_; }

  bool take(std::string_view word) {
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }

  bool take_line_end() {
    skip(kBlanks);
    return text_.empty() || take("\n");
  }

  void skip(std::string_view characters) {
    text_.remove_prefix(std::min(text_.find_first_not_of(characters), text_.size()));
  }

  /// Without its line feed.
  std::string_view take_line() {
    const auto line = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(std::min(line.size() + 1, text_.size()));
    return line;
  }

  void skip_comments() {
    for (skip(" \t\r\n"); text_.starts_with('#'); skip(" \t\r\n")) take_line();
  }

  /// Empty where there is none.
  std::string take_name() {
    static constexpr std::string_view kOfNames = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    std::string out(text_.substr(0, text_.find_first_not_of(kOfNames)));
    if (!out.empty() && out.front() >= '0' && out.front() <= '9') return {};
    text_.remove_prefix(out.size());
    return out;
  }

  /// A word without expansions; nothing where it has one.
  std::optional<std::string> take_word() {
    std::string out;
    while (!text_.empty() && std::string_view(" \t\r\n;").find(text_.front()) == std::string_view::npos) {
      std::optional<std::string> part;
      if (take("'")) {
        part = take_single_quoted();
      } else if (take("\"")) {
        part = take_double_quoted();
      } else {
        part = take_plain();
      }
      if (!part) return std::nullopt;
      out += *part;
    }
    return out;
  }

  /// Behind the opening quote, with the closing one.
  std::optional<std::string> take_double_quoted() {
    std::string out;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '$' || c == '`') return std::nullopt;
      if (c != '\\' || text_.empty()) {
        out += c;
        continue;
      }
      const char escaped = text_.front();
      text_.remove_prefix(1);
      if (escaped == '\n') continue;
      if (std::string_view("\\\"$`").find(escaped) == std::string_view::npos) out += c;
      out += escaped;
    }
    return std::nullopt;
  }

 private:
  std::optional<std::string> take_single_quoted() {
    const auto end = text_.find('\'');
    if (end == std::string_view::npos) return std::nullopt;
    std::string out(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return out;
  }

  /// Characters that mean themselves to every shell, wherever they stand in a value.
  std::optional<std::string> take_plain() {
    static constexpr std::string_view kPlain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,=";
    std::string out(text_.substr(0, text_.find_first_not_of(kPlain)));
    if (out.empty()) return std::nullopt;
    text_.remove_prefix(out.size());
    return out;
  }

  std::string_view text_;
};

}  // namespace sifkit::inspect
