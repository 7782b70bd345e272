// SPDX-License-Identifier: Apache-2.0
//
// Which rules of a policy are for an image: names and files that somebody has placed so that the wrong ones were.
#include <sifkit/trust/verify_policy.h>

#include <unistd.h>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// A directory whose images need two keys, one whose images need one, and an image in the latter that has one.
struct TwoDirectories : SignFixture {
  fs::path strict = directory / "strict";
  fs::path lax = directory / "lax";
  VerifyPolicy policy = make();
  TrustedKeys keys = trusted({"ed25519.pub"});

  TwoDirectories() {
    sign(key("ed25519.pem"));
    fs::rename(directory / "image.sif", lax / "a.sif");
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
  CHECK(report.failure->hint().text() == fmt::format("it is for '{}', which the image's name leads over", place.string()));
  REQUIRE(report.policy_links.size() == 1);
  CHECK(report.policy_links[0].image == place.string());
  CHECK(report.policy_links[0].place == "rules[0]");
}

}  // namespace

TEST_CASE("a symbolic link in a directory does not carry an image past the directory's rule", "[trust][policy]") {
  const TwoDirectories fixture;
  CHECK_FALSE(fixture.check(fixture.lax / "a.sif").failure);
  fs::create_symlink(fixture.lax / "a.sif", fixture.strict / "absolute.sif");
  fs::create_symlink("../lax/a.sif", fixture.strict / "relative.sif");
  fs::create_symlink("relative.sif", fixture.strict / "chain.sif");
  fs::create_directory_symlink("../lax", fixture.strict / "directory");
  for (const char* name : {"absolute.sif", "relative.sif", "chain.sif"}) refused(fixture.check(fixture.strict / name), fixture.strict / name);
  refused(fixture.check(fixture.strict / "directory" / "a.sif"), fixture.strict / "directory");
  refused(fixture.check(fixture.directory / "lax/../strict/./directory//a.sif"), fixture.strict / "directory");

  // From outside into the directory and out again.
  fs::create_symlink(fixture.strict / "chain.sif", fixture.lax / "over.sif");
  refused(fixture.check(fixture.lax / "over.sif"), fixture.strict / "chain.sif");
  fs::create_symlink(fixture.strict / "chain.sif", fixture.directory / "over.sif");
  refused(fixture.check(fixture.directory / "over.sif"), fixture.strict / "chain.sif");

  // Nothing is demanded of a link where no rule is but the one for everything.
  fs::create_symlink(fixture.lax / "a.sif", fixture.directory / "link.sif");
  const auto report = fixture.check(fixture.directory / "link.sif");
  CHECK_FALSE(report.failure);
  CHECK(report.policy_links.empty());
}

TEST_CASE("the place of a name counts also when the name has become another file's", "[trust][policy]") {
  const TwoDirectories fixture;
  fs::create_symlink(fixture.lax / "a.sif", fixture.strict / "a.sif");
  const auto open = Image::open(fixture.strict / "a.sif");
  fs::remove(fixture.strict / "a.sif");
  refused(fixture.check(open), fixture.strict / "a.sif");
  write_file(fixture.strict / "a.sif", "another");
  refused(fixture.check(open), fixture.strict / "a.sif");
}

TEST_CASE("a rule for everything demands nothing of links, as the default does not", "[trust][policy]") {
  const TwoDirectories fixture;
  const auto policy = VerifyPolicy::parse(fmt::format(R"({{"schema": "sifkit/verify-policy/v1", "rules": [{{"path": "/", "threshold": 2}}, {{"path": "{}"}}]}})", fixture.lax.string()), "site.json");
  fs::create_symlink(fixture.lax / "a.sif", fixture.directory / "link.sif");
  CHECK_FALSE(verify(Image::open(fixture.directory / "link.sif"), fixture.keys, {.policy = &policy}).failure);
  fs::rename(fixture.lax / "a.sif", fixture.directory / "a.sif");
  CHECK(verify(Image::open(fixture.directory / "a.sif"), fixture.keys, {.policy = &policy}).failure);
}

TEST_CASE("a file whose name is gone or another's has no place, whatever links it has left", "[trust][policy]") {
  const TwoDirectories fixture;
  const auto refusal = [&](const Image& image) {
    const auto error = error_of([&] { fixture.check(image); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::untrusted);
    return error->message();
  };
  // A rule of its own would not be found: the system says "a.sif (deleted)".
  fs::create_hard_link(fixture.lax / "a.sif", fixture.lax / "b.sif");
  const auto open = Image::open(fixture.lax / "a.sif");
  fs::remove(fixture.lax / "a.sif");
  CHECK_THAT(refusal(open), ContainsSubstring("a.sif (deleted)', where no such file is any more"));
  write_file(fixture.lax / "a.sif (deleted)", "another");
  CHECK_THAT(refusal(open), ContainsSubstring("a.sif (deleted)', where another file is"));
  CHECK_FALSE(fixture.check(fixture.lax / "b.sif").failure);
}
