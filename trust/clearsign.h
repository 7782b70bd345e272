// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

/// A message in OpenPGP's cleartext signature framework (RFC 4880, 7), taken apart.
struct ClearSigned {
  std::string text;                 ///< dash escapes removed, lines joined by LF, no final line end
  std::string canonical;            ///< the same with CRLF: what is hashed
  std::vector<std::string> hashes;  ///< what the `Hash:` headers say, for example "SHA256"
  Bytes packets;                    ///< the armored bytes
  bool has_armor_headers = false;   ///< with the signature: nothing covers what they say
};

/// Whether the data starts like a clear-signed message (leading white space aside).
bool looks_clear_signed(std::string_view data) noexcept;

/// Strict, for the framework is famous for showing one text and verifying another: exactly one message, nothing but
/// white space around it, `Hash` headers only and only SHA-2 of 256 bits and more or SHA-3, no trailing blanks in the
/// text, the CRC right where there is one; with the signature the armor headers `Version` and `Comment`, which are passed
/// over. LF and CRLF are both line ends. Throws malformed with the line number, unsupported for weaker hashes and other
/// armor headers.
ClearSigned parse_clear_signed(std::string_view data);

enum class Checksum { unless_padded, always };

/// The byte form that Singularity and Apptainer write: no final LF, and no checksum line, but where the base64 has no
/// padding: GnuPG then reads on into the end line. `hash` as in `ClearSigned::hashes`.
std::string write_clear_signed(std::string_view text, std::string_view hash, ByteView packets, Checksum checksum = Checksum::unless_padded);

/// What is hashed for `text`: trailing blanks dropped, lines joined by CRLF.
std::string canonical_text(std::string_view text);

}  // namespace sifkit::trust
