// SPDX-License-Identifier: Apache-2.0
#include "key_standing.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "validation_time.h"
#include "pgp_key_signature.h"
#include "transferable_key.h"

namespace sifkit::trust {

namespace {

constexpr std::int64_t kSha1CertifiesUntil = 1'705'622'400;  ///< 2024-01-19
constexpr std::size_t kMaxRevokers = 64;                     ///< whom a key names
constexpr std::size_t kMaxRevocations = 256;                 ///< of a key and its subkeys that are verified

std::vector<PgpKeySignature> signatures_of(const KeyComponent& component) {
  std::vector<PgpKeySignature> out;
  for (const auto& packet : component.signatures) {
    if (auto signature = parse_key_signature(packet.body)) out.push_back(std::move(*signature));
  }
  return out;
}

/// The hashed forms of RFC 9580, section 5.2.4.
Bytes hashed_key(ByteView public_part) {
  Bytes out{std::byte{0x99}, static_cast<std::byte>(public_part.size() >> 8 & 0xff),
            static_cast<std::byte>(public_part.size() & 0xff)};
  out.insert(out.end(), public_part.begin(), public_part.end());
  return out;
}

Bytes hashed_user_id(const PlacedPacket& packet) {
  Bytes out{packet.tag == kUserIdTag ? std::byte{0xb4} : std::byte{0xd1}};
  for (int shift = 24; shift >= 0; shift -= 8)
    out.push_back(static_cast<std::byte>(packet.body.size() >> shift & 0xff));
  out.insert(out.end(), packet.body.begin(), packet.body.end());
  return out;
}

/// Empty when a signature that its maker has made counts, at `validation_time`, for a key of `made`.
std::string why_void(const PgpKeySignature& signature, std::uint32_t made, std::int64_t validation_time) {
  if (!signature.created) return "it does not say when it was made";
  if (!signature.obstacle.empty()) return signature.obstacle;
  const bool sha1 =
      signature.hash == static_cast<std::uint8_t>(PgpHash::sha1) && *signature.created < kSha1CertifiesUntil;
  if (!sha1 && !is_strong_pgp_hash(signature.hash) && signature.hash != static_cast<std::uint8_t>(PgpHash::sha224)) {
    return fmt::format("it is over {}, which is too weak for {}", pgp_hash_name(signature.hash),
                       time_text(*signature.created));
  }
  if (*signature.created < made)
    return fmt::format("it is older than the key: made {}", time_text(*signature.created));
  if (*signature.created > validation_time)
    return fmt::format("it is from the future: made {}", time_text(*signature.created));
  const auto end = *signature.created + signature.lifetime;
  return signature.lifetime != 0 && end < validation_time ? "it has expired on " + time_text(end) : std::string();
}

/// Reads what is signed onto one key. The newest signature of each kind is the one that counts.
class Judge {
 public:
  Judge(ByteView packets, std::int64_t validation_time, const RevokerSource& revokers)
      : key_(take_apart(packets)), validation_time_(validation_time), revokers_(revokers) {
    out_.primary.parts = parse_key_packet({key_.primary.packet.tag, key_.primary.packet.body});
    primary_ = hashed_key(out_.primary.parts.public_part);
  }

  CertificateStanding result() {
    judge_primary();
    for (const auto& subkey : key_.subkeys) judge_subkey(subkey);
    return std::move(out_);
  }

  bool is_revoked_by(ByteView signature) {
    judge_primary();
    return revokes(signature);
  }

  TransferableKey own_part() {
    judge_primary();
    claims_ = 0;  // those of above come again
    TransferableKey out;
    out.primary = own_part_of(key_.primary, {});
    const auto add = [](std::vector<KeyComponent>& to, KeyComponent component) {
      if (!component.signatures.empty()) to.push_back(std::move(component));
    };
    for (const auto& user_id : key_.user_ids) add(out.user_ids, own_part_of(user_id, hashed_user_id(user_id.packet)));
    for (const auto& subkey : key_.subkeys) {
      if (subkey.fingerprint.empty()) continue;  // of a kind that is not known here
      KeyStanding standing;
      standing.parts = parse_key_packet({subkey.packet.tag, subkey.packet.body});
      add(out.subkeys, own_part_of(subkey, hashed_key(standing.parts.public_part), &standing));
    }
    return out;
  }

