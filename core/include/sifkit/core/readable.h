// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// As `printable`, but what UTF-8 has of printable characters stays as it is: for names that people have. Cuts after about
/// `limit` bytes, and never inside a character.
SIFKIT_API std::string readable(std::string_view text, std::size_t limit = 256);

}  // namespace sifkit
