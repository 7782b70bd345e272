// SPDX-License-Identifier: Apache-2.0
//
// The files of a key store: where they are, whose they may be, and writing them at once.
#include <algorithm>
#include <thread>

#include <unistd.h>

#include <sifkit/trust/verify.h>

#include "support/environment.h"
#include "support/key_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

TEST_CASE("keys that others may read or write are not used, and the error says the remedy", "[trust][keys]") {
  KeyFixture fixture;
  fixture.make("ada");
  const auto refused = [&](const std::filesystem::path& path, unsigned mode, KeyPart part) {
    const auto before = mode_of(path);
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    const auto error = error_of([&] { fixture.maker.list(part); });
    const auto write_error = error_of([&] { fixture.make("bob"); });
    REQUIRE(::chmod(path.c_str(), before) == 0);
    CHECK(kind_of(write_error) == ErrorKind::denied);
    CHECK(kind_of(error) == ErrorKind::denied);
    CHECK(error->hint().text().starts_with("chmod "));
    return error->hint().text();
  };
  CHECK(refused(fixture.maker.directory(), 0755, kPublic).starts_with("chmod 700"));
  CHECK(refused(fixture.maker.directory(), 0710, kSecret).starts_with("chmod 700"));
  CHECK(refused(fixture.maker.ring(kSecret), 0640, kSecret).starts_with("chmod 600"));
  CHECK(refused(fixture.maker.ring(kSecret), 0604, kSecret).starts_with("chmod 600"));
  CHECK(refused(fixture.maker.ring(kPublic), 0620, kPublic).starts_with("chmod go-w"));
  CHECK(fixture.maker.list(kPublic).size() == 1);
}

TEST_CASE("a ring of another user is not used", "[trust][keys]") {
  if (::geteuid() != 0) SKIP_TEST("needs root");
  KeyFixture fixture;
  fixture.make("ada");
  REQUIRE(::chown(fixture.maker.ring(kSecret).c_str(), 65534, 65534) == 0);
  CHECK(kind_of(error_of([&] { fixture.maker.list(kSecret); })) == ErrorKind::denied);
  REQUIRE(::chown(fixture.maker.directory().c_str(), 65534, 65534) == 0);
  CHECK(kind_of(error_of([&] { fixture.maker.list(kPublic); })) == ErrorKind::denied);
}

TEST_CASE("a ring that cannot be looked at is not passed over, for it may say that a key is revoked", "[trust][keys]") {
  const TempDir directory;
  TrustedKeys keys;
  CHECK_NOTHROW(keys.add_ring(directory / "absent" / "ring", "LOCAL"));
  std::filesystem::create_symlink("loop", directory / "loop");
  CHECK(error_of([&] { keys.add_ring(directory / "loop", "LOCAL"); }));
  CHECK(error_of([&] { keys.add_ring(directory / "loop" / "ring", "LOCAL"); }));
  CHECK(error_of([&] { keys.add_ring(directory / std::string(300, 'x'), "LOCAL"); }));
}

TEST_CASE("a ring may be a link, which stays, but no pipe or directory", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto elsewhere = fixture.directory / "elsewhere";
  std::filesystem::rename(fixture.maker.ring(kPublic), elsewhere);
  std::filesystem::create_symlink(elsewhere, fixture.maker.ring(kPublic));
  const auto bob = fixture.make("bob");
  CHECK(std::filesystem::is_symlink(fixture.maker.ring(kPublic)));
  CHECK(fingerprints(fixture.maker.list(kPublic)) == std::vector{ada, bob});
  std::filesystem::remove(fixture.maker.ring(kPublic));
  REQUIRE(::mkfifo(fixture.maker.ring(kPublic).c_str(), 0600) == 0);
  CHECK(kind_of(error_of([&] { fixture.maker.list(kPublic); })) == ErrorKind::usage);
  std::filesystem::remove(fixture.maker.ring(kPublic));
  std::filesystem::create_directory(fixture.maker.ring(kPublic));
  CHECK(kind_of(error_of([&] { fixture.maker.list(kPublic); })) == ErrorKind::usage);
}

