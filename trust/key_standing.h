// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>

#include "pgp_key_packet.h"
#include "transferable_key.h"

namespace sifkit::trust {

/// Why a key, or a user id of it, is not used any more.
struct PgpRevocation {
  std::int64_t time = 0;
  bool retired = false;  ///< given up, not stolen (RFC 9580, section 5.2.3.31): it counts for what was before
  std::string reason;    ///< bytes from the key
  std::string revoker;   ///< who has revoked it in its owner's name; empty: itself
  bool checked = true;   ///< false: the revoker's key is not there
};

/// "is revoked since 2026-01-31 12:00:00 UTC: stolen".
std::string revocation_text(const PgpRevocation& revocation);

/// A primary key or a subkey as what is signed onto it says.
struct KeyStanding {
  PgpKeyParts parts;
  std::optional<std::int64_t> expires;  ///< seconds since 1970; absent: never
  bool can_sign = false;
  std::optional<PgpRevocation> revocation;
  std::string fault;  ///< why nothing vouches for the key; empty: something does

  const std::string& fingerprint() const noexcept { return parts.fingerprint; }
  /// Empty when what the key signs counts at `validation_time`; else like "has expired on …".
  std::string refusal(std::int64_t validation_time) const;
};

struct PgpUserId {
  std::string text;  ///< whatever its owner wrote
  bool revoked = false;
};

/// A primary key with all that belongs to it, judged by its own signatures at a validation time. Those that are not the key's
/// count for nothing. What is known to be revoked is so at any validation time, unless it was given up after it.
struct CertificateStanding {
  KeyStanding primary;
  std::vector<PgpUserId> user_ids;  ///< that the key has certified; the primary one first, revoked ones last
  std::vector<KeyStanding> subkeys;

  /// Empty when what `key`, the primary key or a subkey of it, signs counts at `validation_time`; else why not, with its
  /// subject.
  std::string refusal(const KeyStanding& key, std::int64_t validation_time) const;
  /// The primary key or a subkey; null where there is none.
  const KeyStanding* find(std::string_view issuer) const noexcept;
  /// The keys that may sign at `validation_time`: the primary one first, then subkeys, the newest first.
  std::vector<const KeyStanding*> signers(std::int64_t validation_time) const;
};

/// The public numbers of a key that may have revoked another one; nothing where it is not there.
using RevokerSource = std::function<std::optional<PgpKeyPacket>(const std::string& fingerprint)>;

/// `packets`: a key, or several copies of one. Throws unsupported, with words like "is of version 6, which is not known
/// here", for kinds of keys that are not known, malformed for packets that cannot be read.
CertificateStanding judge(ByteView packets, std::int64_t validation_time, const RevokerSource& revokers);

/// Whether the body of a signature packet revokes the key, in its owner's name too, and can be checked.
bool is_revocation_of(ByteView packets, ByteView signature, const RevokerSource& revokers);

/// The key with what it has signed itself, or another has in its name and can be checked, and nothing else: user ids
/// and subkeys without any such signature are left out. Signatures that say the same are one. Views of `packets`.
TransferableKey own_part(ByteView packets, const RevokerSource& revokers);

}  // namespace sifkit::trust
