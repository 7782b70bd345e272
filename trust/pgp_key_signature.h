// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/bytes.h>

#include "pgp_key_packet.h"

namespace sifkit::trust {

/// RFC 9580, section 5.2.1.
enum PgpSignatureType : std::uint8_t {
  kCertification = 0x10,  ///< and the three above it
  kPositiveCertification = 0x13,
  kSubkeyBinding = 0x18,
  kPrimaryBinding = 0x19,
  kDirectKey = 0x1f,
  kKeyRevocation = 0x20,
  kSubkeyRevocation = 0x28,
  kCertificationRevocation = 0x30,
};

/// RFC 9580, section 5.2.3.31.
enum PgpRevocationCode : std::uint8_t { kSuperseded = 1, kRetired = 3 };

constexpr std::uint8_t kMaySign = 2;  ///< of a key's flags

/// A signature packet over a key, its user id or its subkey. What is not among the hashed subpackets says nothing here,
/// but for the issuer and the back signature, which prove themselves.
struct PgpKeySignature {
  std::uint8_t type = 0;
  std::uint8_t hash = 0;
  std::optional<std::int64_t> created;  ///< Unix seconds
  std::int64_t lifetime = 0;            ///< of the signature, 0: for ever
  std::uint32_t key_lifetime = 0;       ///< of what it signs, from the key's making, 0: for ever
  std::optional<std::uint8_t> key_flags;
  bool primary_user_id = false;
  std::vector<std::string> issuers;   ///< fingerprints and 16-digit key IDs, as far as it names any
  std::vector<std::string> revokers;  ///< fingerprints of those who may revoke the key for its owner
  std::uint8_t revocation_code = 0;
  std::string revocation_reason;  ///< bytes from the key
  Bytes back_signature;           ///< body of the signature packet by the subkey
  std::string obstacle;           ///< a critical part that is not known, for which it does not count; else empty

  /// Whether it names the key as its maker. Some writers name none.
  bool may_be_by(std::string_view fingerprint) const;

  /// Whether `key` has signed `covered`, the packets in their hashed form, with this.
  bool is_by(const PgpKeyPacket& key, std::initializer_list<ByteView> covered) const;

  Bytes hashed_part;
  Bytes digest_start;  ///< two bytes
  std::vector<Bytes> numbers;
};

/// Nothing for a signature of another version or one that cannot be read: it is none.
std::optional<PgpKeySignature> parse_key_signature(ByteView body);

}  // namespace sifkit::trust
