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
#include "pgp_packet.h"

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
  Bytes fingerprint;  ///< 20 bytes

  PgpSecretKey() = default;
  ~PgpSecretKey();
  PgpSecretKey(PgpSecretKey&&) noexcept = default;
  PgpSecretKey& operator=(PgpSecretKey&&) noexcept = default;
};

/// Which secret key of a ring. Nothing set: the only one.
struct PgpKeyChoice {
  std::string name;                  ///< fingerprint, 16-digit key ID or a part of the user id
  std::optional<std::size_t> index;  ///< place in the ring, from 0
};

/// OpenPGP keys, by librnp. Not thread safe.
class PgpKeyring {
 public:
  /// Keys in their binary or armored form; `at` is the moment as of which they are judged, absent: now. Throws malformed
  /// where there is no key.
  PgpKeyring(ByteView keys, std::string name, std::optional<std::int64_t> at = std::nullopt);
  ~PgpKeyring();
  PgpKeyring(PgpKeyring&&) noexcept;
  PgpKeyring& operator=(PgpKeyring&&) noexcept;

  const std::string& name() const noexcept;

  /// `message` is clear-signed by exactly one signature.
  PgpOutcome verify(const ClearSigned& message) const;

  /// A primary secret key that may sign. Throws not_found, usage where several match, denied for a wrong passphrase or
  /// a key that may not be used.
  PgpSecretKey unlock(const PgpKeyChoice& choice, const PassphraseSource& passphrase) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::trust