TEST_CASE("public keys come beside a secret ring that cannot be read, unless they are revoked", "[trust][keys]") {
  KeyFixture fixture;
  fixture.make("ada");
  const KeyFixture others;
  const auto bob = others.make("bob");
  const auto eve = others.make("eve");
  const auto ring = fixture.maker.ring(kSecret);
  const bool dangling = GENERATE(false, true);
  if (dangling) {
    std::filesystem::rename(ring, fixture.directory / "elsewhere");
    std::filesystem::create_symlink(fixture.directory / "absent", ring);
  } else {
    REQUIRE(::chmod(ring.c_str(), 0640) == 0);
  }
  const auto import = [&](const Bytes& key) { return fixture.maker.import_keys(key, "input", true).at(0).change; };
  CHECK(import(others.exported(bob)) == ImportedKey::Change::added);
  CHECK(import(others.exported(bob)) == ImportedKey::Change::unchanged);
  CHECK(error_of([&] { import(others.exported(eve, kSecret)); }));
  others.maker.import_keys(as_bytes(others.revocation(eve)), "revocation", true);
  CHECK(error_of([&] { import(others.exported(eve)); }));
  CHECK(fixture.maker.list(kPublic).size() == 2);

  if (dangling) {
    std::filesystem::rename(fixture.directory / "elsewhere", ring);
  } else {
    REQUIRE(::chmod(ring.c_str(), 0600) == 0);
  }
  CHECK(import(others.exported(eve)) == ImportedKey::Change::added);
  CHECK(fixture.maker.list(kSecret).size() == 1);
}

TEST_CASE("nothing is lost when many write at once", "[trust][keys]") {
  KeyFixture fixture;
  std::vector<Bytes> keys;
  std::vector<std::string> wanted;
  for (int i = 0; i < 20; ++i) {
    wanted.push_back(fixture.make("user" + std::to_string(i)));
    keys.push_back(fixture.exported(wanted.back(), kSecret));
  }
  {
    std::vector<std::jthread> writers;
    for (const auto& key : keys) writers.emplace_back([&fixture, &key] { KeyStore(fixture.store.directory()).import_keys(key, "input", true); });
  }
  std::sort(wanted.begin(), wanted.end());
  for (const auto part : {kPublic, kSecret}) {
    auto there = fingerprints(fixture.store.list(part));
    std::sort(there.begin(), there.end());
    CHECK(there == wanted);
  }
}

TEST_CASE("the directory is the one the environment names", "[trust][keys]") {
  const Environment plain(keys_below("/home/ada"));
  CHECK(KeyStore::default_directory() == "/home/ada/.config/sifkit/keys");
  const Environment relative("XDG_CONFIG_HOME", "relative");
  CHECK(KeyStore::default_directory() == "/home/ada/.config/sifkit/keys");
  const Environment absolute("XDG_CONFIG_HOME", "/xdg");
  CHECK(KeyStore::default_directory() == "/xdg/sifkit/keys");
  const Environment own("SIFKIT_CONFIGDIR", "/own");
  CHECK(KeyStore::default_directory() == "/own/keys");
  const auto others = [] { return std::pair(KeyStore::apptainer_directory(), KeyStore::singularity_directory()); };
  using Directories = std::pair<std::filesystem::path, std::filesystem::path>;
  CHECK(others() == Directories("/home/ada/.apptainer/keys", "/home/ada/.singularity/sypgp"));
  const Environment both("SINGULARITY_CONFIGDIR", "/both");
  CHECK(others() == Directories("/both/keys", "/both/sypgp"));
  const Environment apptainer("APPTAINER_CONFIGDIR", "/one");
  CHECK(others() == Directories("/one/keys", "/both/sypgp"));
  const Environment old("SINGULARITY_SYPGPDIR", "/old");
  CHECK(others() == Directories("/old", "/old"));
  const Environment keys("APPTAINER_KEYSDIR", "/new");
  CHECK(others() == Directories("/new", "/old"));
}
