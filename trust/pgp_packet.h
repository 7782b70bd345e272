// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

constexpr std::size_t kFingerprintDigits = 40;  ///< of a version 4 key, in hex

/// The numbers of RFC 4880 and RFC 9580 that signing and verifying need.
enum class PgpAlgorithm : std::uint8_t { rsa = 1, rsa_encrypt = 2, rsa_sign = 3, elgamal = 16, dsa = 17, ecdh = 18, ecdsa = 19, eddsa = 22 };
enum class PgpHash : std::uint8_t {
  md5 = 1, sha1 = 2, ripemd160 = 3, sha256 = 8, sha384 = 9, sha512 = 10, sha224 = 11, sha3_256 = 12, sha3_512 = 14
};

/// The name as in a `Hash:` header, "hash 99" for a number nobody knows.
std::string pgp_hash_name(std::uint8_t hash);

/// SHA-256 or stronger.
bool is_strong_pgp_hash(std::uint8_t hash) noexcept;

/// Tags of packets (RFC 9580, section 5).
enum PgpTag : unsigned {
  kSignatureTag = 2,
  kSecretKeyTag = 5,
  kPublicKeyTag = 6,
  kSecretSubkeyTag = 7,
  kMarkerTag = 10,
  kTrustTag = 12,
  kUserIdTag = 13,
  kPublicSubkeyTag = 14,
  kUserAttributeTag = 17,
  kPaddingTag = 21,
};

/// A big-endian number of up to four bytes.
std::uint32_t pgp_number(ByteView bytes) noexcept;

void append(Bytes& out, ByteView bytes);

/// Throws malformed, as the reader does, where there is none.
std::uint8_t read_octet(ByteReader& reader, std::string_view what);

/// A length of one, two or five octets, as packets of the new format and subpackets have it.
std::uint32_t read_new_length(ByteReader& reader, bool subpacket);

/// A number with its bit length in front. Throws limit for one of more than 16384 bits.
Bytes read_mpi(ByteReader& reader, std::string_view what);

/// A packet of the old format, as GnuPG writes keys. The body has at most 65535 bytes.
void append_key_packet(Bytes& out, unsigned tag, ByteView body);

/// What is hashed behind the hashed part of a version 4 signature.
Bytes pgp_trailer(std::size_t hashed_size);

/// One packet of RFC 4880, section 4.2.
struct PgpPacket {
  unsigned tag;
  ByteView body;
};

/// Takes the next packet. Throws malformed, with the offset, for lengths that are not known at its start too: nothing
/// that goes with keys has them.
PgpPacket read_packet(ByteReader& reader);

/// What one signature packet says. Only `created`, `lifetime` and, if `issuer_is_signed`, the issuer are covered by the
/// signature.
struct PgpSignature {
  std::uint8_t type = 0;
  std::uint8_t key_algorithm = 0;
  std::uint8_t hash = 0;
  std::optional<std::int64_t> created;  ///< Unix seconds
  std::int64_t lifetime = 0;            ///< seconds after `created`, 0: for ever
  std::string issuer_fingerprint;       ///< upper-case hex, empty where absent
  std::string issuer_key_id;            ///< the same, 16 digits
  std::uint8_t key_subpacket = 0;       ///< one that only signatures over keys have, 0: none
  std::size_t number_bytes = 0;         ///< of the longest number that the signature is made of
};

/// Exactly one version 4 signature packet and nothing else. Throws malformed or unsupported with the offset.
PgpSignature parse_signature_packet(ByteView packets);

/// A signature packet in the making, in the form that Apptainer writes: everything in the hashed area.
struct PgpSignatureTemplate {
  PgpAlgorithm algorithm = PgpAlgorithm::rsa;
  PgpHash hash = PgpHash::sha256;
  std::uint32_t created = 0;   ///< Unix seconds
  Bytes fingerprint;           ///< 20 bytes, of the primary key
  std::optional<Bytes> salt;   ///< for the salt notation

  /// version … hashed subpackets
  Bytes hashed_part() const;
  /// The bytes whose hash is signed.
  Bytes to_be_signed(std::string_view canonical_text) const;
  /// The whole packet. `digest` is the hash of `to_be_signed`, `mpis` the signature, each MPI with its length.
  Bytes packet(ByteView digest, ByteView mpis) const;
};

/// How many random bytes the salt notation has under `hash`.
std::size_t salt_bytes(PgpHash hash) noexcept;

/// A number as OpenPGP writes it: bit length, bytes, no leading zeros.
Bytes pgp_mpi(ByteView big_endian);

}  // namespace sifkit::trust
