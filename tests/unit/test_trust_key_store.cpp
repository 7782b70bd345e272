// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>

#include <fmt/format.h>

#include <sifkit/trust/verify.h>
#include <sifkit/trust/keyserver.h>

#include "pgp.h"

#include "support/key_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;

TEST_CASE("a new key pair is in both rings, locked, and for its owner alone whatever the umask", "[trust][keys]") {
  const mode_t umask = GENERATE(mode_t{0}, mode_t{0777});
  KeyFixture fixture;
  const mode_t before = ::umask(umask);
  const auto fingerprint = fixture.make("ada");
  ::umask(before);
  CHECK(mode_of(fixture.maker.directory()) == 0700);
  CHECK(mode_of(fixture.maker.ring(kPublic)) == 0600);
  CHECK(mode_of(fixture.maker.ring(kSecret)) == 0600);
  CHECK(mode_of(fixture.maker.directory() / "revocations") == 0700);
  CHECK(mode_of(fixture.maker.directory() / "revocations" / (fingerprint + ".asc")) == 0600);

  for (const auto part : {kPublic, kSecret}) {
    const auto keys = fixture.maker.list(part);
    REQUIRE(keys.size() == 1);
    CHECK(keys[0].fingerprint == fingerprint);
    CHECK(keys[0].fingerprint.size() == 40);
    CHECK(keys[0].curve == "Ed25519");
    CHECK(keys[0].security_bits == 128);
    CHECK(keys[0].user_ids == std::vector<std::string>{"ada <ada@example.org>"});
    CHECK(keys[0].part == part);
    CHECK(keys[0].locked == (part == kSecret));
    CHECK(keys[0].can_sign);
    CHECK(keys[0].problem.empty());
    CHECK(keys[0].expires == keys[0].created + 86400);
  }
}

TEST_CASE("the secret numbers of a locked key are not in the ring", "[trust][keys]") {
  KeyFixture fixture;
  fixture.make("open", "");
  const auto open = fixture.maker.list(kSecret);
  CHECK_FALSE(open.at(0).locked);
  // Of a version 4 key the octet after the public numbers says how the secret ones are kept: 0 is in the clear, 254 locked.
  const auto usage = [&](const std::string& which) {
    const auto bytes = fixture.exported(which, kSecret);
    constexpr std::size_t kPublicNumbers = 1 + 4 + 1 + 1 + 9 + 2 + 33;
    return std::to_integer<int>(bytes.at(2 + kPublicNumbers));
  };
  CHECK(usage("open") == 0);
  fixture.make("shut");
  CHECK(usage("shut") == 254);
}

TEST_CASE("RSA keys have 4096 bits, and a key may be made for ever", "[trust][keys]") {
  KeyFixture fixture;
  const auto key = fixture.store.generate({.name = "Ada", .comment = "work", .email = "", .passphrase = "x", .algorithm = KeyAlgorithm::rsa4096, .lifetime = std::nullopt});
  CHECK(key.algorithm == "RSA");
  CHECK(key.bits == 4096);
  CHECK(key.security_bits == 152);
  CHECK_FALSE(key.expires);
  CHECK(key.user_ids == std::vector<std::string>{"Ada (work)"});
}

