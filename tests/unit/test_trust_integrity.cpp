// SPDX-License-Identifier: Apache-2.0
#include <sifkit/trust/verify.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

ErrorKind failure_of(const VerifyReport& report) {
  REQUIRE(report.failure);
  return report.failure->kind();
}

}  // namespace

TEST_CASE("what is signed is verified, by the right key only", "[trust][integrity]") {
  SignFixture fixture;
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::unsigned_image);
  const std::string kind = GENERATE("ed25519", "ecdsa");
  fixture.sign(fixture.key(kind + ".pem"), {});
  const auto report = fixture.verified({kind + ".pub"});
  CHECK_FALSE(report.failure);
  CHECK(report.covered == std::vector<std::uint32_t>{1, 2, 3});
  REQUIRE(report.signatures.size() == 2);
  CHECK(report.signatures[0].format == "DSSE");
  CHECK(report.signatures[0].objects == std::vector<std::uint32_t>{1, 2});
  CHECK(report.signatures[1].objects == std::vector<std::uint32_t>{3});
  CHECK(failure_of(fixture.verified({kind == "ecdsa" ? "ed25519.pub" : "ecdsa.pub"})) == ErrorKind::untrusted);
  CHECK(failure_of(fixture.verified({})) == ErrorKind::untrusted);
  CHECK(Image::open(fixture.directory / "image.sif").problems().empty());
}

TEST_CASE("a signature is the same every time, where its algorithm allows it", "[trust][integrity]") {
  SignFixture one;
  write_file(one.directory / "again.sif", read_file(one.directory / "image.sif"));
  one.sign(one.key("ed25519.pem"));
  const std::string first = read_file(one.directory / "image.sif");
  std::filesystem::rename(one.directory / "again.sif", one.directory / "image.sif");
  one.sign(one.key("ed25519.pem"));
  CHECK(read_file(one.directory / "image.sif") == first);
}

TEST_CASE("groups and objects may be signed and verified alone", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"), {.groups = {2}});
  CHECK_FALSE(fixture.verified({"ed25519.pub"}, {.groups = {2}}).failure);
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::unsigned_image);
  CHECK(fixture.verified({"ed25519.pub"}).not_covered == std::vector<std::uint32_t>{1, 2});
  fixture.sign(fixture.key("ed25519.pem"), {.objects = {2}});
  CHECK_FALSE(fixture.verified({"ed25519.pub"}, {.objects = {2}}).failure);
  // A part of a group does not stand for the whole.
  CHECK(failure_of(fixture.verified({"ed25519.pub"}, {.groups = {1}})) == ErrorKind::tampered);
  CHECK(error_of([&] { fixture.verified({"ed25519.pub"}, {.groups = {7}}); })->kind() == ErrorKind::not_found);
  CHECK(error_of([&] { fixture.sign(fixture.key("ed25519.pem"), {.groups = {7}}); })->kind() == ErrorKind::not_found);
}

TEST_CASE("two signatures must both hold", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"), {});
  fixture.sign(fixture.key("ecdsa.pem"), {});
  CHECK_FALSE(fixture.verified({"ed25519.pub", "ecdsa.pub"}).failure);
  const auto half = fixture.verified({"ecdsa.pub"});
  CHECK(failure_of(half) == ErrorKind::untrusted);
  CHECK(half.signatures.size() == 4);
  CHECK(half.signatures[2].verdict == Verdict::valid);
}

TEST_CASE("an object added to a signed group is found", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"), {});
  const File file = File::open_read_write(fixture.directory / "image.sif");
  // Object 3 moves into group 1.
  Bytes group(4);
  store_le(group.data(), std::uint32_t{1} | kGroupMask);
  file.write_at(kDescriptorsOffset + 2 * kDescriptorSize + 9, group);
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::tampered);
}

