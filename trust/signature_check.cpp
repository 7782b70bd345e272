// SPDX-License-Identifier: Apache-2.0
#include "signature_check.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "clearsign.h"
#include "dsse.h"
#include "validation_time.h"
#include "pgp_packet.h"
#include "trusted_keys_impl.h"

namespace sifkit::trust {

using namespace sif;

namespace {

constexpr std::string_view kLegacyStart = "SIFHASH:\n";
constexpr unsigned kBinarySignature = 0;
constexpr unsigned kTextSignature = 1;

[[noreturn]] void tampered(std::string_view why) { throw Error(ErrorKind::tampered, std::string(why)); }
/// What a maker may have written and is not accepted here: whether it holds is not asked.
[[noreturn]] void unsupported(std::string_view why) { throw Error(ErrorKind::unsupported, std::string(why)); }
[[noreturn]] void untrusted(std::string_view why) { throw Error(ErrorKind::untrusted, std::string(why)); }

SignatureInfo info_of(const Descriptor& object) {
  const auto info = object.signature();
  if (!info || info->hash < HashType::sha256 || info->hash > HashType::blake2b_256) tampered("hash algorithm unsupported");
  return *info;
}

/// Who has made one signature of an envelope. A key that the signature names and that did not make it is a forgery.
Signer signer_of(const DsseEnvelope::Signature& signature, ByteView message, const std::vector<TrustedKey>& keys, bool& forged) {
  Signer signer;
  signer.key = signature.key_id;
  for (const auto& candidate : keys) {
    const bool named = signature.key_id == candidate.key.key_id();
    if (!named && !signature.key_id.empty()) continue;
    const bool valid = candidate.key.verify(message, signature.value);
    forged = forged || (named && !valid);
    if (!named && !valid) continue;
    signer = {candidate.key.key_id(), candidate.name, candidate.key.algorithm(), candidate.ring, candidate.expires, {}, valid, candidate.certified, candidate.sizes};
    if (valid) break;
  }
  return signer;
}

std::string check_envelope(const DsseEnvelope& envelope, const std::vector<TrustedKey>& keys, SignatureReport& report) {
  const Bytes message = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  bool forged = false;
  bool valid = false;
  for (const auto& signature : envelope.signatures) {
    report.signers.push_back(signer_of(signature, message, keys, forged));
    valid = valid || report.signers.back().valid;
  }
  if (forged) tampered("the signature does not match its text");
  if (!valid) untrusted(keys.empty() ? "no PEM key to verify with" : "made by none of the given keys");
  return envelope.payload;
}

void check_packet(const PgpSignature& packet) {
  if (packet.key_subpacket != 0)
    unsupported(fmt::format("subpacket {} is for signatures over keys", packet.key_subpacket));
  if (!is_strong_pgp_hash(packet.hash))
    unsupported(fmt::format("signed over {}, which is too weak", pgp_hash_name(packet.hash)));
  if (packet.type != kTextSignature) {
    unsupported(fmt::format("signature of type {:#04x}{} (expected text, {:#04x})", packet.type,
                            packet.type == kBinarySignature ? ", binary" : "", kTextSignature));
  }
}

void check_times(const PgpSignature& packet, std::int64_t validation_time) {
  if (packet.created && *packet.created > validation_time) {
    untrusted(fmt::format("the signature is from the future: made {}, the time is {}", time_text(*packet.created), time_text(validation_time)));
  }
  if (packet.created && packet.lifetime != 0 && *packet.created + packet.lifetime < validation_time) {
    untrusted(fmt::format("the signature has expired on {}", time_text(*packet.created + packet.lifetime)));
  }
}

std::string check_clear_signed(const ClearSigned& message, const Descriptor& object, const TrustedKeys::Impl& keys, SignatureReport& report) {
  const PgpSignature packet = parse_signature_packet(message.packets);
  auto& signer = report.signers.emplace_back();
  signer.key = packet.issuer_fingerprint.empty() ? packet.issuer_key_id : packet.issuer_fingerprint;
  report.hash = pgp_hash_name(packet.hash);
  report.created = packet.created;
  check_packet(packet);
  PgpOutcome outcome;
  outcome.reason = keys.rings.empty() ? "no PGP key to verify with" : "made by a key that is not there";
  for (const auto& ring : keys.rings) {
    PgpOutcome here = ring.verify(message);
    if (here.status == PgpOutcome::Status::unknown_key) continue;
    // One ring may hold an older copy of the key, and another know that it is revoked.
    if (outcome.status == PgpOutcome::Status::valid && here.status == PgpOutcome::Status::valid) continue;
    signer = {here.fingerprint, here.user_id, here.algorithm, ring.name(), here.expires, here.revoked, false, false, here.sizes};
    outcome = std::move(here);
    if (outcome.status != PgpOutcome::Status::valid) break;
  }
  if (outcome.status == PgpOutcome::Status::invalid) tampered(outcome.reason);
  // Of a key that is not there that is what matters. One that is there may be younger than the time, as its signature is.
  if (outcome.status != PgpOutcome::Status::unknown_key) check_times(packet, validation_time_or_now(keys.at));
  if (outcome.status != PgpOutcome::Status::valid) untrusted(outcome.reason);
  if (to_upper_hex(info_of(object).fingerprint) != outcome.fingerprint) tampered("fingerprint in descriptor does not correspond to signing entity");
  signer.valid = true;
  return message.text;
}

}  // namespace

bool is_legacy_text(std::string_view text) noexcept { return text.starts_with(kLegacyStart); }

bool is_legacy_signature(const Image& image, const Descriptor& object, const Limits& limits) {
  try {
    const Bytes bytes = image.read_data(object, limits.signature_bytes);
    return looks_clear_signed(as_text(bytes)) && is_legacy_text(parse_clear_signed(as_text(bytes)).text);
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    return false;
  }
}

SignedText check_signature(const Image& image, const Descriptor& object, const TrustedKeys::Impl& keys, const Limits& limits) {
  SignedText out;
  auto& report = out.report;
  report.id = object.id;
  (object.links_group() ? report.group : report.object) = object.link();
  report.format = "unknown";
  try {
    const Bytes bytes = image.read_data(object, limits.signature_bytes);
    const auto text = as_text(bytes);
    if (looks_like_envelope(text)) {
      report.format = "DSSE";
      report.hash = "SHA256";
      info_of(object);
      const auto envelope = parse_envelope(text, limits.signatures);
      out.kind = SignatureKind::metadata;
      out.text = check_envelope(envelope, keys.asymmetric, report);
    } else if (looks_clear_signed(text)) {
      report.format = "PGP";
      const ClearSigned message = parse_clear_signed(text);
      report.legacy = is_legacy_text(message.text);
      out.has_armor_headers = message.has_armor_headers;
      out.kind = report.legacy ? SignatureKind::legacy : SignatureKind::metadata;
      info_of(object);
      out.text = check_clear_signed(message, object, keys, report);
    } else {
      tampered("signature format not recognized");
    }
    report.verdict = Verdict::valid;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::io) throw;
    report.verdict = error.kind() == ErrorKind::untrusted     ? Verdict::untrusted
                     : error.kind() == ErrorKind::unsupported ? Verdict::unsupported
                     : image.is_cut_short(object)             ? Verdict::incomplete
                                                              : Verdict::tampered;
    report.reason = error.message();
  }
  return out;
}

}  // namespace sifkit::trust
