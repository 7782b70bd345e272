// SPDX-License-Identifier: Apache-2.0
//
// Signatures that do not say any more what is in the image: found without a key, replaced, broken by edits.
#include <fmt/format.h>

#include <sifkit/sif/image_editor.h>
#include <sifkit/trust/sign.h>
#include <sifkit/trust/stale_signature.h>
#include <sifkit/trust/verify.h>

#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

using Ids = std::vector<std::uint32_t>;

/// SignFixture's image: 1 definition file and 2 partition in group 1, 3 JSON in group 2.
struct StaleSignatureFixture : SignFixture {
  std::filesystem::path image = directory / "image.sif";

  Image open() const { return Image::open(image); }

  SignReport signed_by(const std::vector<std::string>& names, const SignOptions& options = {}) const {
    std::vector<SigningKey> keys;
    for (const auto& name : names) keys.push_back(key(name));
    return trust::sign(image, keys, options);
  }

  void flip_data_of(std::uint32_t id) const {
    const auto at = static_cast<std::uint64_t>(open().object(id).offset);
    const File file = File::open_read_write(image);
    Bytes byte(1);
    file.read_exact_at(at, byte, "byte");
    byte[0] ^= std::byte{1};
    file.write_at(at, byte);
  }

  void rename(std::uint32_t id) const {
    edit([&](ImageEditor& editor) { editor.set_name(id, "x"); });
  }

  /// "4 of 1: reason", a line each.
  static std::string text_of(const std::vector<StaleSignature>& all) {
    std::string out;
    for (const auto& each : all) out += fmt::format("{} of {}: {}\n", each.id, each.group, each.reason);
    return out;
  }
};

}  // namespace

TEST_CASE("signing names old signatures that do not hold, and why", "[trust][sign]") {
  const StaleSignatureFixture fixture;
  CHECK(fixture.signed_by({"ed25519.pem"}).added == Ids{4, 5});
  CHECK(fixture.signed_by({"ecdsa.pem"}).stale.empty());
  fixture.flip_data_of(2);
  // Bytes of groups that are not signed now are not read.
  CHECK(fixture.signed_by({"ed25519.pem"}, {.groups = {2}}).stale.empty());
  CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) ==
        "4 of 1: object 2 has changed\n6 of 1: object 2 has changed\n");
}

TEST_CASE("every way in which a signature can stop to hold is found", "[trust][sign]") {
  const StaleSignatureFixture fixture;
  fixture.signed_by({"ed25519.pem"});
  SECTION("descriptor") {
    fixture.rename(1);
    CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) == "4 of 1: the descriptor of object 1 has changed\n");
  }
  SECTION("an object less") {
    fixture.edit([](ImageEditor& editor) { editor.remove(2); });
    CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) ==
          "4 of 1: it names object 2, which is not in group 1\n");
  }
  SECTION("an object more") {
    fixture.add("more", {.type = DataType::generic, .group = 1});
    CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) == "4 of 1: it does not name object 6\n");
  }
  SECTION("the header") {
    File::open_read_write(fixture.image).write_at(50, as_bytes("uuid"));
    CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) ==
          "4 of 1: the header has changed\n5 of 2: the header has changed\n");
  }
  SECTION("the signature itself") {
    fixture.flip_data_of(4);
    CHECK(StaleSignatureFixture::text_of(fixture.signed_by({"ed25519.pem"}).stale) == "4 of 1: signature format not recognized\n");
  }
  SECTION("an object in no group is another matter") {
    fixture.add("loose", {.type = DataType::generic, .group = 0});
    const auto report = fixture.signed_by({"ed25519.pem"});
    CHECK(report.stale.empty());
    CHECK(report.without_group == Ids{6});
  }
}

TEST_CASE("what is replaced is void or by the same keys, and of nothing more than is signed now", "[trust][sign]") {
  const StaleSignatureFixture fixture;
  fixture.make_pgp("ada");
  fixture.signed_by({"ed25519.pem"});               // 4, 5
  fixture.signed_by({"ecdsa.pem", "ed25519.pem"});  // 6, 7: of both
  fixture.signed_by({"ada.asc"});                   // 8, 9
  const SignOptions replace{.replace = true};
  const auto verified = [&] { return fixture.verified({"ed25519.pub", "ecdsa.pub", "ada.pub"}); };
  SECTION("the same key") {
    CHECK(fixture.signed_by({"ed25519.pem"}, replace).replaced == Ids{4, 5});
    CHECK_FALSE(verified().failure);
    CHECK(fixture.signed_by({"ada.asc"}, replace).replaced.size() == 2);
    CHECK_FALSE(verified().failure);
    CHECK(fixture.open().objects_of(DataType::signature).size() == 6);
  }
  SECTION("more keys than before") {
    CHECK(fixture.signed_by({"ecdsa.pem", "ed25519.pem"}, replace).replaced == Ids{4, 5, 6, 7});
    CHECK_FALSE(verified().failure);
  }
  SECTION("one group") { CHECK(fixture.signed_by({"ada.asc"}, {.groups = {2}, .replace = true}).replaced == Ids{9}); }
  SECTION("less than before stands for no more") {
    const auto report = fixture.signed_by({"ed25519.pem"}, {.objects = {1}, .replace = true});
    CHECK(report.replaced.empty());
    CHECK(report.added == Ids{10});
    CHECK(fixture.signed_by({"ed25519.pem"}, {.objects = {1}, .replace = true}).replaced == Ids{10});
  }
  SECTION("what is void, by whom it may be") {
    fixture.rename(3);
    const auto report = fixture.signed_by({"ada.asc"}, replace);
    CHECK(report.replaced == Ids{5, 7, 8, 9});
    CHECK(report.stale.empty());
    CHECK_FALSE(verified().failure);
  }
  SECTION("without being asked nothing") {
    fixture.rename(3);
    CHECK(fixture.signed_by({"ada.asc"}).replaced.empty());
    REQUIRE(verified().failure);
    CHECK(verified().failure->kind() == ErrorKind::tampered);
  }
}