TEST_CASE("an image that cannot be signed stays as it was", "[trust][integrity]") {
  SignFixture fixture;
  const std::string before = read_file(fixture.directory / "image.sif");
  fixture.shell("openssl genpkey -algorithm ed25519 -aes-256-cbc -pass pass:secret -out locked.pem");
  CHECK(error_of([&] { fixture.sign(fixture.key("locked.pem", "wrong"), {}); }).has_value());
  CHECK(error_of([&] { fixture.sign(fixture.key("ed25519.pub"), {}); }).has_value());
  CHECK(read_file(fixture.directory / "image.sif") == before);
  CHECK_NOTHROW(fixture.sign(fixture.key("locked.pem", "secret"), {}));
}

TEST_CASE("what deletions leave is signed, a damaged image is not", "[trust][integrity]") {
  SignFixture fixture;
  const auto path = fixture.directory / "image.sif";
  fixture.add("about the definition", {.group = 2, .link = 1});
  fixture.edit([](ImageEditor& editor) { editor.remove(1); });
  REQUIRE(Image::open(path).problems() == std::vector<std::string>{"object 4: links to object 1, which is not there"});
  fixture.sign(fixture.key("ed25519.pem"));
  const auto report = fixture.verified({"ed25519.pub"});
  CHECK_FALSE(report.failure);
  CHECK(report.covered == std::vector<std::uint32_t>{2, 3, 4});
  // A signature whose group has gone since; it is in the way of no other.
  fixture.edit([](ImageEditor& editor) {
    editor.remove_if([](const Descriptor& object) { return object.group() == 2; });
  });
  CHECK_FALSE(fixture.verified({"ed25519.pub"}).failure);
  fixture.sign(fixture.key("ecdsa.pem"));
  CHECK_FALSE(fixture.verified({"ed25519.pub", "ecdsa.pub"}).failure);

  std::string bytes = read_file(path);
  store_le(reinterpret_cast<std::byte*>(bytes.data() + kDescriptorsOffset + kDescriptorSize + 17), std::int64_t{100});
  write_file(path, bytes);
  const auto error = error_of([&] { fixture.sign(fixture.key("ed25519.pem")); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::malformed);
  CHECK_THAT(error->message(), ContainsSubstring("lies on the header"));
  CHECK(read_file(path) == bytes);
}

TEST_CASE("several PEM keys sign one envelope, which holds with any of them", "[trust][integrity]") {
  SignFixture fixture;
  fixture.make_pgp("ada");
  const SigningKey keys[] = {fixture.key("ed25519.pem"), fixture.key("ada.asc"), fixture.key("ecdsa.pem")};
  sign(fixture.directory / "image.sif", keys, {.groups = {1}});
  const auto all = fixture.verified({"ed25519.pub", "ecdsa.pub", "ada.pub"}, {.groups = {1}});
  CHECK_FALSE(all.failure);
  REQUIRE(all.signatures.size() == 2);
  CHECK(all.signatures[0].signers.size() == 2);
  CHECK(all.signatures[1].format == "PGP");
  const auto some = fixture.verified({"ecdsa.pub", "ada.pub"}, {.groups = {1}});
  CHECK_FALSE(some.failure);
  CHECK_FALSE(some.signatures[0].signers[0].valid);
  CHECK(some.signatures[0].signers[1].valid);
  CHECK(failure_of(fixture.verified({"ecdsa.pub"}, {.groups = {1}})) == ErrorKind::untrusted);
}

TEST_CASE("a required key must have signed everything that is checked", "[trust][integrity]") {
  SignFixture fixture;
  fixture.make_pgp("ada");
  fixture.sign(fixture.key("ada.asc"), {.groups = {1}});
  fixture.sign(fixture.key("ed25519.pem"), {.groups = {2}});
  const auto whole = fixture.verified({"ada.pub", "ed25519.pub"});
  CHECK_FALSE(whole.failure);
  const std::string ada = whole.signatures[0].signers[0].key;
  const std::string pem = whole.signatures[1].signers[0].key;
  const auto required = [&](const std::string& key, std::vector<std::uint32_t> groups) {
    return fixture.verified({"ada.pub", "ed25519.pub"}, {.groups = std::move(groups), .required_keys = {key}});
  };
  std::string spaced;
  for (const char c : ada) spaced += std::string(1, static_cast<char>(std::tolower(static_cast<unsigned char>(c)))) + " ";
  CHECK_FALSE(required(ada, {1}).failure);
  CHECK_FALSE(required(spaced, {1}).failure);
  CHECK_FALSE(required(pem, {2}).failure);
  CHECK(failure_of(required(ada, {})) == ErrorKind::untrusted);
  CHECK(failure_of(required(pem, {1})) == ErrorKind::untrusted);
  for (const auto& part : {ada.substr(8), ada.substr(24), std::string(), ada + "0", std::string("ada@example.org")}) {
    CHECK(error_of([&] { required(part, {1}); })->kind() == ErrorKind::usage);
  }
}

TEST_CASE("an object outside of all groups makes the image unsigned", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const File file = File::open_read_write(fixture.directory / "image.sif");
  Bytes none(4);
  store_le(none.data(), kGroupMask);
  file.write_at(kDescriptorsOffset + 2 * kDescriptorSize + 9, none);
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::unsigned_image);
  CHECK(failure_of(fixture.verified({"ed25519.pub"}, {.groups = {1}})) == ErrorKind::unsigned_image);
}

