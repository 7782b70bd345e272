// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/layout.h>
#include <sifkit/trust/trusted_keys.h>
#include <sifkit/trust/verify_policy.h>

namespace sifkit::trust {

enum class Verdict : std::uint8_t {
  valid,        ///< made by a trusted key, and everything it covers is as it was signed
  untrusted,    ///< no trusted key made it, or the key may not be used any more
  unsupported,  ///< of a form that is not accepted here, like one over a weak hash: nothing is known of what it covers
  incomplete,   ///< the file is cut short: it, or what it covers, is not all there
  tampered,     ///< the signature, or what it covers, does not match
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
  bool ignored = false;      ///< VerifyOptions::ignore_others: by no key that was asked for, so it does not count
  std::vector<Signer> signers;          ///< one, but for DSSE
  std::optional<std::int64_t> created;  ///< PGP: when, in seconds since 1970
  std::vector<std::uint32_t> objects;   ///< that it covers, were looked at, and match
  std::vector<std::uint32_t> damaged;   ///< that it covers and whose bytes do not match or are not all there
};

/// A key that has made valid signatures, counted once however many they are.
struct KeyCoverage {
  std::string key;                     ///< as in Signer
  std::vector<std::uint32_t> objects;  ///< that it has signed, of those that were checked
};

/// What verification found. `failure` is empty when everything that was asked for is covered by valid signatures and no
/// signature on it is bad; else it is the worst of what was found: tampered, malformed (the file is cut short),
/// unsupported, untrusted, unsigned_image. An object that was checked is in one of the first four lists, whatever became of
/// others.
struct VerifyReport {
  std::optional<std::int64_t> at;          ///< as of when keys and signatures were judged; absent: now
  std::vector<SignatureReport> signatures;
  std::vector<std::uint32_t> covered;      ///< a trusted key has signed it, and it is as it was signed
  std::vector<std::uint32_t> changed;      ///< a trusted key has signed it, and it is not
  std::vector<std::uint32_t> cut_short;    ///< its end is missing
  std::vector<std::uint32_t> not_covered;  ///< no trusted key has signed it
  std::vector<std::uint32_t> not_checked;  ///< outside the selection; signatures are not listed
  std::vector<KeyCoverage> keys;
  sif::Unprotected unprotected;
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
  bool ignore_others = false;              ///< signatures by none of `required_keys` (by no trusted key where there are none)
                                           ///< do not matter: have these keys signed it, and does that hold?
  bool strict_layout = false;              ///< fail where bytes of the file say something that nothing signs
  bool digest = false;                     ///< of the whole file, which is read once more
  std::optional<Digest> required_digest;   ///< that the whole file must have: the remedy against old images, well signed
  const VerifyPolicy* policy = nullptr;    ///< demands more, by the place of the open file; it outlives the call
  std::filesystem::path place;             ///< for the policy: where a file is going to be that has no name yet
  unsigned threads = 1;                    ///< that hash
  Limits limits;                           ///< signatures, signature_bytes
  OperationContext operation;
};

/// Checks signatures (docs/formats.md) of the open file; its name is not looked up again. Every signature gets its
/// verdict; nothing stops at the first. Each object is read once (legacy: once for each signature). Throws only when
/// the image cannot be read, or does not hold and was changed meanwhile (io), what was asked for is not there (not_found,
/// usage) or a limit is exceeded.
SIFKIT_API VerifyReport verify(const sif::Image& image, const TrustedKeys& keys, const VerifyOptions& options);

}  // namespace sifkit::trust
