// SPDX-License-Identifier: Apache-2.0
#include "key_blocks.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "armor.h"
#include "key_format.h"
#include "ossl.h"
#include "pgp_key_packet.h"
#include "rnp_functions.h"
#include "transferable_key.h"

namespace sifkit::trust {

namespace {

bool is_primary_tag(unsigned tag) { return tag == kSecretKeyTag || tag == kPublicKeyTag; }
bool is_key_tag(unsigned tag) { return is_primary_tag(tag) || tag == kSecretSubkeyTag || tag == kPublicSubkeyTag; }

/// Empty for kinds that are not known.
std::string fingerprint_of(const PgpPacket& packet) {
  try {
    return parse_key_packet(packet).fingerprint;
  } catch (const Error&) {
    return {};
  }
}

/// NIST SP 800-56B revision 2, table 4, for numbers of RSA's kind, which count as the row below them; half the size of
/// a curve.
unsigned strength_of(const PgpKeyPacket& key) {
  if (!key.curve_oid.empty()) return (key.bits() + 1) / 2;
  static constexpr std::array<std::pair<unsigned, unsigned>, 6> kRows{
      {{8192, 200}, {6144, 176}, {4096, 152}, {3072, 128}, {2048, 112}, {1024, 80}}};
  const auto* const row =
      std::find_if(kRows.begin(), kRows.end(), [&](const auto& r) { return key.bits() >= r.first; });
  return row == kRows.end() ? 40 : row->second;
}

std::string problem_of(const CertificateStanding& standing, const PgpKeyInfo& info, std::int64_t now) {
  if (const auto why = standing.primary.refusal(now); !why.empty()) return why;
  const auto signers = standing.signers(now);
  if (signers.empty() && info.can_sign) {
    const auto subkey = std::find_if(standing.subkeys.begin(), standing.subkeys.end(),
                                     [](const KeyStanding& key) { return key.can_sign; });
    return fmt::format("is not for signing, and its subkey {} {}", subkey->fingerprint(), subkey->refusal(now));
  }
  if (signers.empty()) return "is not for signing";
  if (info.part == KeyPart::public_key ||
      std::any_of(signers.begin(), signers.end(), [](const KeyStanding* key) { return has_secret(key->parts.secret); }))
    return {};
  return fmt::format("has its secret {}", secret_place(signers.front()->parts.secret));
}

void fill(PgpKeyInfo& info, const CertificateStanding& standing, std::int64_t now) {
  const auto& [key, public_part, fingerprint, secret] = standing.primary.parts;
  info.fingerprint = fingerprint;
  info.algorithm = key.algorithm_name();
  if (const PgpCurve* const curve = pgp_curve(key.curve_oid)) info.curve = curve->name;
  info.bits = key.bits();
  info.security_bits = strength_of(key);
  info.created = key.created;
  info.expires = standing.primary.expires;
  const auto is_locked = [](const KeyStanding& one) { return one.parts.secret == SecretState::locked; };
  const auto is_open = [](const KeyStanding& one) { return one.parts.secret == SecretState::open; };
  const auto can_sign = [](const KeyStanding& one) { return one.can_sign && one.fault.empty(); };
  info.locked = is_locked(standing.primary) || std::any_of(standing.subkeys.begin(), standing.subkeys.end(), is_locked);
  info.open = is_open(standing.primary) || std::any_of(standing.subkeys.begin(), standing.subkeys.end(), is_open);
  info.can_sign = standing.primary.can_sign || std::any_of(standing.subkeys.begin(), standing.subkeys.end(), can_sign);
  for (const auto& id : standing.user_ids) (id.revoked ? info.revoked_user_ids : info.user_ids).push_back(id.text);
  for (const auto& subkey : standing.subkeys) {
    if (subkey.fault.empty()) info.subkeys.push_back(subkey.fingerprint());
  }
  info.problem = problem_of(standing, info, now);
}

KeyBlock make_block(Bytes bytes, KeyPart part) {
  KeyBlock block{std::move(bytes), {}};
  block.info = describe_key({block.bytes, part, {}}, nullptr);
  return block;
}

}  // namespace

Bytes without_armor(ByteView keys, std::string_view name) {
  if (keys.size() > kMaxRingBytes) {
    throw Error(ErrorKind::limit, fmt::format("{}: {} bytes of keys are over the limit of {}", printable(name),
                                              keys.size(), kMaxRingBytes));
  }
  refuse_other_key_formats(keys, name);
  // The first bit of every packet is set, so no binary ring begins like text.
  if (keys.empty() || std::to_integer<unsigned>(keys[0]) >= 0x80) return {keys.begin(), keys.end()};
  auto packets = read_armor(as_text(keys), name);
  if (!packets.empty()) return packets;
  if (as_text(keys).find("-----BEGIN ") != std::string_view::npos) {
    throw Error(ErrorKind::unsupported, fmt::format("{} is PEM where OpenPGP keys were expected", in_quotes(name)),
                Advice::pem_key);
  }
  throw Error(ErrorKind::malformed, fmt::format("{}: expected OpenPGP keys, armored or binary", printable(name)));
}

bool is_lone_signature(ByteView packets, std::string_view name) {
  ByteReader reader(packets, printable(name));
  return reader.left() != 0 && read_packet(reader).tag == kSignatureTag;
}

std::vector<PlacedKey> place_keys(ByteView packets, std::string_view name) {
  std::vector<PlacedKey> keys;
  std::size_t start = 0;
  ByteReader reader(packets, std::string(name));
  while (reader.left() != 0) {
    const auto at = reader.offset();
    const auto packet = read_packet(reader);
    if (is_primary_tag(packet.tag)) {
      if (keys.size() == kMaxKeys)
        throw Error(ErrorKind::limit, fmt::format("{}: more keys than the limit of {}", printable(name), kMaxKeys));
      keys.push_back({{}, packet.tag == kSecretKeyTag ? KeyPart::secret_key : KeyPart::public_key, {}});
      start = at;
    } else if (keys.empty()) {
      if (packet.tag == kMarkerTag) continue;
      throw Error(ErrorKind::malformed,
                  fmt::format("{}: offset {}: expected a key, found an OpenPGP packet with tag {}", printable(name), at,
                              packet.tag));
    }
    if (is_key_tag(packet.tag)) {
      auto fingerprint = fingerprint_of(packet);
      if (is_primary_tag(packet.tag) || !fingerprint.empty())
        keys.back().fingerprints.push_back(std::move(fingerprint));
    }
    keys.back().bytes = packets.subspan(start, reader.offset() - start);
    if (keys.back().bytes.size() > kMaxKeyBytes) {
      throw Error(ErrorKind::limit,
                  fmt::format("{}: the key at offset {} has more bytes than the limit of {}", printable(name), start,
                              kMaxKeyBytes),
                  "gpg --export-options export-minimal leaves out what others have signed");
    }
  }
  return keys;
}

RevokerSource revokers_in(std::span<const PlacedKey> ring) {
  using Found = std::map<std::string, ByteView, std::less<>>;
  return [ring, found = std::make_shared<Found>()](const std::string& fingerprint) -> std::optional<PgpKeyPacket> {
    if (found->empty()) {
      for (const auto& key : ring) found->emplace(key.fingerprints.front(), key.bytes);
    }
    const auto place = found->find(fingerprint);
    if (place == found->end()) return std::nullopt;
    ByteReader reader(place->second, "OpenPGP key");
    return parse_key_packet(read_packet(reader)).key;
  };
}

PgpKeyInfo describe_key(const PlacedKey& key, const RevokerSource& revokers) {
  PgpKeyInfo info;
  info.part = key.part;
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  try {
    fill(info, judge(key.bytes, now, revokers), now);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unsupported && error.kind() != ErrorKind::malformed &&
        error.kind() != ErrorKind::limit)
      throw;
    info = {};
    info.part = key.part;
    info.problem = error.kind() == ErrorKind::unsupported ? error.message() : "cannot be read: " + error.message();
  }
  return info;
}

