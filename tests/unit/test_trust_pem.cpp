// SPDX-License-Identifier: Apache-2.0
//
// PEM files as other programs write them: with text for people around their blocks.
#include "pem.h"

#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

std::string refusal(const SignFixture& fixture, const std::string& text) {
  write_file(fixture.directory / "key", text);
  const auto error = error_of([&] { (void)fixture.trusted({"key"}); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::malformed);
  return error->message();
}

}  // namespace

TEST_CASE("text around the block of a public key is for people", "[trust][keys][pem]") {
  const SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const auto block = read_file(fixture.directory / "ed25519.pub");
  for (const auto& text : {"Ada's key\n" + block, block + "made in 2026\n", "see -----BEGIN PUBLIC KEY----- below\r\n\r\n" + block,
                           " \n\t" + block}) {
    INFO(text);
    write_file(fixture.directory / "key", text);
    CHECK_FALSE(fixture.verified({"key"}).failure);
  }
  const auto other = read_file(fixture.directory / "ecdsa.pub");
  CHECK_THAT(refusal(fixture, block + "text\n" + other), ContainsSubstring("expected one PEM block, but there are more"));
  CHECK_THAT(refusal(fixture, "text\n" + block.substr(0, block.find("-----END"))), ContainsSubstring("has no end"));
  CHECK_THAT(refusal(fixture, "key: -----BEGIN PUBLIC KEY-----"), ContainsSubstring("at the start of a line"));
  CHECK_THAT(refusal(fixture, "text\n" + read_file(fixture.directory / "ed25519.pem")), ContainsSubstring("this is a private key"));
  CHECK_THAT(refusal(fixture, "-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n" + block),
             ContainsSubstring("expected one PEM block, but there are more"));
}

TEST_CASE("a private key is read with the parameters of its curve before it, and with text", "[trust][keys][pem]") {
  const SignFixture fixture;
  fixture.shell("openssl ecparam -name prime256v1 -genkey -out ec.pem && openssl pkey -in ec.pem -pubout -out ec.pub");
  REQUIRE_THAT(read_file(fixture.directory / "ec.pem"), ContainsSubstring("-----BEGIN EC PARAMETERS-----"));
  fixture.sign(fixture.key("ec.pem"));
  CHECK_FALSE(fixture.verified({"ec.pub"}).failure);
  write_file(fixture.directory / "bag.pem", "Bag Attributes\n    friendlyName: ada\n" + read_file(fixture.directory / "ec.pem"));
  CHECK_NOTHROW(fixture.sign(fixture.key("bag.pem"), {.groups = {1}}));
  write_file(fixture.directory / "two.pem", read_file(fixture.directory / "ec.pem") + read_file(fixture.directory / "ed25519.pem"));
  CHECK(error_of([&] { fixture.sign(fixture.key("two.pem")); })->kind() == ErrorKind::malformed);
}

TEST_CASE("text around certificates is for people, and no other block is among them", "[trust][certificate][pem]") {
  const SignFixture fixture;
  fixture.make_chain();
  fixture.shell("openssl x509 -in ada.crt -text -out ada.text && openssl x509 -in between.crt -text -out between.text");
  write_file(fixture.directory / "roots", "# Our own root\n" + read_file(fixture.directory / "root.crt") + "# end\n");
  const auto trust = [&](const std::string& leaf) {
    TrustedKeys keys;
    keys.add_certificate({fixture.directory / leaf, fixture.directory / "between.text", fixture.directory / "roots", false});
    return keys;
  };
  fixture.sign(fixture.key("ecdsa.pem"));
  CHECK_FALSE(verify(sif::Image::open(fixture.directory / "image.sif"), trust("ada.text"), {}).failure);

  write_file(fixture.directory / "both", read_file(fixture.directory / "ada.crt") + read_file(fixture.directory / "ecdsa.pem"));
  const auto both = error_of([&] { trust("both"); });
  REQUIRE(both);
  CHECK_THAT(both->message(), ContainsSubstring("as block 2, found 'PRIVATE KEY'"));
  write_file(fixture.directory / "none", "# nothing\n");
  const auto none = error_of([&] { trust("none"); });
  REQUIRE(none);
  CHECK_THAT(none->message(), ContainsSubstring("there is no certificate in it"));
}
