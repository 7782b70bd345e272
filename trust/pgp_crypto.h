// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>

#include <sifkit/core/bytes.h>

#include "ossl.h"
#include "pgp_key_packet.h"

/// The mathematics of OpenPGP's keys and signatures, by OpenSSL.
namespace sifkit::trust {

inline constexpr std::size_t kEd25519Bytes = 32;  ///< of a number, and of half a signature

/// Throws unsupported with the reason.
[[noreturn]] void refuse_pgp_key(std::string_view why);

/// The 20 bytes of a version 4 fingerprint (RFC 9580, section 5.5.4.2).
Bytes key_fingerprint(ByteView public_part);

/// Null for a hash that is not known.
const EVP_MD* pgp_hash_function(std::uint8_t hash) noexcept;

/// The digest of the parts one after the other.
Bytes pgp_digest(const EVP_MD* function, std::initializer_list<ByteView> parts);

/// For signing where the packet holds its secret number, else for verifying. Throws unsupported, with the reason, for
/// kinds that do not sign, unknown curves and numbers that are no key.
OsslKey openssl_key(const PgpKeyPacket& packet);

/// Whether `numbers` are the key's signature over a digest. Never throws for what is wrong with the key or the numbers.
bool verifies(const PgpKeyPacket& key, std::uint8_t hash, ByteView digest, std::span<const Bytes> numbers);

}  // namespace sifkit::trust
