// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>
#include <sifkit/sif/passphrase.h>

namespace sifkit::sif {

/// What a ring of OpenPGP keys says of a clear-signed message.
struct PgpOutcome {
  enum class Status : std::uint8_t { valid, unknown_key, invalid, expired } status = Status::unknown_key;
  std::string fingerprint;  ///< of the primary key, upper-case hex; empty when the key is unknown
  std::string user_id;      ///< bytes from the key
  std::optional<std::int64_t> created;
  std::string reason;       ///< why it is not valid
};

/// OpenPGP keys, by librnp. Not thread safe.
class PgpKeyring {
 public:
  /// Keys in their binary or armored form. Throws malformed for anything else.
  PgpKeyring(ByteView keys, std::string name);
  ~PgpKeyring();
  PgpKeyring(PgpKeyring&&) noexcept;
  PgpKeyring& operator=(PgpKeyring&&) noexcept;

  const std::string& name() const noexcept;

  /// `message` is clear-signed by exactly one signature.
  PgpOutcome verify(std::string_view message) const;

  /// A clear-signed message over `text` by a secret key of the ring: the one that `which` names (fingerprint, key ID or a
  /// part of the user id), or the only one. `fingerprint` receives the 20 bytes of the primary key.
  std::string sign(std::string_view text, std::string_view which, const PassphraseSource& passphrase, Bytes& fingerprint) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::sif
