// SPDX-License-Identifier: Apache-2.0
#include "terminal_filter.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/core/readable.h>

namespace sifkit::cli {

namespace {

constexpr std::size_t kMaxSequence = 4;

bool steers(char32_t c) {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  if (c == U'\n' || c == U'\t') return false;
  return c < 0x20 || within(0x7f, 0x9f)                                                      // control characters
         || c == 0x061c || within(0x200e, 0x200f) || within(0x202a, 0x202e) || within(0x2066, 0x2069)  // direction
         || within(0x2028, 0x2029);                                                          // ends of lines and paragraphs
}

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto piece = text.substr(0, std::max<std::size_t>(utf8_sequence(text), 1));
    text.remove_prefix(piece.size());
    const bool valid = utf8_sequence(piece) != 0;
    const auto c = valid ? code_point(piece) : U'\0';
    if (valid && !steers(c)) {
      out += piece;
    } else if (valid && c >= 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));  // which is right in JSON, too
    } else {
      out += printable(piece);
    }
  }
}

/// How many bytes at the end of a text may be the start of a character whose rest is still to come.
std::size_t begun_at_end(std::string_view text) {
  for (std::size_t length = 1; length <= std::min(text.size(), kMaxSequence - 1); ++length) {
    const auto byte = static_cast<unsigned char>(text[text.size() - length]);
    if ((byte & 0xc0u) == 0x80u) continue;
    const std::size_t whole = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length < whole ? length : 0;
  }
  return 0;
}

}  // namespace

std::string terminal_text(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

std::string single_line(std::string_view text) {
  std::string out;
  for (const char c : terminal_text(text)) out += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return out;
}

TerminalFilter::~TerminalFilter() {
  if (!begun_.empty()) terminal_ << terminal_text(begun_);
}

void TerminalFilter::clear_line(std::ostream& out) {
  auto* const filter = dynamic_cast<TerminalFilter*>(out.rdbuf());
  (filter != nullptr ? filter->terminal_ : out) << "\r\033[K" << std::flush;
}

TerminalFilter::int_type TerminalFilter::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
}

std::streamsize TerminalFilter::xsputn(const char* text, std::streamsize size) {
  begun_.append(text, static_cast<std::size_t>(size));
  const auto whole = begun_.size() - begun_at_end(begun_);
  const bool written = static_cast<bool>(terminal_ << terminal_text(std::string_view(begun_).substr(0, whole)));
  begun_.erase(0, whole);
  return written ? size : 0;
}

int TerminalFilter::sync() { return terminal_.flush() ? 0 : -1; }

}  // namespace sifkit::cli
