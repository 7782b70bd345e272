// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <algorithm>

#include <openssl/crypto.h>

#include <sifkit/core/file.h>
#include <sifkit/trust/key_store.h>

#include "process.h"

namespace sifkit::cli {

namespace {

/// The user's directories of keys, in the order in which they are looked at.
std::vector<trust::KeyStore> key_stores() {
  std::vector<trust::KeyStore> stores;
  for (auto& directory : {trust::KeyStore::default_directory(), trust::KeyStore::apptainer_directory(), trust::KeyStore::singularity_directory()}) {
    const bool known = std::any_of(stores.begin(), stores.end(), [&](const trust::KeyStore& store) { return store.directory() == directory; });
    if (!known) stores.emplace_back(directory);
  }
  return stores;
}

/// The first ring that holds a key which is meant.
trust::KeyStore store_of_secret_key(const std::string& which) {
  const auto stores = key_stores();
  const auto place = std::find_if(stores.begin(), stores.end(), [&](const trust::KeyStore& store) {
    const auto keys = store.list(trust::KeyPart::secret_key);
    return which.empty() ? !keys.empty() : !trust::keys_meant(keys, which).empty();
  });
  if (place != stores.end()) return *place;
  std::string looked;
  for (const auto& store : stores) looked += (looked.empty() ? "" : " or ") + in_quotes(store.ring(trust::KeyPart::secret_key).native());
  throw Error(ErrorKind::not_found, which.empty() ? "no secret key in " + looked : "no secret key " + in_quotes(which) + " in " + looked,
              "make one by 'sifkit key newpair', or name a key by --key");
}

std::string key_text(const std::string& path) {
  auto bytes = read_all(*open_source(path), kMaxKeyBytes, path);
  std::string text(as_text(bytes));
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return text;
}

}  // namespace

void add_key_options(CLI::App& verb, KeyArguments& arguments) {
  verb.add_option("--key", arguments.files, "A PEM private key or OpenPGP secret keys (may be given again; default: your ring of secret keys, else Apptainer's, else SingularityCE's)")
      ->type_name("KEYFILE")
      ->allow_extra_args(false);
  verb.add_option("--key-name", arguments.which, "Which key of a ring: fingerprint, long key ID, email or a part of a user id; a subkey by its fingerprint")->type_name("NAME");
  add_passphrase_options(verb, arguments.passphrase);
}

std::vector<trust::SigningKey> signing_keys(const KeyArguments& arguments, const Session& session) {
  forbid_core_dumps();
  auto files = arguments.files;
  if (const auto named = environment("SIGN_KEY"); files.empty() && named) files = {*named};
  std::vector<trust::SigningKey> keys;
  const auto add = [&](std::string text, std::string name) {
    keys.push_back({std::move(text), std::move(name), arguments.which, arguments.index,
                    [from = arguments.passphrase, stop = session.io.stop](std::string_view key) { return passphrase(from, key, stop); }});
  };
  in_context([] { return std::string("signing key"); }, [&] {
    for (const auto& path : files) add(key_text(path), path);
    if (!files.empty()) return;
    const auto store = store_of_secret_key(arguments.which);
    add(std::string(as_text(store.read(trust::KeyPart::secret_key))), store.ring(trust::KeyPart::secret_key).native());
  });
  return keys;
}

trust::TrustedKeys trusted_keys(const std::vector<std::string>& files, std::optional<std::int64_t> at) {
  trust::TrustedKeys keys(at);
  for (const auto& file : files) keys.add_file(file);
  if (files.empty()) {
    for (const auto& store : key_stores()) keys.add_ring(store.ring(trust::KeyPart::public_key), "LOCAL");
    for (const auto& ring : trust::site_key_rings()) keys.add_ring(ring, "GLOBAL");
  }
  return keys;
}

std::map<std::string, std::string> names_of_known_keys() {
  std::map<std::string, std::string> names;
  for (const auto& store : key_stores()) {
    try {
      for (const auto& key : store.list(trust::KeyPart::public_key)) {
        if (!key.user_ids.empty()) names.try_emplace(key.fingerprint, key.user_ids.front());
      }
    } catch (const Error&) {  // a name that is not known is no failure of who asks for it
    }
  }
  return names;
}

}  // namespace sifkit::cli
