// SPDX-License-Identifier: Apache-2.0
#include "pgp_packet.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "pgp_subpacket.h"

namespace sifkit::trust {

namespace {

constexpr std::string_view kSaltNotation = "salt@notations.openpgpjs.org";
constexpr std::size_t kMaxMpiBits = 16384;

void put_be(Bytes& out, std::uint32_t value, std::size_t width) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xff));
}

[[noreturn]] void fail(const ByteReader& reader, std::string_view why) {
  throw Error(ErrorKind::malformed, fmt::format("OpenPGP packet: offset {}: {}", reader.offset(), why));
}

/// What a maker may write and is not known here: of the bytes it says nothing.
[[noreturn]] void refuse(const ByteReader& reader, std::string_view why) {
  throw Error(ErrorKind::unsupported, fmt::format("OpenPGP packet: offset {}: {}", reader.offset(), why));
}

/// An issuer may be named twice, but only as the same.
void set_once(const ByteReader& reader, std::string& value, std::string found) {
  if (!value.empty() && value != found) fail(reader, fmt::format("two issuers, {} and {}", value, found));
  value = std::move(found);
}

void read_subpackets(ByteView area, bool hashed, PgpSignature& signature) {
  ByteReader reader(area, "signature subpackets");
  while (const auto subpacket = next_subpacket(reader)) {
    const auto [type, critical, value] = *subpacket;
    switch (type) {
      case kCreationTime:
        if (!hashed) break;  // says nothing, for anybody could have put it there
        if (value.size() != 4) fail(reader, "a creation time that is not 4 bytes");
        if (signature.created) fail(reader, "two creation times");
        signature.created = pgp_number(value);
        break;
      case kSignatureLifetime:
        if (!hashed) break;
        if (value.size() != 4) fail(reader, "an expiration time that is not 4 bytes");
        signature.lifetime = pgp_number(value);
        break;
      case kIssuer:
        if (value.size() != 8) fail(reader, "an issuer that is not 8 bytes");
        set_once(reader, signature.issuer_key_id, to_upper_hex(value));
        break;
      case kIssuerFingerprint:
        if (value.empty() || value[0] != std::byte{4} || value.size() != 21) {
          throw Error(ErrorKind::unsupported, "OpenPGP signature by a key that is not version 4");
        }
        set_once(reader, signature.issuer_fingerprint, to_upper_hex(value.subspan(1)));
        break;
      case kNotation:
        if (hashed && critical) refuse(reader, "a critical notation that is not known");
        break;
      case kPreferredKeyserver:
      case kPolicyUri:
      case kSignersUserId:
      case kKeyBlock: break;
      default:
        if (hashed && critical) refuse(reader, fmt::format("critical subpacket {} is not known", type));
        if (hashed && type <= kPreferredAeadSuites) signature.key_subpacket = type;
    }
  }
}

}  // namespace

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::uint8_t read_octet(ByteReader& reader, std::string_view what) {
  return std::to_integer<std::uint8_t>(reader.take(1, what)[0]);
}

std::uint32_t pgp_number(ByteView bytes) noexcept {
  std::uint32_t value = 0;
  for (const std::byte b : bytes) value = value << 8 | std::to_integer<std::uint32_t>(b);
  return value;
}

std::uint32_t read_new_length(ByteReader& reader, bool subpacket) {
  const std::uint32_t first = read_octet(reader, "packet length");
  if (first < 192) return first;
  if (first == 255) return pgp_number(reader.take(4, "packet length"));
  if (!subpacket && first >= 224) fail(reader, "packets of partial length are not accepted here");
  return ((first - 192) << 8) + read_octet(reader, "packet length") + 192;
}

std::optional<PgpSubpacket> next_subpacket(ByteReader& area) {
  if (area.left() == 0) return std::nullopt;
  const std::uint32_t length = read_new_length(area, true);
  if (length == 0) fail(area, "an empty subpacket");
  const auto body = area.take(length, "subpacket");
  const auto kind = std::to_integer<std::uint8_t>(body[0]);
  return PgpSubpacket{static_cast<std::uint8_t>(kind & 0x7f), (kind & 0x80) != 0, body.subspan(1)};
}

