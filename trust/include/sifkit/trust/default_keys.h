// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/trust/key_store.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/trusted_keys.h>

namespace sifkit::trust {

inline constexpr std::uint64_t kMaxKeyFileBytes = 16u << 20;  ///< of a file of keys

/// The user's directories of keys in the order in which they are looked at: ours, Apptainer's, SingularityCE's.
SIFKIT_API std::vector<KeyStore> user_key_stores();

/// The first of them with a secret key that `which` means; any secret key where that is empty. Throws not_found.
SIFKIT_API KeyStore store_of_secret_key(std::string_view which);

/// Keys to verify with: those in the files, or, where there are none, those in the user's rings and the site's. `at` as in
/// TrustedKeys.
SIFKIT_API TrustedKeys keys_to_trust(const std::vector<std::string>& files, std::optional<std::int64_t> at);
/// Throws usage where something is asked of a certificate's chain and no certificate is named: it would pass for done,
/// as keys are trusted by themselves. `dashes` stand in front of the names of options.
SIFKIT_API void require_certificate(const CertificateFiles& certificate, std::string_view dashes = {});
/// The same, or the key of a certificate alone, where one is named. Throws usage as `require_certificate`, and where keys
/// are named, too: which of them count would be a guess.
SIFKIT_API TrustedKeys keys_to_trust(const std::vector<std::string>& files, const CertificateFiles& certificate,
                                     std::optional<std::int64_t> at);

/// Keys to sign with: those in the files, or, where there are none, one of the first ring with a key that `choice` means.
/// `choice` says which key, and where its passphrase comes from; its text and name are filled in. Throws usage where it
/// chooses a key and all the files are PEM keys.
SIFKIT_API std::vector<SigningKey> keys_to_sign(const std::vector<std::string>& files, const SigningKey& choice);

/// The first user id of each key in the public rings that can be read, by fingerprint. Whether a key is good is another
/// question.
SIFKIT_API std::map<std::string, std::string> names_of_known_keys();

}  // namespace sifkit::trust
