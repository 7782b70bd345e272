// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include <sifkit/trust/pgp_key.h>

#include "pgp.h"

#include "support/catch.h"
#include "support/pgp_maker.h"

namespace sifkit::testing {

inline constexpr std::uint32_t kDay = 86400;
inline constexpr auto kUser = "Ada <ada@example.org>";

inline std::uint32_t now() { return static_cast<std::uint32_t>(std::time(nullptr)); }

/// A key that was made a thousand days ago, and two others.
struct Keys {
  std::uint32_t made = now() - 1000 * kDay;
  PgpMaker ada{made};
  PgpMaker bob{made};
  PgpMaker subkey{made};

  KeySignatureForm form() const { return {.created = made, .flags = 3}; }
  Bytes certified(const KeySignatureForm& with) const { return certified(kUser, with); }
  Bytes certified(const std::string& user, const KeySignatureForm& with) const {
    return joined({PgpMaker::user_id(user), ada.certification(user, with)});
  }
  Bytes bound(const KeySignatureForm& with) const {
    return joined({subkey.public_packet(trust::kPublicSubkeyTag), ada.binding(subkey, with)});
  }
  Bytes good() const { return joined({ada.public_packet(), certified(form())}); }
  Bytes direct(const KeySignatureForm& with) const { return ada.signature(trust::kDirectKey, ada.hashed(), with); }

  trust::PgpOutcome outcome(const Bytes& ring, const PgpMaker& signer,
                            std::optional<std::int64_t> at = std::nullopt) const {
    return trust::PgpKeyring(ring, "ring", at)
        .verify(signer.signs("text", at ? static_cast<std::uint32_t>(*at) : now()));
  }
  /// Empty for a valid signature.
  std::string why(const Bytes& ring, std::optional<std::int64_t> at = std::nullopt) const {
    return why_of(ring, ada, at);
  }
  std::string why_of(const Bytes& ring, const PgpMaker& signer, std::optional<std::int64_t> at = std::nullopt) const {
    const auto found = outcome(ring, signer, at);
    CHECK((found.status == trust::PgpOutcome::Status::valid) == found.reason.empty());
    return found.reason;
  }
  static trust::PgpKeyInfo info(const Bytes& ring) { return trust::read_pgp_keys(ring, "ring").at(0); }
};

KeySignatureForm with(KeySignatureForm form, auto&& change) {
  change(form);
  return form;
}

}  // namespace sifkit::testing
