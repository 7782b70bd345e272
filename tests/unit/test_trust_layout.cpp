// SPDX-License-Identifier: Apache-2.0
//
// What no signature covers: said of every image, and refused on request.
#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

struct LayoutFixture : SignFixture {
  std::string bytes;

  LayoutFixture() {
    sign(key("ed25519.pem"));
    bytes = read_file(directory / "image.sif");
  }

  VerifyReport judged(const std::string& image, bool strict = true) const {
    write_file(directory / "image.sif", image);
    return verified({"ed25519.pub"}, {.strict_layout = strict});
  }
  /// What strict layout has against an image that is well signed.
  std::string refusal(const std::string& image) const {
    CHECK_FALSE(judged(image, false).failure);
    CHECK(judged(image, false).layout.empty());
    const auto report = judged(image);
    if (!report.failure) return {};
    CHECK(report.failure->kind() == ErrorKind::unsigned_image);
    CHECK(report.failure->message() == "layout: " + report.layout.at(0));
    return report.layout[0];
  }
};

}  // namespace

TEST_CASE("a strict layout has no byte that says something and is not signed", "[trust][integrity]") {
  const LayoutFixture fixture;
  REQUIRE(fixture.refusal(fixture.bytes).empty());
  CHECK(fixture.judged(fixture.bytes).unprotected.bytes_behind == 0);
  const auto changed = [&](std::size_t at, char to) {
    std::string image = fixture.bytes;
    image.at(at) = to;
    return image;
  };
  CHECK(fixture.refusal(fixture.bytes + "x") == "1 bytes lie behind the last object");
  CHECK(fixture.judged(fixture.bytes + std::string(200, '\0')).unprotected.bytes_behind == 200);
  CHECK(fixture.refusal(changed(128, 'x')) == "the bytes from 128 to 4096 belong to no object and are not zero");
  CHECK(fixture.refusal(changed(32767, 'x')) == "the bytes from 32189 to 32768 belong to no object and are not zero");
  CHECK(fixture.refusal(changed(kDescriptorsOffset + 47 * kDescriptorSize + 100, 'x')) == "1 free descriptors are not empty");
  CHECK_THAT(fixture.refusal(changed(46, '4')), ContainsSubstring("the primary partition is for amd64, the header says arm64"));
  CHECK_FALSE(fixture.judged(changed(46, '4'), false).unprotected.agrees.value());
  // Signed, but what is tampered with is worse.
  CHECK(fixture.judged(changed(32768, 'x') + "x").failure->kind() == ErrorKind::tampered);
}

TEST_CASE("a strict layout has no signature object that nothing looks at", "[trust][integrity]") {
  const LayoutFixture fixture;
  const auto with = [&](const ObjectSpec& object, const std::string& data) {
    write_file(fixture.directory / "image.sif", fixture.bytes);
    fixture.add(data, object);
    return fixture.refusal(read_file(fixture.directory / "image.sif"));
  };
  const ObjectSpec object{.type = DataType::signature, .group = 0, .link = 1, .links_group = true, .extra = encode_extra(SignatureInfo{HashType::sha256, {}})};
  auto single = object;
  single.links_group = false;
  auto lost = object;
  lost.link = 0;
  auto loose = lost;
  loose.links_group = false;
  const std::string why = "object 6: a signature that is not looked at, so nothing stands behind its bytes";
  for (const auto& other : {single, lost, loose}) CHECK(with(other, "anything") == why);
  CHECK(with(object, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nSIFHASH:\nanything\n-----BEGIN PGP SIGNATURE-----\n\nwsA=\n-----END PGP SIGNATURE-----\n") == why);
}

TEST_CASE("a strict layout has nothing in the descriptor of a signature that nothing signs", "[trust][integrity]") {
  const LayoutFixture fixture;
  const auto slot = kDescriptorsOffset + 3 * kDescriptorSize;
  REQUIRE(Descriptor::decode(as_bytes(fixture.bytes).subspan(slot, kDescriptorSize)).type == DataType::signature);
  for (const std::size_t at : {73u, 200u, 205u, 225u, 584u}) {
    INFO(at);
    auto image = fixture.bytes;
    image.at(slot + at) = 'x';
    CHECK(fixture.refusal(image) == "object 4: the descriptor of a signature holds what nothing signs");
  }
  auto image = fixture.bytes;
  image.replace(slot + 73, 14, "part-signature");
  CHECK(fixture.refusal(image).empty());
  image.at(slot + 200) = 'x';
  CHECK_FALSE(fixture.refusal(image).empty());
}

TEST_CASE("a hole that an edit has left is refused by a strict layout until the image is compact", "[trust][integrity]") {
  SignFixture fixture;
  const ObjectSpec object{.type = DataType::generic, .group = 1};
  fixture.add(std::string(100'000, 'x'), object);
  fixture.add("more", object);
  fixture.edit([](ImageEditor& editor) { editor.remove(4); });
  fixture.sign(fixture.key("ed25519.pem"));
  const auto report = fixture.verified({"ed25519.pub"}, {.strict_layout = true});
  REQUIRE(report.failure);
  CHECK_THAT(report.layout.at(0), ContainsSubstring("belong to no object and are more than padding"));
  CHECK_THAT(report.failure->hint().text(), ContainsSubstring("compact it"));
  CHECK(report.unprotected.bytes_between > 100'000);
  fixture.edit([](ImageEditor& editor) { editor.compact(Compaction::all); });
  CHECK_FALSE(fixture.verified({"ed25519.pub"}, {.strict_layout = true}).failure);
}

TEST_CASE("the digest of the whole file is that of the open file, and may be required", "[trust][integrity]") {
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  const auto bytes = read_file(fixture.directory / "image.sif");
  const auto right = digest_of(as_bytes(bytes));
  CHECK_FALSE(fixture.verified({"ed25519.pub"}).digest);
  CHECK(fixture.verified({"ed25519.pub"}, {.digest = true}).digest == right);
  CHECK_FALSE(fixture.verified({"ed25519.pub"}, {.required_digest = right}).failure);
  const auto longer = digest_of(as_bytes(bytes), DigestAlgorithm::sha512);
  CHECK(fixture.verified({"ed25519.pub"}, {.required_digest = longer}).digest == longer);
  // An older image, well signed.
  const auto report = fixture.verified({"ed25519.pub"}, {.required_digest = digest_of({})});
  REQUIRE(report.failure);
  CHECK(report.failure->kind() == ErrorKind::tampered);
  CHECK(report.covered.size() == 3);
}

TEST_CASE("keys are counted, not signatures", "[trust][integrity]") {
  using Ids = std::vector<std::uint32_t>;
  SignFixture fixture;
  fixture.sign(fixture.key("ed25519.pem"));
  fixture.sign(fixture.key("ed25519.pem"));
  auto report = fixture.verified({"ed25519.pub"});
  CHECK(report.signatures.size() == 4);
  REQUIRE(report.keys.size() == 1);
  CHECK(report.keys[0].objects == Ids{1, 2, 3});
  fixture.sign(fixture.key("ecdsa.pem"), {.groups = {2}});
  report = fixture.verified({"ed25519.pub", "ecdsa.pub"});
  REQUIRE(report.keys.size() == 2);
  CHECK((report.keys[0].objects == Ids{3} || report.keys[1].objects == Ids{3}));
  // Nothing that fails counts.
  CHECK(fixture.verified({"ecdsa.pub"}).keys.size() == 1);
  CHECK(fixture.verified({}).keys.empty());
}