 private:
  using Newest = const PgpKeySignature*;

  const PgpKeyPacket& numbers() const { return out_.primary.parts.key; }

  bool is_own(const PgpKeySignature& signature, std::initializer_list<ByteView> covered) const {
    return signature.may_be_by(out_.primary.fingerprint()) && signature.is_by(numbers(), covered);
  }

  /// What the key, or for a revocation one whom it has named, has signed of a component. Of signatures that say the
  /// same the first is taken: anybody can write other bytes into what is not hashed, as often as he likes. But for a
  /// subkey one goes before it that holds what the subkey has signed in turn, which may be among those bytes.
  KeyComponent own_part_of(const KeyComponent& component, const Bytes& covered, const KeyStanding* subkey = nullptr) {
    struct Taken {
      std::size_t at = 0;
      bool signed_back = false;
    };
    std::map<Bytes, Taken> taken;  // by what is hashed
    KeyComponent out{component.packet, {}, component.fingerprint};
    for (const auto& packet : component.signatures) {
      const auto signature = parse_key_signature(packet.body);
      if (!signature) continue;
      const bool binds = subkey != nullptr && signature->type == kSubkeyBinding;
      const auto same = taken.find(signature->hashed_part);
      const bool signed_back = binds && has_signed_back(*signature, *subkey, covered);
      if (same != taken.end() && (same->second.signed_back || !signed_back)) continue;
      bool own = false;
      if (signature->type == kKeyRevocation || signature->type == kSubkeyRevocation) {
        const auto revocation = revocation_by(*signature, {primary_, covered});
        own = revocation && revocation->checked;
      } else {
        own = is_own(*signature, {primary_, covered});
      }
      if (!own) continue;
      if (same != taken.end()) {
        out.signatures[same->second.at] = packet;
        same->second.signed_back = true;
      } else {
        taken.emplace(signature->hashed_part, Taken{out.signatures.size(), signed_back});
        out.signatures.push_back(packet);
      }
    }
    return out;
  }

  /// Takes the newer one of two that count, or notes why this one does not.
  void offer(Newest& newest, const PgpKeySignature& signature, std::uint32_t made) {
    auto obstacle = why_void(signature, made, validation_time_);
    if (obstacle.empty()) {
      if (newest == nullptr || *newest->created <= *signature.created) newest = &signature;
    } else {
      obstacle_ = std::move(obstacle);
    }
  }

  void note_forged() {
    if (obstacle_.empty()) obstacle_ = "it is not by the key";
  }

  bool revokes(ByteView signature) {
    const auto parsed = parse_key_signature(signature);
    claims_ = 0;
    const auto revocation =
        parsed && parsed->type == kKeyRevocation ? revocation_by(*parsed, {primary_}) : std::nullopt;
    return revocation && revocation->checked;
  }

  /// By the key itself or by one whom it has named for that.
  std::optional<PgpRevocation> revocation_by(const PgpKeySignature& signature,
                                             std::initializer_list<ByteView> covered) {
    const bool given_up = signature.revocation_code == kSuperseded || signature.revocation_code == kRetired;
    PgpRevocation out{signature.created.value_or(0), given_up, signature.revocation_reason, {}, true};
    if (out.retired && out.time > validation_time_) return std::nullopt;
    if (signature.may_be_by(out_.primary.fingerprint())) {
      if (++claims_ > kMaxRevocations) return std::nullopt;
      if (is_own(signature, covered)) return out;
    }
    for (const auto& revoker : designated_) {
      if (signature.issuers.empty() || !signature.may_be_by(revoker)) continue;
      if (++claims_ > kMaxRevocations) return std::nullopt;
      out.revoker = revoker;
      const auto there = revokers_ ? revokers_(revoker) : std::nullopt;
      out.checked = there.has_value();
      if (!there || signature.is_by(*there, covered)) return out;
    }
    return std::nullopt;
  }

  /// The first of the worst kind: a key that is stolen was not merely given up.
  static void keep_worse(std::optional<PgpRevocation>& kept, std::optional<PgpRevocation> found) {
    if (found && (!kept || (kept->retired && !found->retired))) kept = std::move(found);
  }

  /// Whether no other revocation can take its place.
  static bool is_settled(const std::optional<PgpRevocation>& kept) { return kept && !kept->retired; }