TEST_CASE("names and emails that would read as something else are refused", "[trust][keys]") {
  KeyFixture fixture;
  const auto refused = [&](const std::string& name, const std::string& comment, const std::string& email) {
    return kind_of(error_of([&] { fixture.store.generate({.name = name, .comment = comment, .email = email, .passphrase = "x", .algorithm = {}, .lifetime = {}}); }));
  };
  CHECK(refused("", "", "") == ErrorKind::usage);
  CHECK(refused("Ada <root@example.org>", "", "") == ErrorKind::usage);
  CHECK(refused("Ada", ") <x@y> (", "") == ErrorKind::usage);
  CHECK(refused("Ada\n", "", "") == ErrorKind::usage);
  CHECK(refused("Ada", "", "ada") == ErrorKind::usage);
  CHECK(refused("Ada", "", "@example.org") == ErrorKind::usage);
  CHECK(refused("Ada", "", "ada@") == ErrorKind::usage);
  CHECK(refused("Ada", "", "a b@example.org") == ErrorKind::usage);
  CHECK(refused(" ", "", "") == ErrorKind::usage);
  CHECK(refused("Ada", "  ", "") == ErrorKind::usage);
  CHECK(refused("\xff\xfe", "", "") == ErrorKind::usage);
  CHECK(refused("", "", "ad\xc3@example.org") == ErrorKind::usage);
  CHECK(refused(std::string(200, 'a'), "", "") == ErrorKind::limit);
  CHECK_FALSE(std::filesystem::exists(fixture.store.directory()));
}

TEST_CASE("keys come in binary, armored, several at once and with text around them", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto bob = fixture.make("bob");
  const auto text = [&](const std::string& which) { return std::string(as_text(fixture.exported(which, kPublic, true))); };
  std::string input;
  SECTION("binary") { input = std::string(as_text(fixture.exported(ada))) + std::string(as_text(fixture.exported(bob))); }
  SECTION("armored") { input = text(ada) + text(bob); }
  SECTION("with text around, and line ends of another system") {
    input = "Here are our keys.\n\n" + text(ada) + "and\n" + text(bob) + "Bye.\n";
    for (std::size_t at = 0; (at = input.find('\n', at)) != std::string::npos; at += 2) input.replace(at, 1, "\r\n");
  }
  const auto done = fixture.store.import_keys(as_bytes(input), "input", true);
  REQUIRE(done.size() == 2);
  CHECK(done[0].change == ImportedKey::Change::added);
  CHECK(fingerprints(fixture.store.list(kPublic)) == std::vector{ada, bob});
  CHECK(fixture.store.export_key(bob, kPublic, false) == fixture.exported(bob));
  CHECK_FALSE(std::filesystem::exists(fixture.store.ring(kSecret)));

  const auto again = fixture.store.import_keys(as_bytes(input), "input", true);
  CHECK(again[0].change == ImportedKey::Change::unchanged);
  CHECK(again[1].change == ImportedKey::Change::unchanged);
  CHECK(fixture.store.list(kPublic).size() == 2);
}

TEST_CASE("a secret key goes to both rings, or to the public one when only that is wanted", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  fixture.store.import_keys(fixture.exported(ada, kSecret, true), "input", false);
  CHECK(fixture.store.list(kSecret).empty());
  CHECK(fixture.store.export_key(ada, kPublic, false) == fixture.exported(ada));
  fixture.store.import_keys(fixture.exported(ada, kSecret, true), "input", true);
  CHECK(fixture.store.export_key(ada, kSecret, false) == fixture.exported(ada, kSecret));
  CHECK(fixture.store.list(kPublic).size() == 1);
}

TEST_CASE("a revocation certificate revokes its key and no other", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto bob = fixture.make("bob");
  const auto certificate = fixture.revocation(ada);
  CHECK(kind_of(error_of([&] { fixture.store.import_keys(as_bytes(certificate), "input", true); })) == ErrorKind::not_found);
  fixture.store.import_keys(fixture.exported(ada), "ada", true);
  fixture.store.import_keys(fixture.exported(bob), "bob", true);
  CHECK(fixture.store.import_keys(as_bytes(certificate), "input", true).at(0).change == ImportedKey::Change::updated);
  CHECK(fixture.store.find(ada, kPublic).problem.starts_with("is revoked"));
  CHECK(fixture.store.find(bob, kPublic).problem.empty());
  CHECK(fixture.store.export_key(bob, kPublic, false) == fixture.exported(bob));

  // An older copy of the key does not take the revocation back.
  CHECK(fixture.store.import_keys(fixture.exported(ada), "ada", true).at(0).change == ImportedKey::Change::unchanged);
  CHECK(fixture.store.find(ada, kPublic).problem.starts_with("is revoked"));
}

