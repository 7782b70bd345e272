// SPDX-License-Identifier: Apache-2.0
#include "environment.h"

#include <algorithm>
#include <optional>

namespace sifkit::check {

namespace {

constexpr unsigned kMaxNesting = 16;  ///< of default values in default values
constexpr std::string_view kFixed[] = {"01-base.sh", "94-appsbase.sh", "95-apps.sh", "99-base.sh", "99-runtimevars.sh"};

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name_part(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

/// Reads a script statement by statement.
class Reader {
 public:
  Reader(Environment& environment, std::string_view text) : environment_(environment), text_(text) {}

  /// Whether all of it was understood.
  bool read() {
    bool all = true;
    while (at_ < text_.size()) {
      if (statement()) continue;
      all = false;
      nesting_ = 0;
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
    return all;
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char next() const { return at_end() ? '\0' : text_[at_]; }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void skip_blanks() {
    while (next() == ' ' || next() == '\t' || text_.substr(at_).starts_with("\\\n")) at_ += next() == '\\' ? 2u : 1u;
  }
  bool ends_word() const { return at_end() || std::string_view(" \t\n;").find(text_[at_]) != std::string_view::npos; }

  std::string name() {
    const auto start = at_;
    if (is_name_start(next())) {
      while (is_name_part(next())) ++at_;
    }
    return std::string(text_.substr(start, at_ - start));
  }

  /// To the end of a line or behind a semicolon. False where it is not understood.
  bool statement() {
    skip_blanks();
    if (next() == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return true;
    }
    const auto start = at_;
    if (take("fi") && ends_word()) return end_of_statement();
    at_ = start;
    // As it is written for a value that gives way to what the caller has set.
    if (take("if [ -z \"${")) {
      const auto asked = name();
      if (asked.empty() || !take(":-}\" ]; then ") || !text_.substr(at_).starts_with(asked + "=")) return false;
      const auto before = environment_.value(asked);
      if (!statement()) return false;
      if (!before.empty()) environment_.set(asked, before);
      return true;
    }
    const bool exports = take("export ");
    if (!exports && take("unset ")) return names_to_unset();
    for (bool first = true;; first = false) {
      skip_blanks();
      if (ends_word() || next() == '#') return (!first || !exports) && end_of_statement();
      const auto variable = name();
      if (variable.empty()) return false;
      if (!take("=")) {
        if (!exports || !ends_word()) return false;
        continue;
      }
      auto value = word();
      if (!value) return false;
      environment_.set(variable, std::move(*value));
    }
  }

  bool end_of_statement() {
    skip_blanks();
    if (next() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
    if (at_end()) return true;
    if (next() != '\n' && next() != ';') return false;
    ++at_;
    return true;
  }

  bool names_to_unset() {
    for (;;) {
      skip_blanks();
      if (ends_word()) return end_of_statement();
      const auto variable = name();
      if (variable.empty() || !ends_word()) return false;
      environment_.set(variable, "");
    }
  }

  /// The value of a word, to the blank or the line that ends it.
  std::optional<std::string> word() {
    std::string out;
    while (!ends_word()) {
      if (!piece(out)) return std::nullopt;
    }
    return out;
  }

  /// What has a meaning outside of quotes that is not followed here ends it.
  bool piece(std::string& out) {
    const char c = text_[at_];
    if (out.size() > Environment::kMaxBytes) return false;
    if (c == '"') return double_quoted(out);
    if (c == '\'') {
      const auto end = text_.find('\'', at_ + 1);
      if (end == std::string_view::npos) return false;
      out += text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return true;
    }
    if (c == '$') return variable(out, false);
    if (std::string_view("`|&<>()*?[]{}!").find(c) != std::string_view::npos) return false;
    if (c == '\\') {
      if (++at_ >= text_.size()) return false;
      if (text_[at_] == '\n') return ++at_, true;
    }
    out += text_[at_++];
    return true;
  }

  bool double_quoted(std::string& out) {
    ++at_;
    while (!at_end() && next() != '"') {
      if (!quoted_piece(out)) return false;
    }
    return take("\"");
  }

  bool quoted_piece(std::string& out) {
    const char c = text_[at_];
    if (out.size() > Environment::kMaxBytes || c == '`') return false;
    if (c == '$') return variable(out, true);
    if (c == '\\' && at_ + 1 < text_.size()) {
      const char escaped = text_[at_ + 1];
      if (escaped == '\n') return at_ += 2, true;
      if (std::string_view("$`\"\\").find(escaped) != std::string_view::npos) ++at_;
    }
    out += text_[at_++];
    return true;
  }

  /// `$NAME`, `${NAME}`, `${NAME:-WORD}`, `${NAME:+WORD}`, and the last two without the colon.
  bool variable(std::string& out, bool quoted) {
    ++at_;
    if (!take("{")) {
      const auto named = name();
      out += environment_.value(named);
      return !named.empty();
    }
    const auto named = name();
    if (named.empty()) return false;
    const auto value = environment_.value(named);
    if (take("}")) return out += value, true;
    take(":");
    const bool instead = next() == '-';
    if ((!instead && next() != '+') || nesting_ == kMaxNesting) return false;
    ++at_;
    ++nesting_;
    std::string other;
    while (!at_end() && next() != '}') {
      if (!(quoted && next() != '"' ? quoted_piece(other) : piece(other))) return false;
    }
    --nesting_;
    out += instead ? (value.empty() ? other : value) : (value.empty() ? std::string() : other);
    return take("}");
  }

  Environment& environment_;
  const std::string_view text_;
  std::size_t at_ = 0;
  unsigned nesting_ = 0;
};

}  // namespace

bool Environment::is_of_image(std::string_view name) noexcept {
  return name.ends_with(".sh") && std::find(std::begin(kFixed), std::end(kFixed), name) == std::end(kFixed);
}

void Environment::set(const std::string& name, std::string value) {
  auto& kept = values_[name];
  bytes_ -= kept.size();
  if (value.size() > kMaxBytes - bytes_) {
    certain_ = false;
    value.clear();
  }
  bytes_ += value.size();
  kept = std::move(value);
}

std::string Environment::value(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

std::vector<std::string> Environment::entries() const {
  std::vector<std::string> out;
  for (const auto& [name, value] : values_) {
    if (!value.empty()) out.push_back(name + "=" + value);
  }
  return out;
}

void Environment::read(std::string_view script) {
  if (script.size() > left_) {
    certain_ = false;
    return;
  }
  left_ -= script.size();
  if (!Reader(*this, script).read()) certain_ = false;
}

}  // namespace sifkit::check
