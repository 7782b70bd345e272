// SPDX-License-Identifier: Apache-2.0
#include "key_standing.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "validation_time.h"

namespace sifkit::trust {

namespace {

constexpr unsigned kMinPrimeBits = 2048;  ///< RSA and DSA
constexpr std::string_view kNotForSigning = "is not meant for signing";

}  // namespace

std::string revocation_text(const PgpRevocation& revocation) {
  const auto since = revocation.time == 0 ? std::string() : " since " + time_text(revocation.time);
  const auto reason = revocation.reason.empty() ? std::string() : ": " + printable(revocation.reason);
  if (!revocation.checked)
    return fmt::format("may be revoked{} by {}, who may do so and whose key is not there to check it{}", since,
                       revocation.revoker, reason);
  return fmt::format("is revoked{}{}{}", since,
                     revocation.revoker.empty() ? "" : fmt::format(" by {} for its owner", revocation.revoker), reason);
}

std::string KeyStanding::refusal(std::int64_t validation_time) const {
  if (revocation) return revocation_text(*revocation);
  if (parts.key.created > validation_time)
    return fmt::format("is from the future: made {}, the time is {}", time_text(parts.key.created),
                       time_text(validation_time));
  if (!fault.empty()) return fault;
  if (expires && *expires < validation_time) return "has expired on " + time_text(*expires);
  const bool has_prime = parts.key.curve_oid.empty();
  if (has_prime && parts.key.bits() < kMinPrimeBits)
    return fmt::format("is too weak: {} bits, expected {} or more", parts.key.bits(), kMinPrimeBits);
  return {};
}

std::string CertificateStanding::refusal(const KeyStanding& key, std::int64_t validation_time) const {
  if (const auto why = primary.refusal(validation_time); !why.empty()) return "the key " + why;
  if (&key != &primary) {
    if (const auto why = key.refusal(validation_time); !why.empty())
      return fmt::format("the subkey {} {}", key.fingerprint(), why);
  }
  return key.can_sign ? std::string() : fmt::format("the key {}", kNotForSigning);
}

const KeyStanding* CertificateStanding::find(std::string_view issuer) const noexcept {
  if (primary.fingerprint().ends_with(issuer)) return &primary;
  const auto found = std::find_if(subkeys.begin(), subkeys.end(),
                                  [&](const KeyStanding& subkey) { return subkey.fingerprint().ends_with(issuer); });
  return found == subkeys.end() ? nullptr : &*found;
}

std::vector<const KeyStanding*> CertificateStanding::signers(std::int64_t validation_time) const {
  std::vector<const KeyStanding*> out;
  for (const auto& subkey : subkeys) {
    if (refusal(subkey, validation_time).empty()) out.push_back(&subkey);
  }
  std::stable_sort(out.begin(), out.end(), [](const KeyStanding* one, const KeyStanding* other) {
    return one->parts.key.created > other->parts.key.created;
  });
  if (refusal(primary, validation_time).empty()) out.insert(out.begin(), &primary);
  return out;
}

}  // namespace sifkit::trust
