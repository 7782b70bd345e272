// SPDX-License-Identifier: Apache-2.0
#include "shell.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/json.h>

namespace sifkit {

namespace {

/// The length of the character at the start of a text that is not empty, or 0 where it has to be written as a number.
std::size_t readable_character(std::string_view text) noexcept {
  if (text.starts_with("\xc2\x80") || text.starts_with("\xc2\x81")) return 0;
  return utf8_sequence(text);
}

}  // namespace

bool reads_as_written(std::string_view text) noexcept {
  if (text.find("\r\n") != std::string_view::npos) return false;
  while (!text.empty()) {
    const auto length = readable_character(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string escape_in_double_quotes(std::string_view text, std::size_t line_bytes) {
  std::string out;
  std::size_t line = 0;
  while (!text.empty()) {
    if (line >= line_bytes) {
      out += "\"\\\n\"";
      line = 0;
    }
    if (readable_character(text) == 0) {
      // All the rest of the line, since shells do not take thousands of substitutions in a word. No LF ends it.
      const auto rest = text.substr(0, std::min(text.find('\n'), line_bytes - line));
      out += "$(printf '";
      for (const char c : rest) out += fmt::format("\\{:03o}", static_cast<unsigned char>(c));
      out += "')";
      text.remove_prefix(rest.size());
      line += rest.size();
      continue;
    }
    if (text.starts_with("\r\n")) {
      out += "\r\"\"";
      text.remove_prefix(1);
      ++line;
      continue;
    }
    const char c = text.front();
    if (c == '\\' || c == '"' || c == '`' || c == '$') out += '\\';
    const auto length = readable_character(text);
    out += text.substr(0, length);
    text.remove_prefix(length);
    line = c == '\n' ? 0 : line + length;
  }
  return out;
}

std::string escape_in_single_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += R"('"'"')";
    } else {
      out += c;
    }
  }
  return out;
}

std::string quote_words(const std::vector<std::string>& words, std::size_t line_bytes) {
  const std::string_view space = line_bytes == std::string::npos ? " " : "\\\n ";
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += space;
    out += '"' + escape_in_double_quotes(word, line_bytes) + '"';
  }
  return out;
}

bool is_shell_name(std::string_view name) noexcept {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!word) return false;
  }
  return true;
}

}  // namespace sifkit
