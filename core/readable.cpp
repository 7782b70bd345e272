// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/readable.h>

#include <algorithm>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit {

namespace {

struct CodePoints {
  char32_t first, last;
};

/// What shows nothing, or changes how the rest is shown: the terminal's second set of controls, marks of direction and
/// width, separators of lines, and what is no character or nobody's.
constexpr CodePoints kNotPrintable[] = {{0x80, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e}, {0x200b, 0x200f},   {0x2028, 0x202e},
                                        {0x2060, 0x206f}, {0xe000, 0xf8ff}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0x10ffff}};

/// The length of the UTF-8 sequence at the start of a text if it is of several bytes and a terminal shows it, else 0.
std::size_t printable_sequence(std::string_view text) noexcept {
  const auto length = utf8_sequence(text);
  if (length < 2) return 0;
  const auto point = code_point(text.substr(0, length));
  const bool is_character = (point & 0xfffe) != 0xfffe;
  return is_character && std::none_of(std::begin(kNotPrintable), std::end(kNotPrintable), [point](const CodePoints& some) { return point >= some.first && point <= some.last; }) ? length : 0;
}

}  // namespace

char32_t code_point(std::string_view sequence) noexcept {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t point = first & (0x7fU >> sequence.size());
  for (const char c : sequence.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3fU);
  return point;
}

std::string readable(std::string_view text, std::size_t limit) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    if (used >= limit) return out + "...";
    const auto length = printable_sequence(text);
    const auto piece = text.substr(0, std::max<std::size_t>(length, 1));
    out += length > 1 ? std::string(piece) : printable(piece);
    used += piece.size();
    text.remove_prefix(piece.size());
  }
  return out;
}

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace sifkit
