// SPDX-License-Identifier: Apache-2.0
#include "mode_change.h"

#include <cstddef>

namespace sifkit::inspect {

namespace {

constexpr std::uint32_t kUser = 04700;
constexpr std::uint32_t kGroup = 02070;
constexpr std::uint32_t kOthers = 01007;

std::optional<std::uint32_t> octal_bits(std::string_view text) {
  std::uint32_t bits = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    bits = bits << 3 | static_cast<std::uint32_t>(c - '0');
    if (bits > 07777) return std::nullopt;
  }
  return bits;
}

std::uint32_t bits_of_who(char c) {
  switch (c) {
    case 'u': return kUser;
    case 'g': return kGroup;
    case 'o': return kOthers;
    case 'a': return kUser | kGroup | kOthers;
    default: return 0;
  }
}

std::uint32_t bits_of_letter(char c) {
  switch (c) {
    case 'r': return 0444;
    case 'w': return 0222;
    case 'x': return 0111;
    case 's': return 06000;
    case 't': return 01000;
    default: return 0;
  }
}

/// One of "u+rw", "=r", with what stands before it in `bits`.
bool apply_clause(std::string_view clause, std::uint32_t& bits) {
  std::size_t at = 0;
  std::uint32_t who = 0;
  while (at < clause.size() && bits_of_who(clause[at]) != 0) who |= bits_of_who(clause[at++]);
  if (who == 0) who = bits_of_who('a');
  if (at == clause.size() || std::string_view("+-=").find(clause[at]) == std::string_view::npos) return false;
  const char sign = clause[at++];
  std::uint32_t wanted = 0;
  for (; at < clause.size(); ++at) {
    const auto letter = bits_of_letter(clause[at]);
    if (letter == 0) return false;
    // The sticky bit is nobody's.
    wanted |= clause[at] == 't' ? letter : letter & who;
  }
  if (sign == '=') bits &= ~who;
  bits = sign == '-' ? bits & ~wanted : bits | wanted;
  return true;
}

}  // namespace

std::optional<std::uint32_t> mode_bits(std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text.front() >= '0' && text.front() <= '9') return octal_bits(text);
  std::uint32_t bits = 0;
  for (;;) {
    const auto comma = text.find(',');
    if (!apply_clause(text.substr(0, comma), bits)) return std::nullopt;
    if (comma == std::string_view::npos) return bits;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace sifkit::inspect
