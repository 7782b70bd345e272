// SPDX-License-Identifier: Apache-2.0
#include "pgp_key_signature.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "pgp_crypto.h"
#include "pgp_subpacket.h"

namespace sifkit::trust {

namespace {

constexpr unsigned kRevokerClass = 0x80;

void read_subpacket(const PgpSubpacket& subpacket, bool hashed, PgpKeySignature& signature) {
  const auto [type, critical, value] = subpacket;
  const auto require = [type = type, value = value](bool right) {
    if (!right) throw Error(ErrorKind::malformed, fmt::format("subpacket {} has {} bytes", type, value.size()));
  };
  // Anybody could have put the rest there.
  if (!hashed && type != kIssuer && type != kIssuerFingerprint && type != kEmbeddedSignature) return;
  switch (type) {
    case kCreationTime:
      require(value.size() == 4 && !signature.created);
      signature.created = pgp_number(value);
      break;
    case kSignatureLifetime:
      require(value.size() == 4);
      signature.lifetime = pgp_number(value);
      break;
    case kKeyLifetime:
      require(value.size() == 4);
      signature.key_lifetime = pgp_number(value);
      break;
    case kKeyFlags:
      signature.key_flags = value.empty() ? std::uint8_t{0} : std::to_integer<std::uint8_t>(value[0]);
      break;
    case kPrimaryUserId:
      require(value.size() == 1);
      signature.primary_user_id = value[0] != std::byte{0};
      break;
    case kIssuer:
      require(value.size() == 8);
      signature.issuers.push_back(to_upper_hex(value));
      break;
    case kIssuerFingerprint:
      require(!value.empty());
      signature.issuers.push_back(to_upper_hex(value.subspan(1)));
      break;
    case kRevocationKey:
      require(value.size() == 22);
      if ((std::to_integer<unsigned>(value[0]) & kRevokerClass) != 0)
        signature.revokers.push_back(to_upper_hex(value.subspan(2)));
      break;
    case kRevocationReason:
      require(!value.empty());
      signature.revocation_code = std::to_integer<std::uint8_t>(value[0]);
      signature.revocation_reason = as_text(value.subspan(1));
      break;
    case kEmbeddedSignature:
      if (signature.back_signature.empty()) signature.back_signature.assign(value.begin(), value.end());
      break;
    case kExportable:
    case kTrust:
    case kRevocable:
    case kPreferredCiphers:
    case kPreferredHashes:
    case kPreferredCompression:
    case kKeyserverPreferences:
    case kPreferredKeyserver:
    case kPolicyUri:
    case kSignersUserId:
    case kFeatures:
    case kPreferredAead:
    case kPreferredAeadSuites:
      break;
    default:
      if (critical)
        signature.obstacle = fmt::format("the subpacket {} in it is critical and not known here", type);
  }
}

void read_subpackets(ByteView area, bool hashed, PgpKeySignature& signature) {
  ByteReader reader(area, "signature subpackets");
  while (const auto subpacket = next_subpacket(reader)) read_subpacket(*subpacket, hashed, signature);
}

}  // namespace

std::optional<PgpKeySignature> parse_key_signature(ByteView packet_body) {
  PgpKeySignature out;
  try {
    ByteReader body(packet_body, "OpenPGP signature");
    if (body.take(1, "version")[0] != std::byte{4}) return std::nullopt;
    out.type = std::to_integer<std::uint8_t>(body.take(1, "signature type")[0]);
    body.skip(1, "key algorithm");
    out.hash = std::to_integer<std::uint8_t>(body.take(1, "hash algorithm")[0]);
    read_subpackets(body.take(pgp_number(body.take(2, "hashed area")), "hashed area"), true, out);
    const auto hashed = packet_body.first(body.offset());
    out.hashed_part.assign(hashed.begin(), hashed.end());
    read_subpackets(body.take(pgp_number(body.take(2, "unhashed area")), "unhashed area"), false, out);
    const auto start = body.take(2, "start of the hash");
    out.digest_start.assign(start.begin(), start.end());
    while (body.left() != 0) out.numbers.push_back(read_mpi(body, "signature"));
  } catch (const Error&) {
    return std::nullopt;
  }
  return out;
}

bool PgpKeySignature::may_be_by(std::string_view fingerprint) const {
  return std::all_of(issuers.begin(), issuers.end(),
                     [&](const std::string& issuer) { return fingerprint.ends_with(issuer); });
}

bool PgpKeySignature::is_by(const PgpKeyPacket& key, std::initializer_list<ByteView> covered) const {
  const EVP_MD* const function = pgp_hash_function(hash);
  if (function == nullptr || key.algorithm != std::to_integer<std::uint8_t>(hashed_part.at(2))) return false;
  Bytes message;
  const auto append = [&](ByteView more) { message.insert(message.end(), more.begin(), more.end()); };
  for (const auto part : covered) append(part);
  append(hashed_part);
  append(pgp_trailer(hashed_part.size()));
  const auto digest = pgp_digest(function, {message});
  return std::equal(digest_start.begin(), digest_start.end(), digest.begin()) && verifies(key, hash, digest, numbers);
}

}  // namespace sifkit::trust
