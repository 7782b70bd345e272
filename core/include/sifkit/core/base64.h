// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>

namespace sifkit {

/// Standard alphabet, padded, one line.
SIFKIT_API std::string base64_encode(ByteView bytes);

/// The same in lines of `columns` characters, each ended by LF but the last.
SIFKIT_API std::string base64_encode_lines(ByteView bytes, std::size_t columns);

/// Strict: standard alphabet, padded, no white space, unused bits zero, so that one byte string has one text only.
SIFKIT_API std::optional<Bytes> base64_decode(std::string_view text);

}  // namespace sifkit