  /// Of revocations that were not looked at, one may be the owner's: the key is not used.
  std::string too_many() const {
    if (too_many_revokers_) return fmt::format("names more keys that may revoke it than the limit of {}", kMaxRevokers);
    return claims_ > kMaxRevocations
               ? fmt::format("has more revocations to be checked than the limit of {}", kMaxRevocations)
               : std::string();
  }

  void judge_primary() {
    auto& primary = out_.primary;
    Newest direct = nullptr;
    std::optional<PgpKeySignature> by_user_id;  // of the one that is marked as primary, else of the newest
    const auto signatures = signatures_of(key_.primary);
    for (const auto& signature : signatures) {
      if (signature.type != kDirectKey) continue;
      if (!is_own(signature, {primary_})) {
        if (signature.may_be_by(primary.fingerprint())) note_forged();
        continue;
      }
      designate(signature);
      offer(direct, signature, numbers().created);
    }
    for (const auto& component : key_.user_ids) judge_user_id(component, by_user_id);
    for (const auto& signature : signatures) {
      if (is_settled(primary.revocation)) break;
      if (signature.type == kKeyRevocation) keep_worse(primary.revocation, revocation_by(signature, {primary_}));
    }
    if (leading_) {
      const auto at = out_.user_ids.begin() + static_cast<std::ptrdiff_t>(*leading_);
      std::rotate(out_.user_ids.begin(), at, at + 1);
    }
    std::stable_partition(out_.user_ids.begin(), out_.user_ids.end(), [](const PgpUserId& id) { return !id.revoked; });
    if (auto why = too_many(); !why.empty()) {
      primary.fault = std::move(why);
    } else if (names_revoked_ && !names_in_force_) {
      // Whatever a direct-key signature says: nobody is left whom the key is of.
      primary.fault = "has no user id that is not revoked";
    } else if (direct == nullptr && !by_user_id) {
      primary.fault = "has no valid signature of its own" + (obstacle_.empty() ? std::string() : ": " + obstacle_);
    }
    const Newest of_user_id = by_user_id ? &*by_user_id : nullptr;
    for (const Newest signature : {direct, of_user_id}) {
      if (signature == nullptr || signature->key_lifetime == 0) continue;
      const auto end = std::int64_t{numbers().created} + signature->key_lifetime;
      primary.expires = std::min(primary.expires.value_or(end), end);
    }
    const Newest flags = direct != nullptr && direct->key_flags ? direct : of_user_id;
    primary.can_sign = may_sign(numbers(), flags);
  }

  void judge_user_id(const KeyComponent& component, std::optional<PgpKeySignature>& by_user_id) {
    const auto covered = hashed_user_id(component.packet);
    const auto signatures = signatures_of(component);
    Newest newest = nullptr;
    bool certified = false;  // at any time
    std::int64_t last = 0;
    std::int64_t revoked = -1;
    std::int64_t revoked_then = -1;  // at the validation time
    for (const auto& signature : signatures) {
      const bool certifies = signature.type >= kCertification && signature.type <= kPositiveCertification;
      if (!certifies && signature.type != kCertificationRevocation) continue;
      if (!is_own(signature, {primary_, covered})) {
        if (certifies && signature.may_be_by(out_.primary.fingerprint())) note_forged();
      } else if (certifies) {
        certified = true;
        last = std::max(last, signature.created.value_or(0));
        designate(signature);
        offer(newest, signature, numbers().created);
      } else {
        const auto made = signature.created.value_or(0);
        revoked = std::max(revoked, made);
        if (made <= validation_time_) revoked_then = std::max(revoked_then, made);
      }
    }
    const bool is_name = component.packet.tag == kUserIdTag;
    const bool in_force = newest != nullptr && revoked_then < *newest->created;
    names_in_force_ = names_in_force_ || (is_name && in_force);
    names_revoked_ = names_revoked_ || (is_name && !in_force && revoked_then >= 0);
    bool first = false;
    // One that is revoked says nothing of the key any more.
    if (in_force) {
      const auto rank = [](const PgpKeySignature& signature) {
        return std::pair(signature.primary_user_id, *signature.created);
      };
      const bool leads = !by_user_id || rank(*by_user_id) <= rank(*newest);
      if (leads) by_user_id = *newest;
      first = leads && newest->primary_user_id;
    }
    // One whose certification does not count at the validation time is the key's all the same.
    if (!certified || !is_name) return;
    if (first) leading_ = out_.user_ids.size();
    out_.user_ids.push_back({std::string(as_text(component.packet.body)), revoked >= last});
  }