std::vector<KeyBlock> split_keys(ByteView packets, std::string_view name) {
  const auto keys = place_keys(packets, name);
  const auto revokers = revokers_in(keys);
  std::vector<KeyBlock> blocks;
  for (const auto& key : keys) blocks.push_back({{key.bytes.begin(), key.bytes.end()}, describe_key(key, revokers)});
  return blocks;
}

KeyBlock public_half(const KeyBlock& block) {
  const auto key = take_apart(block.bytes);
  Bytes out;
  const auto append = [&out](const KeyComponent& component) {
    const auto& [tag, body, whole] = component.packet;
    if (tag == kSecretKeyTag || tag == kSecretSubkeyTag) {
      append_key_packet(out, tag == kSecretKeyTag ? kPublicKeyTag : kPublicSubkeyTag,
                        parse_key_packet({tag, body}).public_part);
    } else {
      out.insert(out.end(), whole.begin(), whole.end());
    }
    for (const auto& signature : component.signatures)
      out.insert(out.end(), signature.whole.begin(), signature.whole.end());
  };
  append(key.primary);
  for (const auto& user_id : key.user_ids) append(user_id);
  for (const auto& subkey : key.subkeys) {
    // Of a kind that is not known nobody can tell where its secret begins.
    if (!subkey.fingerprint.empty() || subkey.packet.tag == kPublicSubkeyTag) append(subkey);
  }
  return make_block(std::move(out), KeyPart::public_key);
}

