// SPDX-License-Identifier: Apache-2.0
//
// `digest` of what has one, and of what has none.
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/shelf.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("a digest that a source does not have is no success", "[cli][digest]") {
  const Shelf shelf;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"digest"}, {"digest", "--json"}}) {
    auto of_tar = words;
    of_tar.push_back("tar:" + shelf.archive);
    const auto none = run_cli(of_tar);
    CHECK(none.code == exit_code(ErrorKind::unsupported));
    CHECK(none.out.empty());
    CHECK_THAT(none.err, ContainsSubstring("--tree"));
  }
  CHECK(run_cli({"digest", "--tree", "tar:" + shelf.archive}).code == 0);
}

TEST_CASE("of a squashfs image the file has a digest, of a SIF the partition, too", "[cli][digest]") {
  const Shelf shelf;
  const auto record = Json::parse(shelf.run("digest", {"--json"}).out);
  CHECK(record.contains("file"));
  CHECK_FALSE(record.contains("partition"));
  const auto sif = (shelf.directory / "app.sif").string();
  REQUIRE(run_cli({"build", "-q", sif, shelf.image}).code == 0);
  CHECK(Json::parse(run_cli({"digest", "--json", sif}).out).contains("partition"));
}
