// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/core/secret.h>

namespace sifkit::trust {

/// What the lines around armored text call it.
constexpr std::string_view kPublicKeyLabel = "PUBLIC KEY BLOCK";
constexpr std::string_view kSecretKeyLabel = "PRIVATE KEY BLOCK";
constexpr std::string_view kSignatureLabel = "SIGNATURE";

/// The packets of all armored keys and signatures in a text, with anything between them. Blank lines count nowhere, behind
/// the checksum neither; a checksum, where there is one, is right. Throws malformed with the place.
Bytes read_armor(std::string_view text, std::string_view name);

/// The lines of an armored block between its headers and its last line: base64, then perhaps a checksum.
class ArmorBody {
 public:
  /// There is room for as many characters from the start: what holds a secret is not copied about.
  explicit ArmorBody(std::size_t room) { base64_.reserve(room); }
  ~ArmorBody() { wipe(base64_); }
  ArmorBody(const ArmorBody&) = delete;
  ArmorBody& operator=(const ArmorBody&) = delete;

  bool empty() const noexcept { return base64_.empty() && !checksum_; }
  /// A line without blanks around it. False where none may stand: behind the checksum.
  bool add(std::string_view line);
  /// Nothing where the lines are no base64.
  std::optional<Bytes> packets() const;
  /// Four digits; whoever has the packets compares it.
  const std::optional<std::string>& checksum() const noexcept { return checksum_; }

 private:
  std::string base64_;
  std::optional<std::string> checksum_;
};

/// Armored text of packets, ended by LF.
std::string write_armor(ByteView packets, std::string_view label);

/// The checksum of OpenPGP armor (RFC 4880, 6.1) as its line has it behind the `=`: 24 bits in four digits.
std::string armor_checksum(ByteView bytes);

}  // namespace sifkit::trust