TEST_CASE("what revokes a key does so in the secret ring, too, whichever came first", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada", "");
  const auto bob = fixture.make("bob", "");
  const auto secret = fixture.exported(ada, kSecret);
  const auto certificate = fixture.revocation(ada);
  const auto check_revoked = [&](const KeyStore& store) {
    CHECK(store.find(ada, kSecret).problem.starts_with("is revoked since "));
    const auto bytes = store.read(kSecret);
    const PgpKeyring ring(bytes, "ring");
    const auto refused = error_of([&] { ring.unlock({ada, {}}, nullptr); });
    CHECK(kind_of(refused) == ErrorKind::denied);
    CHECK_THAT(refused->message(), ContainsSubstring("the key is revoked since "));
  };
  const auto change = [](const KeyStore& store, ByteView keys) { return store.import_keys(keys, "input", true).at(0).change; };

  CHECK(change(fixture.maker, as_bytes(certificate)) == ImportedKey::Change::updated);
  CHECK(fixture.maker.find(ada, kPublic).problem.starts_with("is revoked since "));
  check_revoked(fixture.maker);
  CHECK(fixture.maker.find(bob, kSecret).problem.empty());
  CHECK(change(fixture.maker, as_bytes(certificate)) == ImportedKey::Change::unchanged);

  const auto revoked = fixture.exported(ada);
  const KeyStore key_first(fixture.directory / "key first");
  CHECK(change(key_first, secret) == ImportedKey::Change::added);
  CHECK(key_first.find(ada, kSecret).problem.empty());
  CHECK(change(key_first, revoked) == ImportedKey::Change::updated);
  check_revoked(key_first);
  const KeyStore key_last(fixture.directory / "key last");
  CHECK(change(key_last, revoked) == ImportedKey::Change::added);
  CHECK(change(key_last, secret) == ImportedKey::Change::added);
  check_revoked(key_last);
  const KeyStore key_alone(fixture.directory / "key alone");
  change(key_alone, secret);
  key_alone.remove(ada, kPublic);
  CHECK(change(key_alone, as_bytes(certificate)) == ImportedKey::Change::updated);
  check_revoked(key_alone);
  CHECK(mode_of(key_alone.ring(kSecret)) == 0600);
}

TEST_CASE("a secret key is chosen by its number in the ring, whatever else is in it", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada", "");
  const auto bob = fixture.make("bob", "");
  Bytes bytes = fixture.exported(ada, kSecret);
  bytes.at(2) = std::byte{6};  // of a version that is not known
  for (const auto& fingerprint : {ada, bob}) {
    const auto more = fixture.exported(fingerprint, kSecret);
    bytes.insert(bytes.end(), more.begin(), more.end());
  }
  const PgpKeyring ring(bytes, "ring");
  const auto listed = read_pgp_keys(bytes, "ring");
  REQUIRE(listed.size() == 3);
  for (std::size_t i = 1; i < listed.size(); ++i) CHECK(to_upper_hex(ring.unlock({"", i}, nullptr).fingerprint) == listed[i].fingerprint);
  const auto unknown = error_of([&] { ring.unlock({"", 0}, nullptr); });
  CHECK(kind_of(unknown) == ErrorKind::not_found);
  CHECK_THAT(unknown->hint().text(), StartsWith("there are [1] " + ada) && ContainsSubstring("; [2] " + bob));
}

