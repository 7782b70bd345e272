// SPDX-License-Identifier: Apache-2.0
#include "link_header.h"

#include <algorithm>

#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

constexpr std::string_view kBlanks = " \t";

/// Whether a word is one of several with blanks between them.
bool has_word(std::string_view words, std::string_view wanted) {
  while (!words.empty()) {
    const auto end = std::min(words.find_first_of(kBlanks), words.size());
    if (equal_ignoring_case(words.substr(0, end), wanted)) return true;
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return false;
}

class LinkParser {
 public:
  explicit LinkParser(std::string_view text) : text_(text) {}

  std::optional<std::string> target_of(std::string_view relation) {
    while (true) {
      skip(" \t,");
      const auto close = next_is('<') ? text_.find('>', at_) : std::string_view::npos;
      if (close == std::string_view::npos) return std::nullopt;
      const std::string target(text_.substr(at_ + 1, close - at_ - 1));
      at_ = close + 1;
      if (has_word(relations(), relation)) return target;
      at_ = std::min(text_.find(',', at_), text_.size());  // past what is no parameter
    }
  }

 private:
  /// What the parameter rel says: of several the first one counts.
  std::string relations() {
    std::optional<std::string> out;
    for (skip(kBlanks); next_is(';'); skip(kBlanks)) {
      ++at_;
      skip(kBlanks);
      const auto name = token();
      skip(kBlanks);
      std::string stated;
      if (next_is('=')) {
        ++at_;
        skip(kBlanks);
        stated = value();
      }
      if (!out && equal_ignoring_case(name, "rel")) out = std::move(stated);
    }
    return out.value_or("");
  }

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  void skip(std::string_view blanks) {
    while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  std::string_view token() {
    const auto start = at_;
    at_ = std::min(text_.find_first_of(" \t=;,", at_), text_.size());
    return text_.substr(start, at_ - start);
  }

  std::string value() {
    if (!next_is('"')) return std::string(token());
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> target_of_link(std::string_view header, std::string_view relation) {
  return LinkParser(header).target_of(relation);
}

}  // namespace sifkit::oci
