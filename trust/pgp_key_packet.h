// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>

#include "pgp_packet.h"

namespace sifkit::trust {

/// A curve of OpenPGP keys, and what other programs call it.
struct PgpCurve {
  std::string_view oid;      ///< as key packets have it, without its length
  std::string_view name;     ///< "NIST P-256"
  const char* openssl;       ///< OpenSSL's name, null where it signs nothing by ECDSA
  unsigned bits;
  PgpHash hash;              ///< that fits it
};

/// Null for one that is not known.
const PgpCurve* pgp_curve(ByteView oid) noexcept;

/// How the secret of a key packet is kept.
enum class SecretState : std::uint8_t { none, open, locked, left_out, on_card };

constexpr bool has_secret(SecretState state) noexcept { return state == SecretState::open || state == SecretState::locked; }

/// Where the secret is that the packet has not: "on a smartcard, which is not asked".
std::string_view secret_place(SecretState state) noexcept;

/// A key's own packet, primary or subkey, public or secret.
struct PgpKeyPacket {
  std::uint8_t algorithm = 0;
  std::uint32_t created = 0;
  Bytes curve_oid;  ///< ECDSA, EdDSA and ECDH
  Bytes modulus;    ///< RSA n; DSA and ElGamal p
  Bytes exponent;   ///< RSA e; DSA and ElGamal y
  Bytes order;      ///< DSA q
  Bytes generator;  ///< DSA and ElGamal g
  Bytes point;      ///< ECDSA, EdDSA and ECDH, with its leading 0x04 or 0x40
  Bytes secret;     ///< RSA d, else the scalar or seed; `parse_secret_key_packet` alone reads it

  std::string_view algorithm_name() const noexcept;  ///< "RSA", "ECDSA", "EDDSA", …; empty for one that is not known
  unsigned bits() const noexcept;                    ///< of the modulus or the curve; 0 where it is not known
  std::string text() const;                          ///< "RSA 2048", "ECDSA NIST P-256", "Ed25519"
};

/// A key packet taken apart.
struct PgpKeyParts {
  PgpKeyPacket key;
  Bytes public_part;        ///< what its signatures cover of it, and its fingerprint is made of
  std::string fingerprint;  ///< 40 digits, upper case
  SecretState secret = SecretState::none;
};

/// A public or secret key or subkey of version 4. Throws unsupported for other versions and for algorithms that are not
/// known, malformed for the rest.
PgpKeyParts parse_key_packet(const PgpPacket& packet);

/// Reads the first packet of an exported secret key or subkey without protection. The result holds secrets: wipe it.
PgpKeyPacket parse_secret_key_packet(ByteView packets);

}  // namespace sifkit::trust