TEST_CASE("what is no key is refused and changes nothing", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const std::string armored(as_text(fixture.exported(ada, kPublic, true)));
  const auto refusal = [&](std::string_view input) { return kind_of(error_of([&] { fixture.store.import_keys(as_bytes(input), "input", true); })); };
  const auto said = [&](std::string_view input) { return error_of([&] { fixture.store.import_keys(as_bytes(input), "input", true); })->message(); };
  CHECK(said("\x99") == "input: offset 1: packet length needs 2 bytes, 0 are left");
  CHECK(said("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n-----END PGP PUBLIC KEY BLOCK-----\n") == "input: the armored block at byte 0 is empty");
  CHECK(refusal("") == ErrorKind::malformed);
  CHECK(refusal("hello") == ErrorKind::malformed);
  CHECK(refusal("\x89PNG") == ErrorKind::malformed);
  CHECK(refusal(std::string(100, '\0')) == ErrorKind::malformed);
  CHECK(refusal(armored.substr(0, armored.size() / 2)) == ErrorKind::malformed);
  std::string wrong_checksum = armored;
  auto& digit = wrong_checksum[wrong_checksum.rfind("\n=") + 2];
  digit = digit == 'A' ? 'B' : 'A';
  CHECK(refusal(wrong_checksum) == ErrorKind::malformed);
  const std::string binary(as_text(fixture.exported(ada)));
  CHECK(refusal(binary.substr(0, binary.size() - 1)) == ErrorKind::malformed);
  CHECK(refusal(binary.substr(53)) == ErrorKind::malformed);
  CHECK(refusal(std::string((16u << 20) + 1, '\x99')) == ErrorKind::limit);
  // A user attribute of a megabyte on a key.
  CHECK(refusal(binary + std::string("\xd1\xff\x00\x10\x00\x00", 6) + std::string(1u << 20, 'x')) == ErrorKind::limit);
  // A key of version 6, which has the same outline.
  std::string other = binary;
  other[2] = 6;
  CHECK(refusal(other) == ErrorKind::unsupported);
  CHECK(fixture.store.list(kPublic).empty());
}

TEST_CASE("no cut and no flipped byte of a ring does worse than an error", "[trust][keys]") {
  KeyFixture fixture;
  fixture.make("ada");
  const auto ring = fixture.maker.read(kSecret);
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const auto cut = error_of([&] { (void)read_pgp_keys(ByteView(ring).first(i), "cut"); });
    CHECK((!cut || cut->kind() == ErrorKind::malformed || cut->kind() == ErrorKind::unsupported));
    auto bent = ring;
    bent[i] ^= std::byte{0x41};
    const auto flipped = error_of([&] { (void)read_pgp_keys(bent, "flipped"); });
    CHECK((!flipped || flipped->kind() == ErrorKind::malformed || flipped->kind() == ErrorKind::unsupported));
  }
}

TEST_CASE("a key that is not known here stays as it is beside others", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto bob = fixture.make("bob");
  Bytes foreign = fixture.exported(ada);
  foreign[2] = std::byte{6};
  std::filesystem::create_directory(fixture.store.directory());
  std::filesystem::permissions(fixture.store.directory(), std::filesystem::perms::owner_all);
  write_file(fixture.store.ring(kPublic), as_text(foreign));
  std::filesystem::permissions(fixture.store.ring(kPublic), std::filesystem::perms(0600));
  fixture.store.import_keys(fixture.exported(bob), "bob", true);
  const auto keys = fixture.store.list(kPublic);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].fingerprint.empty());
  CHECK(keys[0].problem == "is of version 6, which is not known here");
  CHECK(keys[1].fingerprint == bob);
  fixture.store.remove(bob, kPublic);
  CHECK(fixture.store.read(kPublic) == foreign);
}