  void designate(const PgpKeySignature& signature) {
    for (const auto& revoker : signature.revokers) {
      if (designated_.size() < kMaxRevokers) {
        designated_.insert(revoker);
      } else if (designated_.count(revoker) == 0) {
        too_many_revokers_ = true;
      }
    }
  }

  void judge_subkey(const KeyComponent& component) {
    if (component.fingerprint.empty()) return;  // of a kind that is not known here: it signs nothing
    KeyStanding out;
    out.parts = parse_key_packet({component.packet.tag, component.packet.body});
    const auto signatures = signatures_of(component);
    const auto covered = hashed_key(out.parts.public_part);
    Newest binding = nullptr;
    obstacle_.clear();
    for (const auto& signature : signatures) {
      if (signature.type == kSubkeyRevocation) {
        if (is_settled(out.revocation)) continue;
        keep_worse(out.revocation, revocation_by(signature, {primary_, covered}));
      } else if (signature.type == kSubkeyBinding) {
        if (is_own(signature, {primary_, covered})) {
          offer(binding, signature, numbers().created);
        } else if (signature.may_be_by(out_.primary.fingerprint())) {
          note_forged();
        }
      }
    }
    if (auto why = too_many(); !why.empty()) {
      out.fault = std::move(why);
    } else if (binding == nullptr) {
      out.fault = "is not bound to its primary key" + (obstacle_.empty() ? std::string() : ": " + obstacle_);
    } else {
      if (binding->key_lifetime != 0) out.expires = std::int64_t{out.parts.key.created} + binding->key_lifetime;
      out.can_sign = may_sign(out.parts.key, binding);
      if (out.can_sign && !has_signed_back(*binding, out, covered))
        out.fault = "has not signed its primary key in turn";
    }
    out_.subkeys.push_back(std::move(out));
  }

  /// Else anybody could call another one's subkey his own.
  bool has_signed_back(const PgpKeySignature& binding, const KeyStanding& subkey, ByteView covered) const {
    const auto back = parse_key_signature(binding.back_signature);
    return back && back->type == kPrimaryBinding && why_void(*back, subkey.parts.key.created, validation_time_).empty() &&
           back->may_be_by(subkey.fingerprint()) && back->is_by(subkey.parts.key, {primary_, covered});
  }

  static bool may_sign(const PgpKeyPacket& key, Newest flags) {
    const auto algorithm = static_cast<PgpAlgorithm>(key.algorithm);
    if (algorithm == PgpAlgorithm::elgamal || algorithm == PgpAlgorithm::ecdh || algorithm == PgpAlgorithm::rsa_encrypt)
      return false;
    return flags == nullptr || !flags->key_flags || (*flags->key_flags & kMaySign) != 0;
  }

  TransferableKey key_;
  std::int64_t validation_time_;
  const RevokerSource& revokers_;
  Bytes primary_;                     ///< in its hashed form
  std::set<std::string> designated_;  ///< who may revoke the key for its owner
  bool too_many_revokers_ = false;
  std::size_t claims_ = 0;  ///< verifications of revocations
  bool names_in_force_ = false;
  bool names_revoked_ = false;
  std::optional<std::size_t> leading_;  ///< the user id that is marked as the primary one
  std::string obstacle_;                ///< why the last signature that did not count did not
  CertificateStanding out_;
};

}  // namespace

CertificateStanding judge(ByteView packets, std::int64_t validation_time, const RevokerSource& revokers) {
  return Judge(packets, validation_time, revokers).result();
}

bool is_revocation_of(ByteView packets, ByteView signature, const RevokerSource& revokers) {
  return Judge(packets, std::numeric_limits<std::int64_t>::max(), revokers).is_revoked_by(signature);
}

TransferableKey own_part(ByteView packets, const RevokerSource& revokers) {
  return Judge(packets, std::numeric_limits<std::int64_t>::max(), revokers).own_part();
}

}  // namespace sifkit::trust
