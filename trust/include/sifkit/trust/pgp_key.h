// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>

namespace sifkit::trust {

/// Which half of a key pair. OpenPGP's secret keys hold the public half too.
enum class KeyPart : std::uint8_t { public_key, secret_key };

/// "public" or "secret".
SIFKIT_API std::string_view to_string(KeyPart part) noexcept;

/// What an OpenPGP key says of itself (RFC 9580, section 10.1): only what it has signed counts. User ids are whatever its owner wrote: nobody has checked
/// them, and they may hold any bytes.
struct PgpKeyInfo {
  std::string fingerprint;               ///< 40 upper-case hex digits; empty when the key is of a kind not known here
  std::string algorithm;                 ///< "EdDSA", "RSA", "ECDSA", …
  std::string curve;                     ///< "Ed25519", "NIST P-256", …; empty without one
  unsigned bits = 0;
  unsigned security_bits = 0;            ///< estimated strength (NIST SP 800-56B, table 4); 0: not known
  std::int64_t created = 0;              ///< seconds since 1970
  std::optional<std::int64_t> expires;   ///< seconds since 1970; absent: never
  KeyPart part = KeyPart::public_key;
  bool locked = false;                   ///< a secret key under a passphrase
  bool can_sign = false;
  std::vector<std::string> user_ids;     ///< that the key has certified, the primary one first
  std::vector<std::string> revoked_user_ids;
  std::vector<std::string> subkeys;      ///< fingerprints of those that are bound to it
  std::string problem;                   ///< why it is of no use now ("has expired"); empty when there is nothing to say
  bool open = false;                     ///< a secret key that is there and under no passphrase; of one left out neither
};

/// The version of librnp, which makes and unlocks OpenPGP keys. Throws not_found where it is missing. Any thread.
SIFKIT_API std::string pgp_library_version();

/// Describes keys in their binary or armored form, several one after the other. `name` says in errors where they are
/// from. Throws malformed for anything that is not OpenPGP keys, limit for more than 16 MiB. Any thread.
SIFKIT_API std::vector<PgpKeyInfo> read_pgp_keys(ByteView keys, std::string_view name);

/// The places of the keys that `which` means: by the last 16 or more digits of a fingerprint, a subkey's too (blanks, case
/// and "0x" do not count), else by a user id: as a whole, else its email, else a part, whatever the case. Shorter numbers
/// are too easily forged to mean a key. Throws usage for an empty text.
SIFKIT_API std::vector<std::size_t> keys_meant(std::span<const PgpKeyInfo> keys, std::string_view which);

/// "[0] FINGERPRINT USER; [1] …", of those at `places` or of all, without those of kinds not known here: for hints. Some
/// of many.
SIFKIT_API std::string list_of_keys(std::span<const PgpKeyInfo> keys, const std::vector<std::size_t>* places = nullptr);

/// The place of the one that is meant. Throws not_found, or usage where several are, and lists them. `kind` ("secret") and
/// `place`, the name of the ring, are for the errors.
SIFKIT_API std::size_t key_meant(std::span<const PgpKeyInfo> keys, std::string_view which, std::string_view kind, std::string_view place);

/// The hex digits of a fingerprint or long key ID as people write them, in upper case; empty for anything else.
SIFKIT_API std::string fingerprint_digits(std::string_view text);

/// The same of a whole fingerprint (40 digits); throws usage for anything else.
SIFKIT_API std::string require_fingerprint(std::string_view text);

}  // namespace sifkit::trust
