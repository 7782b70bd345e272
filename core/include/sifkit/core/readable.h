// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// As `printable`, but what UTF-8 has of printable characters stays as it is: for names that people have. Cuts after about
/// `limit` bytes, and never inside a character.
SIFKIT_API std::string readable(std::string_view text, std::size_t limit = 256);

/// The character that a whole sequence of UTF-8 stands for (`utf8_sequence` of core/json.h).
SIFKIT_API char32_t code_point(std::string_view sequence) noexcept;

/// Whether a text is UTF-8 as a whole.
SIFKIT_API bool is_utf8(std::string_view text) noexcept;

}  // namespace sifkit
