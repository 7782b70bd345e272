// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/report.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/passphrase.h>
#include <sifkit/sif/verify_policy.h>

namespace sifkit::sif {

/// An X.509 certificate for signing code, and what its chain is made of. PEM files.
struct CertificateFiles {
  std::filesystem::path certificate;    ///< the first block; more blocks are intermediates
  std::filesystem::path intermediates;  ///< empty: none
  std::filesystem::path roots;          ///< empty: those of the system
  bool ocsp = false;                    ///< ask each certificate's OCSP responder whether it is revoked now (network)
};

/// Keys to verify with, and the moment as of which they and their signatures are judged. Movable; not thread safe.
class SIFKIT_API TrustedKeys {
 public:
  /// `at`: seconds since 1970, 1 to 2^32 - 1, else ErrorKind::usage; absent: now, whenever that is. A key that was given up
  /// later counts unless its revocation says, or does not exclude, that it was stolen.
  explicit TrustedKeys(std::optional<std::int64_t> at = std::nullopt);
  ~TrustedKeys();
  TrustedKeys(TrustedKeys&&) noexcept;
  TrustedKeys& operator=(TrustedKeys&&) noexcept;

  /// A PEM public key, or OpenPGP keys, armored or binary, told by content.
  void add_file(const std::filesystem::path& path);
  /// A ring of OpenPGP keys under a name ("LOCAL"); a file that is not there is no error. Throws denied for one that
  /// others than its owner may write: whoever can write a ring decides what is trusted.
  void add_ring(const std::filesystem::path& path, std::string name);
  /// The key of a certificate. Throws untrusted unless its chain leads to a root, every certificate of it is valid at the
  /// moment, code signing is among its uses and, if asked for, no responder says otherwise.
  void add_certificate(const CertificateFiles& files);

