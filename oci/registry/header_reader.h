// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace sifkit::oci {

/// Goes over the value of a header field (RFC 9110, 5.6). The text outlives it.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }

  bool take(char c) {
    const bool found = next_is(c);
    at_ += found ? 1u : 0u;
    return found;
  }

  void skip(std::string_view characters) { at_ = std::min(text_.find_first_not_of(characters, at_), text_.size()); }

  /// Up to one of these, which stays, or the end.
  std::string_view up_to(std::string_view characters) {
    const auto start = at_;
    at_ = std::min(text_.find_first_of(characters, at_), text_.size());
    return text_.substr(start, at_ - start);
  }

  /// What is between quotes, the first of which is next; one that is not closed ends with the text.
  std::string quoted() {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_];
    }
    at_ = std::min(at_ + 1, text_.size());
    return out;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace sifkit::oci
