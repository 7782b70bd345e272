// SPDX-License-Identifier: Apache-2.0
//
// Layers of which an older image does not hold all that they brought, and files that lie otherwise than there.
#include <string>

#include "support/base_fixture.h"
#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct BordersFixture : BaseFixture {
  BordersFixture() { options.format = OutputFormat::sif; }

  /// How many layers an older image of `old` stood in for, where the bytes are those of a build without it.
  std::size_t taken(const std::vector<std::string>& old, const std::vector<std::string>& all) {
    build("old", old);
    const auto alone = build("alone", all);
    REQUIRE((build("new", all, "old") == alone));
    return report.base_layers;
  }
};

const std::string kNew = TarBuilder().file("etc/new", "new").bytes();

}  // namespace

TEST_CASE("files that the end of a layer kept apart may be neighbours", "[convert][base]") {
  BordersFixture fixture;
  const std::string same(700, 'c');
  const auto below = TarBuilder().file("y", same).file("z", std::string(500, 'z')).file("zz", std::string(300, 'a')).bytes();
  const auto above = TarBuilder().file("x", same).bytes();
  const auto gone = TarBuilder().file(".wh.x", "").bytes();
  CHECK(fixture.taken({below, above}, {below, above, gone}) == 2);
}

TEST_CASE("a file whose first name is gone comes under another one, in another place", "[convert][base]") {
  BordersFixture fixture;
  const auto below = TarBuilder().file("b/first", "").hard_link("a/c/second", "b/first").file("a/other", "o").bytes();
  const auto gone = TarBuilder().file("b/.wh.first", "").bytes();
  CHECK(fixture.taken({below, gone}, {below, gone, kNew}) == 0);
}

TEST_CASE("what the build has replaced, a newer layer may ask for", "[convert][base]") {
  BordersFixture fixture;
  SECTION("a link at the root") {
    const auto below = TarBuilder().directory("opt").symlink("environment", "opt").bytes();
    const auto through = TarBuilder().file("environment/file", "f").bytes();
    CHECK(fixture.taken({below}, {below, through}) == 0);
  }
  SECTION("a file that is emptied") {
    const auto below = TarBuilder().file("etc/hosts", "127.0.0.1 localhost").file("etc/text", "text").bytes();
    CHECK(fixture.taken({below}, {below, kNew}) == 1);
    const auto link = TarBuilder().hard_link("saved", "etc/hosts").bytes();
    CHECK(fixture.taken({below}, {below, link}) == 0);
    CHECK(fixture.report.reused_bytes != 0);
    CHECK(fixture.warnings.count("base-unused") == 1);
  }
}

TEST_CASE("a file that a directory of a newer layer replaces is not packed", "[convert][base]") {
  BordersFixture fixture;
  const std::string secret(3000, 's');
  const auto below = TarBuilder().file("d", secret).bytes();
  const auto above = TarBuilder().file("d/c", "").file("a/a", secret).bytes();
  // The same bytes stand under another name, until that goes, too.
  CHECK(fixture.taken({below, above}, {below, above, TarBuilder().file("a", "a").bytes()}) == 2);
  fixture.options.squashfs.codec = layers::SquashfsCodec::none;
  CHECK(fixture.build("plain", {below, TarBuilder().file("d/c", "").bytes()}).find(secret) == std::string::npos);
  CHECK(fixture.warnings.count("unnamed-bytes") == 0);
}

TEST_CASE("bytes that no file shows are told", "[convert]") {
  BaseFixture fixture;
  fixture.options.squashfs.codec = layers::SquashfsCodec::none;
  const std::string secret(3000, 's');
  const auto linked = TarBuilder().directory("real").file("real/a", secret).symlink("ln", "real").bytes();
  const auto is_there = [&](const std::vector<std::string>& layers) {
    return fixture.build("image", layers).find(secret) != std::string::npos;
  };
  SECTION("a whiteout through a link") {
    fixture.options.excludes = {"/other"};
    CHECK(is_there({linked, TarBuilder().file("ln/.wh.a", "").bytes()}));
    CHECK(fixture.warnings.count("unnamed-bytes") == 1);
  }
  SECTION("a name that stands twice") {
    CHECK(is_there({TarBuilder().file("a", secret).file("a", "new").bytes()}));
    CHECK(fixture.warnings.count("unnamed-bytes") == 0);
    fixture.options.excludes = {"/other"};
    CHECK(is_there({TarBuilder().file("a", secret).file("a", "new").bytes()}));
    CHECK(fixture.warnings.count("unnamed-bytes") == 1);
  }
  SECTION("what is left out by the name of a link") {
    fixture.options.excludes = {"/real/a"};
    const auto through = TarBuilder().file("ln/a", secret).bytes();
    const auto link = TarBuilder().directory("real").symlink("ln", "real").bytes();
    CHECK(is_there({link, through}));
    CHECK(fixture.warnings.count("unnamed-bytes") == 1);
  }
  SECTION("bytes that another file has") {
    CHECK(is_there({TarBuilder().file("a", secret).file("b", secret).file("a", "new").bytes()}));
    CHECK(fixture.warnings.count("unnamed-bytes") == 0);
  }
}