Bytes read_mpi(ByteReader& reader, std::string_view what) {
  const std::size_t bits = pgp_number(reader.take(2, what));
  if (bits > kMaxMpiBits) {
    throw Error(ErrorKind::limit, fmt::format("OpenPGP packet: {} of {} bits is over the limit of {}", what, bits,
                                              kMaxMpiBits));
  }
  const auto bytes = reader.take((bits + 7) / 8, what);
  // Older writers count whole bytes.
  if (!bytes.empty() && bits % 8 != 0 && std::to_integer<unsigned>(bytes[0]) >> (bits % 8 - 1) != 1) {
    fail(reader, fmt::format("{} is not of {} bits, as it says", what, bits));
  }
  return {bytes.begin(), bytes.end()};
}

void append_key_packet(Bytes& out, unsigned tag, ByteView body) {
  SIFKIT_CHECK(tag < 16 && body.size() <= 0xffff);
  const bool is_long = body.size() > 0xff;
  put_be(out, 0x80 | tag << 2 | (is_long ? 1 : 0), 1);
  put_be(out, static_cast<std::uint32_t>(body.size()), is_long ? 2 : 1);
  append(out, body);
}

Bytes pgp_trailer(std::size_t hashed_size) {
  Bytes out;
  put_be(out, 0x04ff, 2);
  put_be(out, static_cast<std::uint32_t>(hashed_size), 4);
  return out;
}

PgpPacket read_packet(ByteReader& reader) {
  const unsigned header = read_octet(reader, "packet header");
  if ((header & 0x80) == 0) fail(reader, "this is no packet header");
  if ((header & 0x40) != 0) {
    const std::uint32_t length = read_new_length(reader, false);
    return {header & 0x3f, reader.take(length, "packet body")};
  }
  const unsigned kind = header & 3;
  if (kind == 3) fail(reader, "packets of indeterminate length are not accepted");
  const std::uint32_t length = pgp_number(reader.take(std::size_t{1} << kind, "packet length"));
  return {header >> 2 & 0xf, reader.take(length, "packet body")};
}

std::string pgp_hash_name(std::uint8_t hash) {
  switch (static_cast<PgpHash>(hash)) {
    case PgpHash::md5: return "MD5";
    case PgpHash::sha1: return "SHA1";
    case PgpHash::ripemd160: return "RIPEMD160";
    case PgpHash::sha256: return "SHA256";
    case PgpHash::sha384: return "SHA384";
    case PgpHash::sha512: return "SHA512";
    case PgpHash::sha224: return "SHA224";
    case PgpHash::sha3_256: return "SHA3-256";
    case PgpHash::sha3_512: return "SHA3-512";
  }
  return fmt::format("hash {}", hash);
}

bool is_strong_pgp_hash(std::uint8_t hash) noexcept {
  switch (static_cast<PgpHash>(hash)) {
    case PgpHash::sha256:
    case PgpHash::sha384:
    case PgpHash::sha512:
    case PgpHash::sha3_256:
    case PgpHash::sha3_512: return true;
    default: return false;
  }
}

PgpSignature parse_signature_packet(ByteView packets) {
  ByteReader reader(packets, "OpenPGP signature");
  const auto packet = read_packet(reader);
  if (packet.tag != 2) fail(reader, fmt::format("expected a signature packet (tag 2), got tag {}", packet.tag));
  if (reader.left() != 0) fail(reader, "expected one signature packet, but there is more");

  ByteReader body(packet.body, "OpenPGP signature");
  const unsigned version = read_octet(body, "version");
  if (version != 4) {
    throw Error(ErrorKind::unsupported, fmt::format("OpenPGP signature of version {} (expected 4)", version));
  }
  PgpSignature signature;
  signature.type = read_octet(body, "signature type");
  signature.key_algorithm = read_octet(body, "key algorithm");
  signature.hash = read_octet(body, "hash algorithm");
  read_subpackets(body.take(pgp_number(body.take(2, "hashed area")), "hashed area"), true, signature);
  PgpSignature unsigned_values;
  read_subpackets(body.take(pgp_number(body.take(2, "unhashed area")), "unhashed area"), false, unsigned_values);
  if (!unsigned_values.issuer_fingerprint.empty()) set_once(body, signature.issuer_fingerprint, unsigned_values.issuer_fingerprint);
  if (!unsigned_values.issuer_key_id.empty()) set_once(body, signature.issuer_key_id, unsigned_values.issuer_key_id);
  body.take(2, "start of the hash");
  if (body.left() == 0) fail(body, "the signature itself is missing");
  while (body.left() != 0) signature.number_bytes = std::max(signature.number_bytes, read_mpi(body, "signature").size());
  if (!signature.created) fail(reader, "the signature does not say when it was made");
  if (!signature.issuer_fingerprint.empty()) {
    const std::string key_id = signature.issuer_fingerprint.substr(24);
    if (signature.issuer_key_id.empty()) signature.issuer_key_id = key_id;
    if (signature.issuer_key_id != key_id) fail(reader, fmt::format("the issuer's key ID {} is not that of its fingerprint {}", signature.issuer_key_id, signature.issuer_fingerprint));
  }
  return signature;
}

