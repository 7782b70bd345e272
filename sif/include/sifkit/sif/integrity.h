// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/report.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/passphrase.h>

namespace sifkit::sif {

/// Keys to verify with. Movable; not thread safe.
class SIFKIT_API TrustedKeys {
 public:
  TrustedKeys();
  ~TrustedKeys();
  TrustedKeys(TrustedKeys&&) noexcept;
  TrustedKeys& operator=(TrustedKeys&&) noexcept;

  /// A PEM public key, or OpenPGP keys, armored or binary, told by content.
  void add_file(const std::filesystem::path& path);
  /// A ring of OpenPGP keys under a name ("LOCAL"); a file that is not there is no error.
  void add_ring(const std::filesystem::path& path, std::string name);

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// The key to sign with: the text of a PEM private key or of OpenPGP secret keys, and which of these.
struct SigningKey {
  std::string text;
  std::string name;   ///< of the file, for errors
  std::string which;  ///< OpenPGP: fingerprint, key ID or a part of the user id
  PassphraseSource passphrase;
};

enum class Verdict : std::uint8_t {
  valid,      ///< made by a trusted key, and everything it covers is as it was signed
  untrusted,  ///< no trusted key made it, or the key may not be used any more
  tampered,   ///< the signature, or what it covers, does not match
};

SIFKIT_API std::string_view to_string(Verdict verdict) noexcept;

/// One signature's own verdict.
struct SignatureReport {
  std::uint32_t id = 0;     ///< of the signature object
  std::uint32_t group = 0;  ///< that it signs
  std::string format;       ///< "PGP", "DSSE" or "unknown"
  Verdict verdict = Verdict::untrusted;
  std::string reason;       ///< when not valid
  std::string signer;       ///< user id (bytes from the key) or the key's algorithm
  std::string key;          ///< fingerprint, or DSSE key id
  std::string ring;         ///< where the key is from
  std::optional<std::int64_t> created;  ///< PGP: when, in seconds since 1970
  std::vector<std::uint32_t> objects;   ///< that it covers and that match
};

/// What verification found. `failure` is empty when everything that was asked for is covered by valid signatures and no
/// signature on it is bad.
struct VerifyReport {
  std::vector<SignatureReport> signatures;
  std::vector<std::uint32_t> covered;
  std::vector<std::uint32_t> not_covered;
  std::optional<Error> failure;
};

struct VerifyOptions {
  std::vector<std::uint32_t> groups;   ///< empty, with `objects` empty too: every group
  std::vector<std::uint32_t> objects;
  unsigned threads = 1;                ///< that hash
  OperationContext operation;
};

/// Checks signatures of the current kind (docs/formats.md). Every signature gets its verdict; nothing stops at the
/// first. Each object is read once. Throws only when the image cannot be read.
SIFKIT_API VerifyReport verify(const Image& image, const TrustedKeys& keys, const VerifyOptions& options);

struct SignOptions {
  std::vector<std::uint32_t> groups;   ///< empty, with `objects` empty too: one signature for every group
  std::vector<std::uint32_t> objects;  ///< sign these only
  std::optional<std::int64_t> time;    ///< of the new objects; absent: the clock, or none for a deterministic image
  unsigned threads = 1;
  OperationContext operation;
};

/// Adds a signature for each group to a SIF in a file that nobody else knows yet: `file` is read and written in place.
SIFKIT_API void sign_in_place(File& file, const SigningKey& key, const SignOptions& options);

/// Signs a SIF under its name, in place; a crash leaves it without the new signatures or with all of them (ImageEditor).
SIFKIT_API void sign(const std::filesystem::path& path, const SigningKey& key, const SignOptions& options);

}  // namespace sifkit::sif
