// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sys/stat.h>

#include <sifkit/trust/key_store.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

inline constexpr auto kPublic = trust::KeyPart::public_key;
inline constexpr auto kSecret = trust::KeyPart::secret_key;

/// Two directories of keys: one that keys are made in, and one that they come to.
struct KeyFixture {
  TempDir directory;
  trust::KeyStore maker{directory / "maker"};
  trust::KeyStore store{directory / "store"};

  std::string make(const std::string& name, const std::string& passphrase = "secret") const {
    return maker.generate({.name = name, .comment = {}, .email = name + "@example.org", .passphrase = passphrase, .algorithm = trust::KeyAlgorithm::ed25519, .lifetime = 86400}).fingerprint;
  }

  Bytes exported(const std::string& which, trust::KeyPart part = kPublic, bool armored = false) const { return maker.export_key(which, part, armored); }

  std::string revocation(const std::string& fingerprint) const { return read_file(maker.directory() / "revocations" / (fingerprint + ".asc")); }
};

inline unsigned mode_of(const std::filesystem::path& path) {
  struct stat st {};
  REQUIRE(::lstat(path.c_str(), &st) == 0);
  return st.st_mode & 07777;
}

inline std::vector<std::string> fingerprints(const std::vector<trust::PgpKeyInfo>& keys) {
  std::vector<std::string> out;
  for (const auto& key : keys) out.push_back(key.fingerprint);
  return out;
}

inline ErrorKind kind_of(const std::optional<Error>& error) {
  REQUIRE(error);
  return error->kind();
}

}  // namespace sifkit::testing
