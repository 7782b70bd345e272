// SPDX-License-Identifier: Apache-2.0
//
// Which rules of a policy are for an image: names and files that somebody has placed so that the wrong ones were.
#include <sifkit/trust/verify_policy.h>

#include <unistd.h>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/sign_desk.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// A folder whose images need two keys, one whose images need one, and an image in the latter that has one.
struct TwoFolders : SignDesk {
  fs::path strict = folder / "strict";
  fs::path lax = folder / "lax";
  VerifyPolicy policy = make();
  TrustedKeys keys = trusted({"ed25519.pub"});

  TwoFolders() {
    sign(key("ed25519.pem"));
    fs::rename(folder / "image.sif", lax / "a.sif");
  }

  VerifyReport check(const Image& image) const { return verify(image, keys, {.policy = &policy}); }
  VerifyReport check(const fs::path& name) const { return check(Image::open(name)); }

 private:
  VerifyPolicy make() const {
    fs::create_directory(strict);
    fs::create_directory(lax);
    return VerifyPolicy::parse(fmt::format(R"({{"schema": "sifkit/verify-policy/v1", "rules": [{{"path": "{}", "threshold": 2}}, {{"path": "{}"}}]}})", strict.string(), lax.string()), "site.json");
  }
};

void refused(const VerifyReport& report, const fs::path& place) {
  REQUIRE(report.failure);
  CHECK(report.failure->kind() == ErrorKind::untrusted);
  CHECK(report.failure->message() == "policy 'site.json', rules[0]: 1 of 2 keys needed have signed all that is checked");
  CHECK(report.failure->hint() == fmt::format("it is for '{}', which the image's name leads over", place.string()));
  REQUIRE(report.policy_links.size() == 1);
  CHECK(report.policy_links[0].image == place.string());
  CHECK(report.policy_links[0].place == "rules[0]");
}

}  // namespace

TEST_CASE("a symbolic link in a folder does not carry an image past the folder's rule", "[sif][policy]") {
  const TwoFolders desk;
  CHECK_FALSE(desk.check(desk.lax / "a.sif").failure);
  fs::create_symlink(desk.lax / "a.sif", desk.strict / "absolute.sif");
  fs::create_symlink("../lax/a.sif", desk.strict / "relative.sif");
  fs::create_symlink("relative.sif", desk.strict / "chain.sif");
  fs::create_directory_symlink("../lax", desk.strict / "folder");
  for (const char* name : {"absolute.sif", "relative.sif", "chain.sif"}) refused(desk.check(desk.strict / name), desk.strict / name);
  refused(desk.check(desk.strict / "folder" / "a.sif"), desk.strict / "folder");
  refused(desk.check(desk.folder / "lax/../strict/./folder//a.sif"), desk.strict / "folder");

  // From outside into the folder and out again.
  fs::create_symlink(desk.strict / "chain.sif", desk.lax / "over.sif");
  refused(desk.check(desk.lax / "over.sif"), desk.strict / "chain.sif");
  fs::create_symlink(desk.strict / "chain.sif", desk.folder / "over.sif");
  refused(desk.check(desk.folder / "over.sif"), desk.strict / "chain.sif");

  // Nothing is demanded of a link where no rule is but the one for everything.
  fs::create_symlink(desk.lax / "a.sif", desk.folder / "link.sif");
  const auto report = desk.check(desk.folder / "link.sif");
  CHECK_FALSE(report.failure);
  CHECK(report.policy_links.empty());
}

TEST_CASE("the place of a name counts also when the name has become another file's", "[sif][policy]") {
  const TwoFolders desk;
  fs::create_symlink(desk.lax / "a.sif", desk.strict / "a.sif");
  const auto open = Image::open(desk.strict / "a.sif");
  fs::remove(desk.strict / "a.sif");
  refused(desk.check(open), desk.strict / "a.sif");
  write_file(desk.strict / "a.sif", "another");
  refused(desk.check(open), desk.strict / "a.sif");
}

TEST_CASE("a rule for everything demands nothing of links, as the default does not", "[sif][policy]") {
  const TwoFolders desk;
  const auto policy = VerifyPolicy::parse(fmt::format(R"({{"schema": "sifkit/verify-policy/v1", "rules": [{{"path": "/", "threshold": 2}}, {{"path": "{}"}}]}})", desk.lax.string()), "site.json");
  fs::create_symlink(desk.lax / "a.sif", desk.folder / "link.sif");
  CHECK_FALSE(verify(Image::open(desk.folder / "link.sif"), desk.keys, {.policy = &policy}).failure);
  fs::rename(desk.lax / "a.sif", desk.folder / "a.sif");
  CHECK(verify(Image::open(desk.folder / "a.sif"), desk.keys, {.policy = &policy}).failure);
}

TEST_CASE("a file whose name is gone or another's has no place, whatever links it has left", "[sif][policy]") {
  const TwoFolders desk;
  const auto refusal = [&](const Image& image) {
    const auto error = error_of([&] { desk.check(image); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::untrusted);
    return error->message();
  };
  // A rule of its own would not be found: the system says "a.sif (deleted)".
  fs::create_hard_link(desk.lax / "a.sif", desk.lax / "b.sif");
  const auto open = Image::open(desk.lax / "a.sif");
  fs::remove(desk.lax / "a.sif");
  CHECK_THAT(refusal(open), ContainsSubstring("a.sif (deleted)', where no such file is any more"));
  write_file(desk.lax / "a.sif (deleted)", "another");
  CHECK_THAT(refusal(open), ContainsSubstring("a.sif (deleted)', where another file is"));
  CHECK_FALSE(desk.check(desk.lax / "b.sif").failure);
}
