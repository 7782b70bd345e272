// SPDX-License-Identifier: Apache-2.0
#include "transferable_key.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "pgp_key_packet.h"

namespace sifkit::trust {

namespace {

constexpr unsigned kFirstNotCriticalTag = 40;

/// Nothing for kinds of keys that are not known.
std::optional<PgpKeyParts> parts_of(const PlacedPacket& packet) {
  try {
    return parse_key_packet({packet.tag, packet.body});
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Of two packets of one key the one that holds more of its secret: the secret itself, then where it is, then nothing.
/// Among equals the first is kept: a secret that is locked anew has other bytes every time.
unsigned secret_rank(const PlacedPacket& packet, const std::optional<PgpKeyParts>& parts) {
  if (packet.tag != kSecretKeyTag && packet.tag != kSecretSubkeyTag) return 0;
  return parts && has_secret(parts->secret) ? 2 : 1;
}

/// Puts packets where they belong; what is there already is found without looking through the rest, for keys are
/// hostile.
class Assembly {
 public:
  void primary(const PlacedPacket& packet) {
    auto& there = out_.primary.packet;
    const auto rank = secret_rank(packet, parts_of(packet));
    if (there.tag == 0 || rank > primary_rank_) {
      there = packet;
      primary_rank_ = rank;
    }
    current_ = {Section::primary, 0};
  }

  void user_id(const PlacedPacket& packet) {
    const auto [place, fresh] = user_ids_.try_emplace({packet.tag, as_text(packet.body)}, out_.user_ids.size());
    if (fresh) out_.user_ids.push_back({packet, {}, {}});
    current_ = {Section::user_id, place->second};
  }

  void subkey(const PlacedPacket& packet) {
    const auto parts = parts_of(packet);
    const auto rank = secret_rank(packet, parts);
    // One of a kind that is not known is itself only where all its bytes are the same.
    const auto [place, fresh] =
        subkeys_.try_emplace(parts ? parts->fingerprint : std::string(as_text(packet.whole)), out_.subkeys.size());
    const auto at = place->second;
    if (fresh) {
      out_.subkeys.push_back({packet, {}, parts ? parts->fingerprint : std::string()});
      subkey_ranks_.push_back(rank);
    } else if (rank > subkey_ranks_[at]) {
      out_.subkeys[at].packet = packet;
      subkey_ranks_[at] = rank;
    }
    current_ = {Section::subkey, at};
  }

  void signature(const PlacedPacket& packet) {
    const auto [section, at] = current_;
    if (section == Section::none || !signatures_.insert({section, at, as_text(packet.body)}).second) return;
    auto& component = section == Section::primary   ? out_.primary
                      : section == Section::user_id ? out_.user_ids[at]
                                                    : out_.subkeys[at];
    component.signatures.push_back(packet);
  }

  void unknown() { current_ = {Section::none, 0}; }

  TransferableKey result() { return std::move(out_); }

 private:
  enum class Section : std::uint8_t { none, primary, user_id, subkey };

  TransferableKey out_;
  std::pair<Section, std::size_t> current_{Section::none, 0};  ///< that signatures belong to
  std::map<std::pair<unsigned, std::string_view>, std::size_t> user_ids_;
  std::map<std::string, std::size_t> subkeys_;  ///< by fingerprint
  unsigned primary_rank_ = 0;
  std::vector<unsigned> subkey_ranks_;
  std::set<std::tuple<Section, std::size_t, std::string_view>> signatures_;
};

}  // namespace

TransferableKey take_apart(ByteView packets) {
  Assembly key;
  ByteReader reader(packets, "OpenPGP key");
  while (reader.left() != 0) {
    const auto at = reader.offset();
    const auto [tag, body] = read_packet(reader);
    const PlacedPacket packet{tag, body, packets.subspan(at, reader.offset() - at)};
    switch (tag) {
      case kMarkerTag:
      case kTrustTag:
      case kPaddingTag:
        break;
      case kPublicKeyTag:
      case kSecretKeyTag:
        key.primary(packet);
        break;
      case kUserIdTag:
      case kUserAttributeTag:
        key.user_id(packet);
        break;
      case kPublicSubkeyTag:
      case kSecretSubkeyTag:
        key.subkey(packet);
        break;
      case kSignatureTag:
        key.signature(packet);
        break;
      default:
        if (tag < kFirstNotCriticalTag)
          throw Error(ErrorKind::unsupported,
                      fmt::format("holds an OpenPGP packet with tag {}, which has no place in a key", tag));
        key.unknown();
    }
  }
  return key.result();
}

Bytes put_together(const TransferableKey& key) {
  std::size_t size = 0;
  const auto count = [&size](const KeyComponent& component) {
    size += component.packet.whole.size();
    for (const auto& signature : component.signatures) size += signature.whole.size();
  };
  count(key.primary);
  for (const auto& user_id : key.user_ids) count(user_id);
  for (const auto& subkey : key.subkeys) count(subkey);
  Bytes out;
  out.reserve(size);  // growing leaves copies of secrets behind
  const auto append = [&out](const KeyComponent& component) {
    out.insert(out.end(), component.packet.whole.begin(), component.packet.whole.end());
    for (const auto& signature : component.signatures)
      out.insert(out.end(), signature.whole.begin(), signature.whole.end());
  };
  append(key.primary);
  for (const auto& user_id : key.user_ids) append(user_id);
  for (const auto& subkey : key.subkeys) append(subkey);
  return out;
}

}  // namespace sifkit::trust
