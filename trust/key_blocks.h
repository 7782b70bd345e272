// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/trust/pgp_key.h>

namespace sifkit::trust {

constexpr std::uint64_t kMostRingBytes = 16u << 20;  ///< a ring, or a file of keys
constexpr std::size_t kMostKeyBytes = 1u << 20;      ///< one key with all that is signed onto it
constexpr std::size_t kMostKeys = 10000;             ///< of a ring

/// One transferable key, as its ring holds it: a primary key's packet and what belongs to it.
struct KeyBlock {
  Bytes bytes;
  PgpKeyInfo info;
};

/// The packets of armored text (one or more blocks, with any text between them), or the bytes themselves.
Bytes without_armor(ByteView keys, std::string_view name);

/// Whether packets start with a signature: a revocation certificate by itself.
bool is_lone_signature(ByteView packets);

/// Every key of a ring. Throws malformed where packets do not line up; a key that is of a kind not known here is a block
/// without a fingerprint.
std::vector<KeyBlock> split_keys(ByteView packets, std::string_view name);

/// What `block` holds for others: the key without its secrets.
KeyBlock public_half(const KeyBlock& block);

/// `old` with everything that `fresh`, another copy of the same public key, has more.
KeyBlock merged(const KeyBlock& old, const KeyBlock& fresh);

/// A public key with a signature that was made for it elsewhere.
KeyBlock with_signature(const KeyBlock& key, ByteView signature);

/// Armored text of one key.
std::string armored(const KeyBlock& block);

}  // namespace sifkit::trust
