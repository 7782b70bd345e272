// SPDX-License-Identifier: Apache-2.0
#include "challenge.h"

#include <sifkit/core/text.h>

namespace sifkit::oci {

namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Challenge> parse() {
    std::vector<Challenge> out;
    while (true) {
      skip(" \t,");
      const auto name = token();
      if (name.empty()) return out;
      skip(" \t");
      if (!next_is('=') || out.empty()) {
        out.push_back({lower_case(name), {}});
        continue;
      }
      ++at_;
      skip(" \t");
      out.back().parameters.emplace_back(lower_case(name), value());
    }
  }

 private:
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  void skip(std::string_view blanks) {
    while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) ++at_;
  }

  std::string_view token() {
    const auto start = at_;
    while (at_ < text_.size() && std::string_view(" \t,=\"").find(text_[at_]) == std::string_view::npos) ++at_;
    return text_.substr(start, at_ - start);
  }

  /// Quoted; or, as some servers send it, bare and with anything but a comma or a blank in it.
  std::string value() {
    std::string out;
    if (!next_is('"')) {
      while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ' ') out += text_[at_++];
      return out;
    }
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

std::string_view Challenge::value(std::string_view name) const {
  for (const auto& [key, value] : parameters) {
    if (key == name) return value;
  }
  return {};
}

std::vector<Challenge> parse_challenges(std::string_view header) { return Parser(header).parse(); }

}  // namespace sifkit::oci
