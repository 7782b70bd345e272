// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/trust/passphrase.h>
#include <sifkit/trust/stale_signature.h>

namespace sifkit::trust {

/// The key to sign with: the text of a PEM private key or of OpenPGP secret keys, and which of these.
struct SigningKey {
  std::string text;
  std::string name;   ///< of the file, for errors
  std::string which;  ///< OpenPGP: fingerprint, 16-digit key ID or a part of the user id; empty: the only one
  std::optional<std::size_t> index;  ///< OpenPGP: place in the ring, from 0, in place of `which`
  PassphraseSource passphrase;
};

struct SignOptions {
  std::vector<std::uint32_t> groups;   ///< empty, with `objects` empty too: one signature for every group
  std::vector<std::uint32_t> objects;  ///< sign these only
  /// Drops, in the same step, old signatures of the groups that are signed and of no more objects than are signed now: those
  /// that do not hold any more, and those by no other keys than these. What others have signed and holds stays, as do legacy
  /// signatures.
  bool replace = false;
  std::optional<std::int64_t> time;    ///< of the new objects; absent: the clock, or none for a deterministic image
  unsigned threads = 1;
  Limits limits;                       ///< signatures, signature_bytes
  OperationContext operation;
};

/// What signing did, and what it leaves that keeps the image as a whole from being verified.
struct SignReport {
  std::vector<std::uint32_t> added;         ///< signature objects
  std::vector<std::uint32_t> replaced;      ///< signature objects that were dropped
  std::vector<StaleSignature> stale;        ///< that stay; data of groups that are not signed now is not looked at
  std::vector<std::uint32_t> without_group; ///< objects that nothing can sign
};

/// Adds signatures for each group to a SIF in a file that nobody else knows yet: `file` is read and written in place.
/// PEM keys sign one envelope together, which is valid with any of them; each OpenPGP key makes a signature of its own.
SIFKIT_API SignReport sign_in_place(File& file, std::span<const SigningKey> keys, const SignOptions& options);

/// Signs a SIF under its name, in place; a crash leaves it without the new signatures or with all of them (ImageEditor).
SIFKIT_API SignReport sign(const std::filesystem::path& path, std::span<const SigningKey> keys, const SignOptions& options);

}  // namespace sifkit::trust