TEST_CASE("a full table is signed again, and what is dropped leaves zeros", "[trust][sign]") {
  const StaleSignatureFixture fixture;
  fixture.edit([](ImageEditor& editor) {
    for (int i = 0; i < 43; ++i) {
      MemorySource data(as_bytes("x"));
      editor.add({.type = DataType::generic, .group = 2}, data);
    }
  });
  fixture.signed_by({"ed25519.pem"});
  CHECK(error_of([&] { fixture.signed_by({"ed25519.pem"}); })->kind() == ErrorKind::limit);
  CHECK(fixture.signed_by({"ed25519.pem"}, {.replace = true}).replaced == Ids{47, 48});
  CHECK_FALSE(fixture.verified({"ed25519.pub"}, {.strict_layout = true}).failure);
}

TEST_CASE("an edit breaks the signatures whose words it changes, and no others", "[trust][edit]") {
  const StaleSignatureFixture fixture;
  fixture.signed_by({"ed25519.pem"});                    // 4, 5
  fixture.signed_by({"ed25519.pem"}, {.objects = {1}});  // 6: of a part
  const auto broken = [&](const std::function<void(ImageEditor&)>& edit) {
    const Image before = fixture.open();
    fixture.edit(edit);
    return StaleSignatureFixture::text_of(signatures_broken_by_edit(before, fixture.open()));
  };
  MemorySource data(as_bytes("more"));
  SECTION("nothing that is signed") {
    CHECK(broken([&](ImageEditor& editor) { editor.add({.type = DataType::generic, .group = 0}, data); }).empty());
    CHECK(broken([](ImageEditor& editor) { editor.remove(5); }).empty());
    CHECK(broken([](ImageEditor& editor) { editor.compact(Compaction::all); }).empty());
  }
  SECTION("a name") {
    CHECK(broken([](ImageEditor& editor) { editor.set_name(2, "x"); }) ==
          "4 of 1: the descriptor of object 2 has changed\n");
  }
  SECTION("another member: a part stays one") {
    CHECK(broken([&](ImageEditor& editor) { editor.add({.type = DataType::generic, .group = 1}, data); }) ==
          "4 of 1: it does not name object 7\n");
  }
  SECTION("a member less") {
    CHECK(broken([](ImageEditor& editor) { editor.remove(1); }) ==
          "4 of 1: it names object 3, which is not in group 1\n6 of 1: the descriptor of object 2 has changed\n");
  }
  SECTION("the last member") {
    CHECK(broken([](ImageEditor& editor) { editor.remove(3); }) == "5 of 2: group 2 is gone\n");
  }
  SECTION("once") {
    REQUIRE_FALSE(broken([](ImageEditor& editor) { editor.set_name(2, "x"); }).empty());
    CHECK(broken([](ImageEditor& editor) { editor.set_name(2, "y"); }).empty());
  }
}

TEST_CASE("a question for one key is not disturbed by others, nor answered by them", "[trust][verify]") {
  const StaleSignatureFixture fixture;
  fixture.make_pgp("ada");
  fixture.make_pgp("eve");
  fixture.signed_by({"ada.asc"});
  const auto asked = [&](const std::vector<std::string>& names, std::vector<std::string> required = {}) {
    const auto report = fixture.verified(names, {.required_keys = std::move(required), .ignore_others = true});
    return report.failure ? std::string(to_string(report.failure->kind())) : "";
  };
  const std::string ada = fixture.verified({"ada.pub"}).keys.at(0).key;
  fixture.signed_by({"eve.asc"});
  fixture.signed_by({"ed25519.pem"});
  CHECK(asked({"ada.pub"}).empty());
  CHECK(asked({"ed25519.pub"}).empty());
  CHECK(asked({"ecdsa.pub"}) == "untrusted");
  // A key that is known and may not be used is of no matter for another, and no answer for itself.
  CHECK(asked({"ada.pub", "eve.revoked"}) == "untrusted");
  CHECK(asked({"ada.pub", "eve.revoked"}, {ada}).empty());
  CHECK(asked({"eve.revoked"}) == "untrusted");
  // What others have signed stands for nothing.
  fixture.add("more", {.type = DataType::generic, .group = 3});
  fixture.signed_by({"eve.asc"}, {.groups = {3}});
  CHECK_FALSE(fixture.verified({"ada.pub", "eve.pub", "ed25519.pub"}).failure);
  CHECK(asked({"ada.pub"}) == "untrusted");
  CHECK(asked({"ada.pub", "eve.pub"}, {ada}) == "untrusted");
  // Signatures of the key itself count, good or bad.
  fixture.signed_by({"ada.asc"}, {.groups = {3}});
  CHECK(asked({"ada.pub"}).empty());
  fixture.rename(2);
  CHECK(asked({"ada.pub"}) == "tampered");
}
