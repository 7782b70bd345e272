// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

/// RFC 9580, section 5.2.3.7; `kKeyBlock` is GnuPG's.
enum PgpSubpacketType : std::uint8_t {
  kCreationTime = 2,
  kSignatureLifetime = 3,
  kExportable = 4,
  kTrust = 5,
  kRevocable = 7,
  kKeyLifetime = 9,
  kPreferredCiphers = 11,
  kRevocationKey = 12,
  kIssuer = 16,
  kNotation = 20,
  kPreferredHashes = 21,
  kPreferredCompression = 22,
  kKeyserverPreferences = 23,
  kPreferredKeyserver = 24,
  kPrimaryUserId = 25,
  kPolicyUri = 26,
  kKeyFlags = 27,
  kSignersUserId = 28,
  kRevocationReason = 29,
  kFeatures = 30,
  kEmbeddedSignature = 32,
  kIssuerFingerprint = 33,
  kPreferredAead = 34,
  kKeyBlock = 38,
  kPreferredAeadSuites = 39,  // the last that is assigned
};

struct PgpSubpacket {
  std::uint8_t type;
  bool critical;  ///< who does not know it must not take the signature
  ByteView value;
};

/// The next one of an area of a signature, nothing at its end. Throws malformed for what is cut short or empty.
std::optional<PgpSubpacket> next_subpacket(ByteReader& area);

}  // namespace sifkit::trust