void require_key_size(std::size_t bytes, std::string_view fingerprint) {
  if (bytes > kMaxKeyBytes) {
    throw Error(ErrorKind::limit,
                fmt::format("the key {} would have {} bytes, over the limit of {}", fingerprint, bytes, kMaxKeyBytes));
  }
}

std::optional<KeyBlock> merged(const KeyBlock& old, ByteView fresh) {
  Bytes both;
  const Wiper both_wiper(both);
  both.reserve(old.bytes.size() + fresh.size());
  both.insert(both.end(), old.bytes.begin(), old.bytes.end());
  both.insert(both.end(), fresh.begin(), fresh.end());
  const auto before = take_apart(old.bytes);
  auto key = take_apart(both);
  // Of a kind that is not known a secret comes locked anew every time: whether it is there already nobody can tell.
  const auto is_unknown = [](const KeyComponent& subkey) {
    return subkey.fingerprint.empty() && subkey.packet.tag == kSecretSubkeyTag;
  };
  if (std::any_of(before.subkeys.begin(), before.subkeys.end(), is_unknown)) {
    const auto added = key.subkeys.begin() + static_cast<std::ptrdiff_t>(before.subkeys.size());
    key.subkeys.erase(std::remove_if(added, key.subkeys.end(), is_unknown), key.subkeys.end());
  }
  auto out = put_together(key);
  Bytes same = put_together(before);
  const Wiper same_wiper(same);
  if (out == same) {
    wipe(out);
    return std::nullopt;
  }
  require_key_size(out.size(), old.info.fingerprint);
  return make_block(std::move(out), old.info.part);
}

std::string armored(const KeyBlock& block) {
  return write_armor(block.bytes, block.info.part == KeyPart::secret_key ? kSecretKeyLabel : kPublicKeyLabel);
}

std::string_view to_string(KeyPart part) noexcept { return part == KeyPart::public_key ? "public" : "secret"; }

std::string pgp_library_version() { return rnp_version_string(); }

std::vector<PgpKeyInfo> read_pgp_keys(ByteView keys, std::string_view name) {
  std::vector<PgpKeyInfo> out;
  for (auto& block : split_keys(without_armor(keys, name), name)) out.push_back(std::move(block.info));
  return out;
}

}  // namespace sifkit::trust
