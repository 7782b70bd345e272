// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// With the letters A to Z in lower case, whatever the locale.
SIFKIT_API std::string lower_case(std::string_view text);

/// Whether two texts differ in the case of the letters A to Z at the most.
SIFKIT_API bool equal_ignoring_case(std::string_view one, std::string_view other) noexcept;

/// Without what it begins and ends with of `blanks`.
SIFKIT_API std::string_view trimmed(std::string_view text, std::string_view blanks = " \t") noexcept;

}  // namespace sifkit
