// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>

namespace sifkit::trust {

enum class KeyFamily : std::uint8_t { other, rsa, dsa, elliptic };

inline constexpr unsigned kEd25519Bits = 256;

/// How large a key is.
struct KeySize {
  KeyFamily family = KeyFamily::other;
  unsigned bits = 0;  ///< of the modulus or prime; of an elliptic curve: 256 for P-256 and Ed25519
};

/// What a signature is, and how its key is known.
enum class SignatureFormat : std::uint8_t {
  pgp,   ///< OpenPGP
  dsse,  ///< an envelope, by a PEM key
  x509,  ///< an envelope, by the key of a certificate
};

/// What is demanded of the images under one directory. Keys are counted that have signed all that is checked, by signatures
/// that hold, are of a format of `formats` and, for each family of `min_bits`, no smaller than that.
struct PolicyRule {
  std::string place;                          ///< in the document: "rules[0]", "default"
  std::string path;                           ///< of the directory, or of one image; empty: of every image that no other rule is for
  std::vector<std::string> keys;              ///< that count: upper-case fingerprints, DSSE key ids; empty: all trusted ones
  std::size_t threshold = 1;                  ///< how many different keys must count; 1 or more
  std::vector<SignatureFormat> formats;       ///< empty: all
  std::map<KeyFamily, unsigned> min_bits;   ///< not empty: keys of an unknown family do not count
  bool legacy = false;                        ///< legacy signatures may be asked for
  bool strict_layout = false;                 ///< as VerifyOptions::strict_layout
};

/// The rule that was chosen for an image.
struct PolicyMatch {
  std::string policy;  ///< name of the document
  std::string image;   ///< path of the open file, links resolved, or of a link on the way to it: bytes
  std::string place;   ///< as in PolicyRule; empty: no rule is for it, and verification has failed
  std::string path;    ///< as in PolicyRule
};

/// What `verify` demands beyond its options, by the place of an image. It never allows what the options do not. The form
/// of the document is in docs/formats.md. Immutable; may be used from several threads.
class SIFKIT_API VerifyPolicy {
 public:
  /// Reads a file that, as a ring of keys, only its owner may write: the user or root. Throws not_found, denied and io as
  /// the system says, denied for a file or directory that others may write, and as `parse`.
  static VerifyPolicy read(const std::filesystem::path& file, const Limits& limits = {});

  /// `name` stands in errors, which name the place in the document. Throws malformed for what is no policy, unsupported for
  /// one of another version, limit. A rule for a path that leads over a symbolic link is malformed: no open file has it.
  static VerifyPolicy parse(std::string_view text, std::string name, const Limits& limits = {});

  const std::string& name() const noexcept { return name_; }

  /// The rule whose path has the most components of those that `path`, which is absolute, is under or equal to; else the
  /// default; nullptr where there is none. Bytes and whole components are compared. The policy owns it.
  const PolicyRule* rule_for(std::string_view path) const noexcept;

 private:
  VerifyPolicy() = default;

  std::string name_;
  std::vector<PolicyRule> rules_;  ///< the default one among them
};

}  // namespace sifkit::trust
