// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/trust/passphrase.h>
#include <sifkit/trust/verify_policy.h>

#include "clearsign.h"
#include "pgp_key_packet.h"

namespace sifkit::trust {

/// What a ring of OpenPGP keys says of a clear-signed message.
struct PgpOutcome {
  /// `refused`: the key is there, but nothing that it signs counts (revoked, expired, too weak, not for signing).
  enum class Status : std::uint8_t { valid, unknown_key, invalid, refused } status = Status::unknown_key;
  std::string fingerprint;  ///< of the primary key, upper-case hex; empty when the key is unknown
  std::string user_id;      ///< bytes from the key
  std::string algorithm;    ///< "RSA 2048"
  std::vector<KeySize> sizes;  ///< of the issuer and of the primary key
  std::optional<std::int64_t> expires;  ///< the primary key, seconds since 1970
  std::optional<std::int64_t> revoked;  ///< the same
  std::string reason;       ///< why it is not valid
};

/// A secret key that has been unlocked. Wiped at its end.
struct PgpSecretKey {
  PgpKeyPacket packet;
  Bytes fingerprint;  ///< of the primary key, 20 bytes
  Bytes issuer;       ///< of the key itself, which may be a subkey

  PgpSecretKey() = default;
  ~PgpSecretKey();
  PgpSecretKey(PgpSecretKey&&) noexcept = default;
  PgpSecretKey& operator=(PgpSecretKey&&) noexcept = default;
};

/// Which secret key of a ring. Nothing set: the only one.
struct PgpKeyChoice {
  std::string name;                  ///< as `keys_meant` has it
  std::optional<std::size_t> index;  ///< place in the ring, from 0
};

/// OpenPGP keys to sign and verify with. Not thread safe.
class PgpKeyring {
 public:
  /// Keys in their binary or armored form; `at` is the validation time as of which they are judged, absent: now. Throws malformed
  /// where there is no key.
  PgpKeyring(ByteView keys, std::string name, std::optional<std::int64_t> at = std::nullopt);
  ~PgpKeyring();
  PgpKeyring(PgpKeyring&&) noexcept;
  PgpKeyring& operator=(PgpKeyring&&) noexcept;

  const std::string& name() const noexcept;

  /// `message` is clear-signed by exactly one signature.
  PgpOutcome verify(const ClearSigned& message) const;

  /// A secret key that may sign: the primary one if it may and its secret is there, else the newest of its subkeys, or the
  /// subkey that is named. Throws not_found, usage where several match, denied for a wrong passphrase or a key that may
  /// not be used, unsupported for a secret that is elsewhere.
  PgpSecretKey unlock(const PgpKeyChoice& choice, const PassphraseSource& passphrase) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::trust