TEST_CASE("keys of other versions than 4 are refused by their version", "[trust][keys]") {
  KeyFixture fixture;
  // Old packet formats, with what the versions have behind their time: days of validity (3), a length (5, 6).
  const auto number = std::string("\x08\x00", 2) + "\xc1" + std::string(255, '\x55');  // an MPI of 2048 bits
  const auto packet = [](const std::string& tag, const std::string& body) { return tag + static_cast<char>(body.size() >> 8) + static_cast<char>(body.size()) + body; };
  const auto user = packet("\xb5", "old <old@example.org>");
  const std::string time("\x5e\x0b\xe1\x00", 4);
  const std::string exponent("\x00\x11\x01\x00\x01", 5);
  for (const auto& [version, body] : {std::pair(3, std::string("\x03") + time + std::string("\0\0\x01", 3) + number + exponent),
                                      std::pair(5, std::string("\x05") + time + std::string("\x01\0\0\x01\x07", 5) + number + exponent),
                                      std::pair(6, std::string("\x06") + time + std::string("\x1b\0\0\0\x20", 5) + std::string(32, 'k'))}) {
    const auto ring = packet("\x99", body) + user;
    const auto said = fmt::format("is of version {}, which is not known here", version);
    CHECK(read_pgp_keys(as_bytes(ring), "ring").at(0).problem == said);
    const auto refused = error_of([&] { fixture.store.import_keys(as_bytes(ring), "ring", true); });
    REQUIRE(refused);
    CHECK(refused->kind() == ErrorKind::unsupported);
    CHECK_THAT(refused->message(), ContainsSubstring(said));
    write_file(fixture.directory / "ring", ring);
    TrustedKeys keys;
    const auto unused = error_of([&] { keys.add_file(fixture.directory / "ring"); });
    REQUIRE(unused);
    CHECK(unused->kind() == ErrorKind::unsupported);
    CHECK_THAT(unused->message(), ContainsSubstring(said));
  }
}

TEST_CASE("of two keys with the same long key ID the whole fingerprint tells which is meant", "[trust][keys]") {
  PgpKeyInfo one;
  PgpKeyInfo other;
  one.fingerprint = std::string(24, 'A') + "0123456789ABCDEF";
  other.fingerprint = std::string(24, 'B') + "0123456789ABCDEF";
  const std::vector keys{one, other};
  CHECK(keys_meant(keys, "0123456789abcdef") == std::vector<std::size_t>{0, 1});
  CHECK(keys_meant(keys, other.fingerprint) == std::vector<std::size_t>{1});
  CHECK(keys_meant(keys, "89ABCDEF").empty());
}

