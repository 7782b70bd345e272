// SPDX-License-Identifier: Apache-2.0
//
// Keys of other programs are named as what they are, with the command that converts them, wherever a key is read.
#include <sifkit/trust/key_store.h>

#include "certificate.h"
#include "key_blocks.h"
#include "key_format.h"
#include "pem.h"

#include "support/errors.h"
#include "support/key_fixture.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

/// What is said of a file, which every reader of keys says alike.
Error refusal_of(const std::string& bytes, const SignFixture& fixture) {
  write_file(fixture.directory / "file", bytes);
  const auto path = fixture.at("file");
  const auto said = error_of([&] { refuse_other_key_formats(as_bytes(bytes), path); });
  REQUIRE(said);
  CHECK(said->kind() == ErrorKind::unsupported);
  const auto is_said = [&](const std::optional<Error>& error) {
    REQUIRE(error);
    CHECK(error->message().ends_with(said->message()));
    CHECK(error->hint().text() == said->hint().text());
  };
  is_said(error_of([&] { TrustedKeys().add_file(path); }));
  is_said(error_of([&] { TrustedKeys().add_certificate({path, {}, {}, false}); }));
  is_said(error_of([&] { KeyStore(fixture.directory / "store").import_keys(as_bytes(bytes), path, true); }));
  is_said(error_of([&] { fixture.sign({bytes, path, "", {}, nullptr}); }));
  return *said;
}

std::string as_utf16(const std::string& text, bool big) {
  std::string out;
  for (const char c : text) out += big ? std::string(1, '\0') + c : c + std::string(1, '\0');
  return out;
}

}  // namespace

TEST_CASE("keys in other formats are named, with the command that converts them", "[trust][keys][formats]") {
  const SignFixture fixture;
  const auto of = [&](const std::string& bytes) { return refusal_of(bytes, fixture); };
  const auto file = [&](const std::string& name) { return of(read_file(fixture.directory / name)); };
  const auto is = [&](const Error& error, const std::string& what, const std::string& hint) {
    CHECK(error.message() == in_quotes(fixture.at("file")) + " is " + what + ", which is not read");
    CHECK_THAT(error.hint().text(), ContainsSubstring(hint));
  };
  fixture.shell(
      "openssl pkey -in ed25519.pem -outform DER -out private.der && openssl pkey -in ed25519.pem -pubout -outform DER "
      "-out public.der");
  fixture.shell(
      "openssl req -x509 -key ed25519.pem -subj /CN=ada -out ada.crt && openssl x509 -in ada.crt -outform DER -out "
      "ada.der");
  fixture.shell("openssl pkcs12 -export -in ada.crt -inkey ed25519.pem -passout pass:secret -out ada.p12");
  fixture.shell("openssl pkcs8 -topk8 -in ed25519.pem -passout pass:secret -outform DER -out locked.der");
  is(file("private.der"), "a private key as DER", "openssl pkey -inform DER -in '" + fixture.at("file") + "'");
  is(file("public.der"), "a public key as DER", "openssl pkey -pubin -inform DER");
  is(file("ada.der"), "a certificate as DER", "openssl x509 -inform DER");
  is(file("ada.p12"), "a PKCS#12 store of a key and certificates", "openssl pkcs12");
  is(file("locked.der"), "a locked private key as DER", "openssl pkey -inform DER");

  const auto pem = read_file(fixture.directory / "ed25519.pub");
  is(of("\xef\xbb\xbf" + pem), "text with a byte order mark", "tail -c +4");
  is(of("\xff\xfe" + as_utf16(pem, false)), "UTF-16 text", "iconv -f UTF-16 -t UTF-8");
  is(of("\xfe\xff" + as_utf16(pem, true)), "UTF-16 text", "iconv -f UTF-16 -t UTF-8");
  is(of(as_utf16(pem, false)), "UTF-16 text", "iconv -f UTF-16LE -t UTF-8");
  is(of(as_utf16(pem, true)), "UTF-16 text", "iconv -f UTF-16BE -t UTF-8");

  is(of("ssh-rsa AAAAB3NzaC1yc2E= ada\n"), "a public key in OpenSSH's format", "ssh-keygen -e -m PKCS8");
  is(of("ecdsa-sha2-nistp256 AAAA ada\n"), "a public key in OpenSSH's format", "ssh-keygen -e -m PKCS8");
  is(of("ssh-ed25519 AAAA ada\n"), "a public key in OpenSSH's format", "openssl genpkey -algorithm ed25519");
  is(of("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"),
     "a private key in OpenSSH's format", "ssh-keygen -p -m PKCS8");
  is(of("-----BEGIN OPENSSH PRIVATE KEY-----\nc3NoLWVk\nMjU1MTkg\n-----END OPENSSH PRIVATE KEY-----\n"),
     "a private key in OpenSSH's format", "openssl genpkey -algorithm ed25519");
  is(of("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"),
     "a private key in cosign's own encryption", "openssl genpkey");
  is(of("untrusted comment: minisign public key\nRWQAAA\n"), "a key of minisign or signify", "or an OpenPGP key");
  is(of("# created: 2026-01-31\nAGE-SECRET-KEY-1AAA\n"), "a key of age, which encrypts but does not sign",
     "or an OpenPGP key");
  is(of(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"), "a JSON web key", "openssl genpkey");
  is(of(std::string("\0\0\0\x20\1\1\0\2KBXf", 12) + std::string(20, '\0')), "a keybox of GnuPG", "gpg --export");
  is(of("<!DOCTYPE html>\n<html>"), "a web page, not a key", "download");
  is(of("-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n"), "certificates as PKCS#7", "openssl pkcs7 -print_certs");
}

TEST_CASE("what the hints about keys name converts them", "[trust][keys][formats]") {
  const SignFixture fixture;
  fixture.shell("openssl pkey -in ed25519.pem -outform DER -out a.der && openssl pkey -inform DER -in a.der -out a.pem");
  CHECK(read_file(fixture.directory / "a.pem") == read_file(fixture.directory / "ed25519.pem"));
  fixture.shell(
      "openssl pkey -in ed25519.pem -pubout -outform DER -out b.der && openssl pkey -pubin -inform DER -in b.der -out "
      "b.pem");
  CHECK(read_file(fixture.directory / "b.pem") == read_file(fixture.directory / "ed25519.pub"));
  write_file(fixture.directory / "c.txt", "\xff\xfe" + as_utf16(read_file(fixture.directory / "ed25519.pub"), false));
  fixture.shell("iconv -f UTF-16 -t UTF-8 c.txt > c.pem");
  CHECK(read_file(fixture.directory / "c.pem") == read_file(fixture.directory / "ed25519.pub"));
  write_file(fixture.directory / "d.txt", "\xef\xbb\xbf" + read_file(fixture.directory / "ed25519.pub"));
  fixture.shell("tail -c +4 d.txt > d.pem");
  CHECK(read_file(fixture.directory / "d.pem") == read_file(fixture.directory / "ed25519.pub"));
}

TEST_CASE("a PEM key is not imported, and the error says where it is of use", "[trust][keys][formats]") {
  const SignFixture fixture;
  const auto said = error_of([&] {
    KeyStore(fixture.directory / "store").import_keys(as_bytes(read_file(fixture.directory / "ed25519.pub")), "ada.pub", true);
  });
  REQUIRE(said);
  CHECK(said->message() == "'ada.pub' is PEM where OpenPGP keys were expected");
  CHECK(said->hint().text() == "use PEM keys from their files");
}
