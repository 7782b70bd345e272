// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>
#include <sifkit/trust/pgp_key.h>

namespace sifkit::trust {

enum class KeyAlgorithm : std::uint8_t { ed25519, rsa4096 };

/// A key pair to make.
struct NewPgpKey {
  std::string name;
  std::string comment;                        ///< may be empty
  std::string email;                          ///< may be empty
  std::string passphrase;                     ///< empty: the secret key is not locked
  KeyAlgorithm algorithm = KeyAlgorithm::ed25519;
  std::optional<std::uint32_t> lifetime;      ///< seconds from now; absent: for ever
};

/// What became of one key that was imported.
struct ImportedKey {
  enum class Change : std::uint8_t { added, updated, unchanged };
  PgpKeyInfo key;
  Change change = Change::unchanged;
};

SIFKIT_API std::string_view to_string(ImportedKey::Change change) noexcept;

/// A directory with two rings of OpenPGP keys, `pgp-public` and `pgp-secret`: binary, as Apptainer and SingularityCE write
/// them in their `keys` directory, so one directory serves all of them.
///
/// Everything in it is for its owner's eyes only: a directory or secret ring that others may read, or a ring that others
/// may write or own, is refused with ErrorKind::denied at each use. Writers take turns by a lock, and a ring changes in
/// one step. Keys that are not touched keep their bytes, known here or not.
///
/// Objects hold a path only; any thread may use them.
class SIFKIT_API KeyStore {
 public:
  /// The directory need not exist: it is made (mode 0700) by the first write.
  explicit KeyStore(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// `$SIFKIT_CONFIGDIR/keys`, else `$XDG_CONFIG_HOME/sifkit/keys`, else `~/.config/sifkit/keys`.
  static std::filesystem::path default_directory();
  /// Apptainer's: `$APPTAINER_KEYSDIR`, else `$SINGULARITY_SYPGPDIR`, else `keys` in `$APPTAINER_CONFIGDIR`,
  /// `$SINGULARITY_CONFIGDIR` or `~/.apptainer`.
  static std::filesystem::path apptainer_directory();
  /// SingularityCE's: `$SINGULARITY_SYPGPDIR`, else `sypgp` in `$SINGULARITY_CONFIGDIR` or `~/.singularity`.
  static std::filesystem::path singularity_directory();

  const std::filesystem::path& directory() const noexcept { return directory_; }
  std::filesystem::path ring(KeyPart part) const { return directory_ / (part == KeyPart::public_key ? "pgp-public" : "pgp-secret"); }

  /// The ring's bytes; none where there is no ring.
  Bytes read(KeyPart part) const;

  /// The ring's keys, in its order.
  std::vector<PgpKeyInfo> list(KeyPart part) const;

  /// The one key that `which` means (`keys_meant`). Throws not_found, or usage when it means several.
  PgpKeyInfo find(std::string_view which, KeyPart part) const;

  /// Adds keys, armored or binary; secret ones go to both rings, or only to the public one unless `with_secret`. A key
  /// that is there already gains what is new in it (user ids, signatures, a later expiry, a revocation), and so
  /// does its secret half, but of its public one only what the key itself has signed; a secret that is there stays. A
  /// revocation certificate by itself revokes its key, in both rings. A secret ring that cannot be read stays as it is
  /// where the keys are public and not revoked; else nothing is imported.
  std::vector<ImportedKey> import_keys(ByteView keys, std::string_view name, bool with_secret) const;

  /// The one key that `which` means. `armored`: as text.
  Bytes export_key(std::string_view which, KeyPart part, bool armored) const;

  /// Takes a key out of a ring; `which` is its fingerprint or long key ID.
  PgpKeyInfo remove(std::string_view which, KeyPart part) const;

  /// Makes a key pair and a certificate that revokes it (`revocations/FINGERPRINT.asc`). Throws usage for a name or
  /// email that OpenPGP programs would not take.
  PgpKeyInfo generate(const NewPgpKey& wanted) const;

 private:
  std::filesystem::path directory_;
};

/// The site's rings of trusted keys that exist, wherever Apptainer or SingularityCE were installed.
SIFKIT_API std::vector<std::filesystem::path> site_key_rings();

}  // namespace sifkit::trust
