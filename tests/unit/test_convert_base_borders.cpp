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
    fixture.build("alone", {below, link});
    const auto error = error_of([&] { fixture.build("new", {below, link}, "old"); });
    REQUIRE(error);
    CHECK_THAT(error->hint().text(), ContainsSubstring("--no-base reads all layers"));
  }
}
