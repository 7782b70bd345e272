// SPDX-License-Identifier: Apache-2.0
#include "transferable_key.h"

#include <cstdint>
#include <map>
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

std::string fingerprint_of(const PlacedPacket& packet) {
  try {
    return parse_key_packet({packet.tag, packet.body}).fingerprint;
  } catch (const Error&) {
    return {};
  }
}

/// Puts packets where they belong; what is there already is found without looking through the rest, for keys are
/// hostile.
class Assembly {
 public:
  void primary(const PlacedPacket& packet) {
    auto& there = out_.primary.packet;
    if (there.tag == 0 || packet.tag == kSecretKeyTag) there = packet;
    current_ = {Section::primary, 0};
  }

  void user_id(const PlacedPacket& packet) {
    const auto [place, fresh] = user_ids_.try_emplace({packet.tag, as_text(packet.body)}, out_.user_ids.size());
    if (fresh) out_.user_ids.push_back({packet, {}, {}});
    current_ = {Section::user_id, place->second};
  }

  void subkey(const PlacedPacket& packet) {
    auto fingerprint = fingerprint_of(packet);
    auto at = out_.subkeys.size();
    if (!fingerprint.empty()) at = subkeys_.try_emplace(fingerprint, at).first->second;
    if (at == out_.subkeys.size()) {
      out_.subkeys.push_back({packet, {}, std::move(fingerprint)});
    } else if (packet.tag == kSecretSubkeyTag) {
      out_.subkeys[at].packet = packet;
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
  std::map<std::string, std::size_t> subkeys_;
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
  Bytes out;
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