std::size_t salt_bytes(PgpHash hash) noexcept {
  return hash == PgpHash::sha512 ? 32 : hash == PgpHash::sha384 ? 24 : 16;
}

Bytes PgpSignatureTemplate::hashed_part() const {
  SIFKIT_CHECK(fingerprint.size() == 20);
  Bytes area;
  const auto subpacket = [&area](unsigned type, ByteView value) {
    put_be(area, static_cast<std::uint32_t>(value.size() + 1), 1);
    put_be(area, type, 1);
    append(area, value);
  };
  Bytes time;
  put_be(time, created, 4);
  subpacket(0x80 | kCreationTime, time);
  subpacket(kIssuer, ByteView(fingerprint).last(8));
  if (salt) {
    Bytes notation;
    put_be(notation, 0, 4);
    put_be(notation, static_cast<std::uint32_t>(kSaltNotation.size()), 2);
    put_be(notation, static_cast<std::uint32_t>(salt->size()), 2);
    append(notation, as_bytes(kSaltNotation));
    append(notation, *salt);
    subpacket(kNotation, notation);
  }
  Bytes issuer;
  put_be(issuer, 4, 1);
  append(issuer, fingerprint);
  subpacket(kIssuerFingerprint, issuer);

  Bytes out;
  put_be(out, 4, 1);
  put_be(out, 1, 1);  // a signature over text
  put_be(out, static_cast<std::uint8_t>(algorithm), 1);
  put_be(out, static_cast<std::uint8_t>(hash), 1);
  put_be(out, static_cast<std::uint32_t>(area.size()), 2);
  append(out, area);
  return out;
}

Bytes PgpSignatureTemplate::to_be_signed(std::string_view canonical_text) const {
  const auto hashed = hashed_part();
  Bytes out;
  append(out, as_bytes(canonical_text));
  append(out, hashed);
  append(out, pgp_trailer(hashed.size()));
  return out;
}

Bytes PgpSignatureTemplate::packet(ByteView digest, ByteView mpis) const {
  Bytes body = hashed_part();
  put_be(body, 0, 2);  // nothing unhashed
  append(body, digest.first(2));
  append(body, mpis);

  Bytes out;
  put_be(out, 0xc2, 1);
  const auto size = static_cast<std::uint32_t>(body.size());
  if (size < 192) {
    put_be(out, size, 1);
  } else if (size < 8384) {
    put_be(out, 192 + ((size - 192) >> 8), 1);
    put_be(out, (size - 192) & 0xff, 1);
  } else {
    put_be(out, 255, 1);
    put_be(out, size, 4);
  }
  append(out, body);
  return out;
}

Bytes pgp_mpi(ByteView big_endian) {
  while (!big_endian.empty() && big_endian[0] == std::byte{0}) big_endian = big_endian.subspan(1);
  std::uint32_t bits = 0;
  if (!big_endian.empty()) {
    bits = static_cast<std::uint32_t>(big_endian.size() * 8);
    for (unsigned top = std::to_integer<unsigned>(big_endian[0]); (top & 0x80) == 0; top <<= 1) --bits;
  }
  Bytes out;
  put_be(out, bits, 2);
  append(out, big_endian);
  return out;
}

}  // namespace sifkit::trust
