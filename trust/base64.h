// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

/// Standard alphabet, padded, one line.
std::string base64_encode(ByteView bytes);

/// The same in lines of `columns` characters, each ended by LF but the last.
std::string base64_encode_lines(ByteView bytes, std::size_t columns);

/// Strict: standard alphabet, padded, no white space, unused bits zero, so that one byte string has one text only.
std::optional<Bytes> base64_decode(std::string_view text);

/// The checksum of OpenPGP armor (RFC 4880, 6.1) as its line has it behind the `=`: 24 bits in four digits.
std::string armor_checksum(ByteView bytes);

}  // namespace sifkit::trust