  struct Impl;
  const Impl& impl() const noexcept { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// The key to sign with: the text of a PEM private key or of OpenPGP secret keys, and which of these.
struct SigningKey {
  std::string text;
  std::string name;   ///< of the file, for errors
  std::string which;  ///< OpenPGP: fingerprint, 16-digit key ID or a part of the user id; empty: the only one
  std::optional<std::size_t> index;  ///< OpenPGP: place in the ring, from 0, in place of `which`
  PassphraseSource passphrase;
};

enum class Verdict : std::uint8_t {
  valid,      ///< made by a trusted key, and everything it covers is as it was signed
  untrusted,  ///< no trusted key made it, or the key may not be used any more
  tampered,   ///< the signature, or what it covers, does not match
};

SIFKIT_API std::string_view to_string(Verdict verdict) noexcept;

/// A key that a signature names. All but `key` is empty where the key is unknown.
struct Signer {
  std::string key;        ///< fingerprint of the PGP primary key (upper-case hex), or DSSE key id
  std::string name;       ///< user id or subject: bytes from the key, which nothing vouches for
  std::string algorithm;  ///< "RSA 4096"
  std::string ring;       ///< where the key is from: the ring's name or the file's
  std::optional<std::int64_t> expires;  ///< seconds since 1970
  std::optional<std::int64_t> revoked;  ///< PGP: when, in seconds since 1970
  bool valid = false;     ///< the signature is this key's, and the key may be used
  bool certified = false; ///< known by its certificate, not as a key alone
  std::vector<KeySize> sizes;  ///< of the key that has signed, then of those that it rests on: PGP's primary key, the chain of a certificate
};

/// One signature's own verdict.
struct SignatureReport {
  std::uint32_t id = 0;      ///< of the signature object
  std::uint32_t group = 0;   ///< that it signs; 0 for a legacy signature of an object
  std::uint32_t object = 0;  ///< that a legacy signature signs; else 0
  bool legacy = false;       ///< covers bytes only: neither header nor descriptors
  std::string format;        ///< "PGP", "DSSE" or "unknown"
  std::string hash;          ///< "SHA256"; empty where unknown
  Verdict verdict = Verdict::untrusted;
  std::string reason;        ///< when not valid
  std::vector<Signer> signers;          ///< one, but for DSSE
  std::optional<std::int64_t> created;  ///< PGP: when, in seconds since 1970
  std::vector<std::uint32_t> objects;   ///< that it covers, were looked at, and match
  std::vector<std::uint32_t> damaged;   ///< that it covers and whose bytes do not match
};

/// A key that has made valid signatures, counted once however many they are.
struct KeyCoverage {
  std::string key;                     ///< as in Signer
  std::vector<std::uint32_t> objects;  ///< that it has signed, of those that were checked
};

/// What no signature of any image protects, as far as it says something (docs/formats.md has the whole list).
struct Unprotected {
  std::string architecture;            ///< GOARCH word of the header
  std::optional<bool> agrees;          ///< with that of every primary partition; absent where there is none
  std::uint64_t bytes_between = 0;     ///< of the file before its last object that are no part of it: padding and holes
  std::uint64_t bytes_behind = 0;      ///< behind the last object
};

/// What verification found. `failure` is empty when everything that was asked for is covered by valid signatures and no
/// signature on it is bad; else it is the worst of what was found (tampered, untrusted, unsigned_image).
struct VerifyReport {
  std::optional<std::int64_t> at;          ///< as of when keys and signatures were judged; absent: now
  std::vector<SignatureReport> signatures;
  std::vector<std::uint32_t> covered;
  std::vector<std::uint32_t> not_covered;
  std::vector<std::uint32_t> not_checked;  ///< outside the selection; signatures are not listed
  std::vector<KeyCoverage> keys;
  Unprotected unprotected;
  std::vector<std::string> layout;         ///< what a strict layout would not have; empty unless asked for
  std::optional<Digest> digest;            ///< of the whole file, if asked for: SHA-256, or the algorithm of the required one
  std::optional<PolicyMatch> policy;       ///< if there was one
  std::vector<PolicyMatch> policy_links;   ///< rules of it for symbolic links that the name leads over, which must hold, too
  std::optional<Error> failure;
};

struct VerifyOptions {
  std::vector<std::uint32_t> groups;       ///< empty, with `objects` empty too: everything (legacy: the primary partition)
  std::vector<std::uint32_t> objects;
  bool legacy = false;                     ///< look at legacy signatures, and at no others
  bool every_object = false;               ///< legacy: every object must have its own
  std::vector<std::string> required_keys;  ///< each must have signed all that is checked: 40 hex digits, blanks between
                                           ///< them allowed, or a DSSE key id
  bool strict_layout = false;              ///< fail where bytes of the file say something that nothing signs
  bool digest = false;                     ///< of the whole file, which is read once more
  std::optional<Digest> required_digest;   ///< that the whole file must have: the remedy against old images, well signed
  const VerifyPolicy* policy = nullptr;    ///< demands more, by the place of the open file; it outlives the call
  unsigned threads = 1;                    ///< that hash
  Limits limits;                           ///< signatures, signature_bytes
  OperationContext operation;
};

/// Checks signatures (docs/formats.md) of the open file; its name is not looked up again. Every signature gets its
/// verdict; nothing stops at the first. Each object is read once (legacy: once for each signature). Throws only when
/// the image cannot be read (io), what was asked for is not there (not_found, usage) or a limit is exceeded.
SIFKIT_API VerifyReport verify(const Image& image, const TrustedKeys& keys, const VerifyOptions& options);

struct SignOptions {
  std::vector<std::uint32_t> groups;   ///< empty, with `objects` empty too: one signature for every group
  std::vector<std::uint32_t> objects;  ///< sign these only
  std::optional<std::int64_t> time;    ///< of the new objects; absent: the clock, or none for a deterministic image
  unsigned threads = 1;
  Limits limits;                       ///< signature_bytes
  OperationContext operation;
};

/// Adds signatures for each group to a SIF in a file that nobody else knows yet: `file` is read and written in place.
/// PEM keys sign one envelope together, which is valid with any of them; each OpenPGP key makes a signature of its own.
SIFKIT_API void sign_in_place(File& file, std::span<const SigningKey> keys, const SignOptions& options);

/// Signs a SIF under its name, in place; a crash leaves it without the new signatures or with all of them (ImageEditor).
SIFKIT_API void sign(const std::filesystem::path& path, std::span<const SigningKey> keys, const SignOptions& options);

}  // namespace sifkit::sif
