// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <sifkit/core/export.h>

namespace sifkit {

/// With the letters A to Z in lower case, whatever the locale.
SIFKIT_API std::string lower_case(std::string_view text);

/// Whether two texts differ in the case of the letters A to Z at the most.
SIFKIT_API bool equal_ignoring_case(std::string_view one, std::string_view other) noexcept;

/// Whether a text is in a list.
template <std::size_t N>
constexpr bool is_one_of(const std::string_view (&list)[N], std::string_view text) noexcept {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

/// Without what it begins and ends with of `blanks`.
SIFKIT_API std::string_view trimmed(std::string_view text, std::string_view blanks = " \t") noexcept;

/// The number that `text` is, in decimal digits and nothing else but, where the type has one, a minus; nothing where it
/// is none or does not fit.
template <std::integral Number>
std::optional<Number> whole_number(std::string_view text) noexcept {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

}  // namespace sifkit