TEST_CASE("a key is meant by its fingerprint, its long key ID or a part of a user id, if it is the only one", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto bob = fixture.make("bob");
  const auto found = [&](const std::string& which) { return fixture.maker.find(which, kPublic).fingerprint; };
  CHECK(found(ada) == ada);
  CHECK(found("0x" + ada) == ada);
  CHECK(found(ada.substr(24)) == ada);
  std::string written = ada;
  std::transform(written.begin(), written.end(), written.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  for (std::size_t at = 4; at < written.size(); at += 5) written.insert(at, " ");
  CHECK(found(written) == ada);
  CHECK(found("bob@") == bob);
  CHECK(kind_of(error_of([&] { found("example.org"); })) == ErrorKind::usage);
  CHECK(kind_of(error_of([&] { found(ada.substr(32)); })) == ErrorKind::not_found);
  const auto missing = error_of([&] { found("carol"); });
  CHECK(kind_of(missing) == ErrorKind::not_found);
  CHECK_THAT(missing->hint().text(), ContainsSubstring(ada) && ContainsSubstring("bob@example.org"));
}

TEST_CASE("a key is meant by what names it best", "[trust][keys]") {
  const auto key = [](char digit, std::vector<std::string> ids) {
    PgpKeyInfo info;
    info.fingerprint = std::string(24, digit) + "0123456789ABCDE" + digit;
    info.user_ids = std::move(ids);
    info.subkeys = {std::string(39, '0') + digit};
    return info;
  };
  const std::vector keys{key('A', {"Ada <ada@example.org>", "Countess <countess@example.org>"}),
                         key('B', {"Grada <grada@example.org>", "x <ada@example.org.uk>"}),
                         key('C', {"ada@example.org"})};
  using Places = std::vector<std::size_t>;
  CHECK(keys_meant(keys, "ada") == Places{0, 1, 2});
  CHECK(keys_meant(keys, "ADA@example.org") == Places{2});  // a whole user id
  CHECK(keys_meant(keys, "<ada@example.org>") == Places{0, 2});
  CHECK(keys_meant(keys, "countess@EXAMPLE.org") == Places{0});
  CHECK(keys_meant(keys, " Countess ") == Places{0});
  CHECK(keys_meant(keys, "example.org.uk") == Places{1});
  CHECK(keys_meant(keys, "0x0123456789abcdeb") == Places{1});
  CHECK(keys_meant(keys, std::string(39, '0') + "c") == Places{2});
  CHECK(keys_meant(keys, "BBBB BBBB BBBB BBBB BBBB  BBBB 0123 4567 89AB CDEB") == Places{1});
  CHECK(kind_of(error_of([&] { keys_meant(keys, " "); })) == ErrorKind::usage);
  const auto several = error_of([&] { key_meant(keys, "example", "public", "ring"); });
  CHECK(several->message() == "'example' means several public keys in 'ring'");
  CHECK_THAT(several->hint().text(), StartsWith("give a fingerprint: [0] AAAA") && ContainsSubstring("; [2] CCCC"));
  const auto short_id = error_of([&] { key_meant(keys, "0x9ABCDEFA", "public", "ring"); });
  CHECK(short_id->message() == "no public key '0x9ABCDEFA' in 'ring'");
  CHECK(short_id->hint().text() == "a key ID of 8 digits is too easily forged to mean a key: use 16 or 40 of them");
}

TEST_CASE("a key is removed from the ring that is named, by whatever means one key", "[trust][keys]") {
  KeyFixture fixture;
  const auto ada = fixture.make("ada");
  const auto bob = fixture.make("bob");
  CHECK(kind_of(error_of([&] { fixture.maker.remove("example.org", kSecret); })) == ErrorKind::usage);
  CHECK(kind_of(error_of([&] { fixture.maker.remove("carol", kSecret); })) == ErrorKind::not_found);
  CHECK(kind_of(error_of([&] { fixture.maker.remove(ada.substr(32), kSecret); })) == ErrorKind::not_found);
  CHECK(fixture.maker.remove("ADA@example.org", kSecret).fingerprint == ada);
  CHECK(fingerprints(fixture.maker.list(kSecret)) == std::vector{bob});
  CHECK(fixture.maker.list(kPublic).size() == 2);
  CHECK(kind_of(error_of([&] { fixture.maker.remove(ada, kSecret); })) == ErrorKind::not_found);
}

TEST_CASE("the address of a keyserver is a scheme, a host and perhaps a port", "[trust][keys]") {
  CHECK(Keyserver("hkps://keys.example.org").url() == "https://keys.example.org:443");
  CHECK(Keyserver("hkp://keys.example.org").url() == "http://keys.example.org:11371");
  CHECK(Keyserver("https://keys.example.org:8443/").url() == "https://keys.example.org:8443");
  CHECK(Keyserver("http://[::1]").url() == "http://[::1]:80");
  CHECK(Keyserver("http://[::1]:11371").url() == "http://[::1]:11371");
  for (const char* wrong : {"", "keys.example.org", "ftp://keys.example.org", "file:///etc/passwd", "https://", "https://ada:pw@keys.example.org", "https://keys.example.org/path", "https://a b", "https://a?b", "https://a\n"}) {
    INFO(wrong);
    CHECK(kind_of(error_of([&] { Keyserver server(wrong); })) == ErrorKind::usage);
  }
  CHECK(kind_of(error_of([] { (void)Keyserver("https://keys.invalid").fetch("0123456789ABCDEF"); })) == ErrorKind::usage);
}
