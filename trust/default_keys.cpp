// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/default_keys.h>

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/secret.h>

#include "pem.h"

namespace sifkit::trust {

namespace {

std::string key_text(const std::string& path) {
  auto bytes = read_all(*open_source(path), kMaxKeyFileBytes, path);
  const Wiper wiper(bytes);
  return std::string(as_text(bytes));
}

/// Who chooses one of several keys means a ring. A file of PEM holds one key, which may be another than is meant.
void require_ring(const std::vector<SigningKey>& keys, const SigningKey& choice) {
  if (choice.which.empty() && !choice.index) return;
  if (!std::all_of(keys.begin(), keys.end(), [](const SigningKey& key) { return is_pem(key.text); })) return;
  throw Error(ErrorKind::usage,
              fmt::format("{} is a PEM key, where a ring of OpenPGP keys was expected to choose {} from",
                          in_quotes(keys.front().name),
                          choice.index ? fmt::format("number {}", *choice.index) : in_quotes(choice.which)));
}

}  // namespace

std::vector<KeyStore> user_key_stores() {
  std::vector<KeyStore> stores;
  for (auto& directory : {KeyStore::default_directory(), KeyStore::apptainer_directory(), KeyStore::singularity_directory()}) {
    const bool known = std::any_of(stores.begin(), stores.end(), [&](const KeyStore& store) { return store.directory() == directory; });
    if (!known) stores.emplace_back(directory);
  }
  return stores;
}

KeyStore store_of_secret_key(std::string_view which) {
  const auto stores = user_key_stores();
  const auto place = std::find_if(stores.begin(), stores.end(), [&](const KeyStore& store) {
    const auto keys = store.list(KeyPart::secret_key);
    return which.empty() ? !keys.empty() : !keys_meant(keys, which).empty();
  });
  if (place != stores.end()) return *place;
  std::string looked;
  for (const auto& store : stores) looked += (looked.empty() ? "" : " or ") + in_quotes(store.ring(KeyPart::secret_key).native());
  throw Error(ErrorKind::not_found, which.empty() ? "no secret key in " + looked : "no secret key " + in_quotes(which) + " in " + looked,
              Hint(Advice::make_key, "", "a key can be named by its file"));
}

TrustedKeys keys_to_trust(const std::vector<std::string>& files, std::optional<std::int64_t> at) {
  TrustedKeys keys(at);
  for (const auto& file : files) keys.add_file(file);
  if (!files.empty()) return keys;
  for (const auto& store : user_key_stores()) keys.add_ring(store.ring(KeyPart::public_key), "LOCAL");
  for (const auto& ring : site_key_rings()) keys.add_ring(ring, "GLOBAL");
  return keys;
}

void require_certificate(const CertificateFiles& certificate, std::string_view dashes) {
  if (!certificate.certificate.empty()) return;
  const char* const option = certificate.ocsp                     ? "ocsp-verify"
                             : !certificate.roots.empty()         ? "certificate-roots"
                             : !certificate.intermediates.empty() ? "certificate-intermediates"
                                                                  : nullptr;
  if (option != nullptr)
    throw Error(ErrorKind::usage, fmt::format("{0}{1} requires {0}certificate", dashes, option));
}

TrustedKeys keys_to_trust(const std::vector<std::string>& files, const CertificateFiles& certificate,
                          std::optional<std::int64_t> at) {
  require_certificate(certificate);
  if (certificate.certificate.empty()) return keys_to_trust(files, at);
  if (!files.empty()) throw Error(ErrorKind::usage, "a certificate and keys to verify with cannot be combined");
  TrustedKeys keys(at);
  keys.add_certificate(certificate);
  return keys;
}

std::vector<SigningKey> keys_to_sign(const std::vector<std::string>& files, const SigningKey& choice) {
  std::vector<SigningKey> keys;
  const auto add = [&](std::string text, std::string name) {
    keys.push_back(choice);
    keys.back().text = std::move(text);
    keys.back().name = std::move(name);
  };
  in_context([] { return std::string("signing key"); }, [&] {
    for (const auto& path : files) add(key_text(path), path);
    if (!files.empty()) {
      require_ring(keys, choice);
      return;
    }
    const auto store = store_of_secret_key(choice.which);
    add(std::string(as_text(store.read(KeyPart::secret_key))), store.ring(KeyPart::secret_key).native());
  });
  return keys;
}

std::map<std::string, std::string> names_of_known_keys() {
  std::map<std::string, std::string> names;
  for (const auto& store : user_key_stores()) {
    try {
      for (const auto& key : store.list(KeyPart::public_key)) {
        if (!key.user_ids.empty()) names.try_emplace(key.fingerprint, key.user_ids.front());
      }
    } catch (const Error&) {  // a name that is not known is no failure of who asks for it
    }
  }
  return names;
}

}  // namespace sifkit::trust