TEST_CASE("the worst that was found is the failure", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"), {.groups = {1}});
  fixture.sign(fixture.key("ecdsa.pem"), {.groups = {1}});
  CHECK(failure_of(fixture.verified({"ed25519.pub", "ecdsa.pub"})) == ErrorKind::unsigned_image);
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::untrusted);
  const File file = File::open_read_write(fixture.directory / "image.sif");
  file.write_at(static_cast<std::uint64_t>(Image::open(fixture.directory / "image.sif").object(1).offset), as_bytes("X"));
  const auto report = fixture.verified({"ed25519.pub"});
  CHECK(failure_of(report) == ErrorKind::tampered);
  CHECK(report.signatures[0].damaged == std::vector<std::uint32_t>{1});
  CHECK(report.signatures[0].objects == std::vector<std::uint32_t>{2});
}

TEST_CASE("no signature is made that is too long to be verified", "[trust][integrity]") {
  SignFixture fixture;
  const std::string before = read_file(fixture.directory / "image.sif");
  SignOptions options;
  options.limits.signature_bytes = 500;
  const auto error = error_of([&] { fixture.sign(fixture.key("ed25519.pem"), options); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK(read_file(fixture.directory / "image.sif") == before);
}

TEST_CASE("what is verified is the open file, whatever its name means later", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const Image image = Image::open(fixture.directory / "image.sif");
  write_file(fixture.directory / "other", "not an image");
  std::filesystem::rename(fixture.directory / "other", fixture.directory / "image.sif");
  CHECK_FALSE(verify(image, fixture.trusted({"ed25519.pub"}), {}).failure);
}

TEST_CASE("an image that is edited while it is read is not called tampered with", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const auto path = fixture.directory / "image.sif";
  const auto keys = fixture.trusted({"ed25519.pub"});
  const Image image = Image::open(path);
  const File file = File::open_read_write(path);
  const auto old = static_cast<std::uint64_t>(image.object(4).offset);
  file.write_at(old, as_bytes(std::string(8, '\0')));
  CHECK(failure_of(verify(image, keys, {})) == ErrorKind::tampered);

  Header header = image.header();
  header.modified += 1;
  file.write_at(0, header.encode());
  const auto error = error_of([&] { verify(image, keys, {}); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK_THAT(error->message(), ContainsSubstring("the image was changed while it was read"));
  // Whoever opens it anew sees what it is now.
  CHECK(failure_of(fixture.verified({"ed25519.pub"})) == ErrorKind::tampered);
}

TEST_CASE("what holds does so, whatever an edit does meanwhile", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const Image image = Image::open(fixture.directory / "image.sif");
  fixture.add("more", {.group = 3});
  CHECK_FALSE(verify(image, fixture.trusted({"ed25519.pub"}), {}).failure);
}
