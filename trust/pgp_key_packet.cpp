// SPDX-License-Identifier: Apache-2.0
#include "pgp_key_packet.h"

#include <algorithm>
#include <array>
#include <bit>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "pgp_crypto.h"

namespace sifkit::trust {

namespace {

using namespace std::string_view_literals;

constexpr std::array<PgpCurve, 9> kCurves{{
    {"\x2a\x86\x48\xce\x3d\x03\x01\x07"sv, "NIST P-256", "prime256v1", 256, PgpHash::sha256},
    {"\x2b\x81\x04\x00\x22"sv, "NIST P-384", "secp384r1", 384, PgpHash::sha384},
    {"\x2b\x81\x04\x00\x23"sv, "NIST P-521", "secp521r1", 521, PgpHash::sha512},
    {"\x2b\x24\x03\x03\x02\x08\x01\x01\x07"sv, "brainpoolP256r1", "brainpoolP256r1", 256, PgpHash::sha256},
    {"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b"sv, "brainpoolP384r1", "brainpoolP384r1", 384, PgpHash::sha384},
    {"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d"sv, "brainpoolP512r1", "brainpoolP512r1", 512, PgpHash::sha512},
    {"\x2b\x81\x04\x00\x0a"sv, "secp256k1", "secp256k1", 256, PgpHash::sha256},
    {"\x2b\x06\x01\x04\x01\xda\x47\x0f\x01"sv, "Ed25519", nullptr, 255, PgpHash::sha256},
    {"\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01"sv, "Curve25519", nullptr, 255, PgpHash::sha256},
}};

constexpr std::size_t kMaxPublicPart = 0xffff;  ///< what a fingerprint can be made of
constexpr unsigned kUsageHashed = 254;
constexpr unsigned kUsageSummed = 255;
constexpr unsigned kGnuS2k = 101;  ///< GnuPG's mark of a secret that is elsewhere
constexpr unsigned kGnuDummy = 1;
constexpr unsigned kGnuCard = 2;

Bytes sized(ByteReader& reader, std::string_view what) {
  const auto bytes = reader.take(read_octet(reader, what), what);
  return {bytes.begin(), bytes.end()};
}

/// RFC 9580, section 5.5.5.
void read_numbers(ByteReader& body, PgpKeyPacket& key) {
  switch (static_cast<PgpAlgorithm>(key.algorithm)) {
    case PgpAlgorithm::rsa:
    case PgpAlgorithm::rsa_encrypt:
    case PgpAlgorithm::rsa_sign:
      key.modulus = read_mpi(body, "modulus");
      key.exponent = read_mpi(body, "exponent");
      return;
    case PgpAlgorithm::elgamal:
    case PgpAlgorithm::dsa:
      key.modulus = read_mpi(body, "prime");
      if (key.algorithm == static_cast<std::uint8_t>(PgpAlgorithm::dsa)) key.order = read_mpi(body, "group order");
      key.generator = read_mpi(body, "generator");
      key.exponent = read_mpi(body, "public number");
      return;
    case PgpAlgorithm::ecdh:
    case PgpAlgorithm::ecdsa:
    case PgpAlgorithm::eddsa:
      key.curve_oid = sized(body, "curve");
      key.point = read_mpi(body, "public point");
      if (key.algorithm == static_cast<std::uint8_t>(PgpAlgorithm::ecdh)) sized(body, "key derivation");
      return;
  }
  throw Error(ErrorKind::unsupported,
              fmt::format("uses the OpenPGP algorithm {}, which is not known here", key.algorithm));
}

/// Behind the public part of a secret key (RFC 9580, section 5.5.3).
SecretState secret_state(ByteReader body) {
  const auto usage = read_octet(body, "protection");
  if (usage == 0) return SecretState::open;
  if (usage != kUsageHashed && usage != kUsageSummed) return SecretState::locked;
  body.skip(1, "cipher");
  if (read_octet(body, "key derivation") != kGnuS2k) return SecretState::locked;
  body.skip(1, "hash");
  if (as_text(body.take(3, "GnuPG's mark")) != "GNU") return SecretState::locked;
  const auto kind = read_octet(body, "GnuPG's mark");
  return kind == kGnuDummy ? SecretState::left_out : kind == kGnuCard ? SecretState::on_card : SecretState::locked;
}

bool is_secret_key_tag(unsigned tag) { return tag == kSecretKeyTag || tag == kSecretSubkeyTag; }

struct OpenedKey {
  PgpKeyParts parts;
  ByteReader rest;  ///< behind the public part
};

OpenedKey open(const PgpPacket& packet) {
  OpenedKey out{{}, ByteReader(packet.body, "OpenPGP key")};
  auto& body = out.rest;
  const unsigned version = read_octet(body, "version");
  if (version != 4)
    throw Error(ErrorKind::unsupported, fmt::format("is of version {}, which is not known here", version));
  auto& key = out.parts.key;
  key.created = pgp_number(body.take(4, "creation time"));
  key.algorithm = static_cast<std::uint8_t>(read_octet(body, "key algorithm"));
  read_numbers(body, key);
  const auto part = packet.body.first(body.offset());
  if (part.size() > kMaxPublicPart)
    throw Error(ErrorKind::limit, fmt::format("OpenPGP key: its numbers have {} bytes, over the limit of {}",
                                              part.size(), kMaxPublicPart));
  out.parts.public_part.assign(part.begin(), part.end());
  out.parts.fingerprint = to_upper_hex(key_fingerprint(part));
  return out;
}

}  // namespace

const PgpCurve* pgp_curve(ByteView oid) noexcept {
  const auto* const found =
      std::find_if(kCurves.begin(), kCurves.end(), [&](const PgpCurve& curve) { return curve.oid == as_text(oid); });
  return found == kCurves.end() ? nullptr : found;
}

std::string_view secret_place(SecretState state) noexcept {
  return state == SecretState::on_card ? "on a smartcard, which is not asked" : "left out";
}

std::string_view PgpKeyPacket::algorithm_name() const noexcept {
  switch (static_cast<PgpAlgorithm>(algorithm)) {
    case PgpAlgorithm::rsa:
    case PgpAlgorithm::rsa_encrypt:
    case PgpAlgorithm::rsa_sign:
      return "RSA";
    case PgpAlgorithm::elgamal:
      return "ELGAMAL";
    case PgpAlgorithm::dsa:
      return "DSA";
    case PgpAlgorithm::ecdh:
      return "ECDH";
    case PgpAlgorithm::ecdsa:
      return "ECDSA";
    case PgpAlgorithm::eddsa:
      return "EDDSA";
  }
  return {};
}

unsigned PgpKeyPacket::bits() const noexcept {
  if (curve_oid.empty()) {
    // Zeros in front, which a number may not have (RFC 9580, section 3.2), make it no stronger.
    const auto first = std::find_if(modulus.begin(), modulus.end(), [](std::byte b) { return b != std::byte{0}; });
    return first == modulus.end()
               ? 0
               : static_cast<unsigned>((modulus.end() - first - 1) * 8) +
                     static_cast<unsigned>(std::bit_width(std::to_integer<unsigned>(*first)));
  }
  const PgpCurve* const curve = pgp_curve(curve_oid);
  return curve == nullptr ? 0 : curve->bits;
}

std::string PgpKeyPacket::text() const {
  const PgpCurve* const curve = pgp_curve(curve_oid);
  if (curve == nullptr)
    return bits() == 0 ? std::string(algorithm_name()) : fmt::format("{} {}", algorithm_name(), bits());
  return curve->openssl == nullptr ? std::string(curve->name) : fmt::format("{} {}", algorithm_name(), curve->bits);
}

PgpKeyParts parse_key_packet(const PgpPacket& packet) {
  auto [parts, rest] = open(packet);
  if (is_secret_key_tag(packet.tag)) {
    parts.secret = secret_state(rest);
  } else if (rest.left() != 0) {
    throw Error(ErrorKind::malformed, fmt::format("OpenPGP key: {} bytes behind its numbers", rest.left()));
  }
  return std::move(parts);
}

PgpKeyPacket parse_secret_key_packet(ByteView packets) {
  ByteReader reader(packets, "OpenPGP key");
  const auto packet = read_packet(reader);
  if (!is_secret_key_tag(packet.tag)) {
    throw Error(ErrorKind::malformed, fmt::format("expected a secret key packet (tag 5 or 7), got tag {}", packet.tag));
  }
  auto [parts, rest] = open(packet);
  const auto algorithm = static_cast<PgpAlgorithm>(parts.key.algorithm);
  if (algorithm != PgpAlgorithm::rsa && algorithm != PgpAlgorithm::ecdsa && algorithm != PgpAlgorithm::eddsa) {
    throw Error(
        ErrorKind::unsupported,
        fmt::format("keys of OpenPGP algorithm {} cannot sign images (RSA, ECDSA and EdDSA can)", parts.key.algorithm));
  }
  if (read_octet(rest, "protection") != 0) throw Error(ErrorKind::malformed, "OpenPGP key: the secret key is still locked");
  parts.key.secret = read_mpi(rest, "secret number");
  return std::move(parts.key);
}

}  // namespace sifkit::trust
