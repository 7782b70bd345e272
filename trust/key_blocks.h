// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/trust/pgp_key.h>

#include "key_standing.h"

namespace sifkit::trust {

constexpr std::uint64_t kMaxRingBytes = 16u << 20;  ///< a ring, or a file of keys
constexpr std::size_t kMaxKeyBytes = 1u << 20;      ///< one key with all that is signed onto it
constexpr std::size_t kMaxKeys = 10000;             ///< of a ring

/// One transferable key, as its ring holds it: a primary key's packet and what belongs to it.
struct KeyBlock {
  Bytes bytes;
  PgpKeyInfo info;
};

/// Where a key is in the packets of a ring.
struct PlacedKey {
  ByteView bytes;
  KeyPart part = KeyPart::public_key;
  std::vector<std::string> fingerprints;  ///< of the primary key and then of its subkeys, as far as they are of known kinds
};

/// The packets of armored text (one or more blocks, with any text between them), or the bytes themselves. Throws unsupported
/// for keys in other formats, and names them.
Bytes without_armor(ByteView keys, std::string_view name);

/// Whether packets start with a signature: a revocation certificate by itself.
bool is_lone_signature(ByteView packets, std::string_view name = "OpenPGP data");

/// Where the keys of a ring are. Throws malformed where packets do not line up.
std::vector<PlacedKey> place_keys(ByteView packets, std::string_view name);

/// Looks up the keys that may have revoked others. The ring outlives it.
RevokerSource revokers_in(std::span<const PlacedKey> ring);

/// Every key of a ring, described. Throws as `place_keys`; a key that is of a kind not known here is a block without a
/// fingerprint.
std::vector<KeyBlock> split_keys(ByteView packets, std::string_view name);

/// What a key's own packets say of it, now.
PgpKeyInfo describe_key(const PlacedKey& key, const RevokerSource& revokers);

/// What `block` holds for others: the key without its secrets.
KeyBlock public_half(const KeyBlock& block);

/// Throws limit for a key that could not be read any more.
void require_key_size(std::size_t bytes, std::string_view fingerprint);

/// `old` with everything that `fresh`, the packets of another copy of the key, has more: signatures, user ids, subkeys,
/// and a secret in the place of one that is left out. A secret that is there stays. Nothing where there is no more.
std::optional<KeyBlock> merged(const KeyBlock& old, ByteView fresh);

/// Armored text of one key.
std::string armored(const KeyBlock& block);

}  // namespace sifkit::trust
