// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

/// What the lines around armored text call it.
constexpr std::string_view kPublicKeyLabel = "PUBLIC KEY BLOCK";
constexpr std::string_view kSecretKeyLabel = "PRIVATE KEY BLOCK";
constexpr std::string_view kSignatureLabel = "SIGNATURE";

/// The packets of all armored keys and signatures in a text, with anything between them. Blank lines count nowhere, behind
/// the checksum neither; a checksum, where there is one, is right. Throws malformed with the place.
Bytes read_armor(std::string_view text, std::string_view name);

/// Armored text of packets, ended by LF.
std::string write_armor(ByteView packets, std::string_view label);

/// The checksum of OpenPGP armor (RFC 4880, 6.1) as its line has it behind the `=`: 24 bits in four digits.
std::string armor_checksum(ByteView bytes);

}  // namespace sifkit::trust
