// SPDX-License-Identifier: Apache-2.0
//
// `images`: the one that is named, and lists of tags that have no end.
#include <atomic>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

TEST_CASE("images lists the one that is named", "[cli][images]") {
  const TempDir directory;
  const auto at = [&](const std::string& name) { return (directory / name).string(); };
  auto image = small_image();
  image.tag = "first:1";
  write_file(directory / "first.tar", as_tar(docker_24(image)));
  image.tag = "second:2";
  image.layers.pop_back();
  write_file(directory / "second.tar", as_tar(docker_24(image)));
  for (const std::string name : {"first", "second"})
    REQUIRE(run_cli({"copy", "-q", at(name + ".tar"), "oci:" + at("layout") + ":" + name}).code == 0);
  const auto listed = [](const std::string& source) {
    const auto result = run_cli({"images", "--json", source});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return Json::parse(result.out)["images"];
  };
  const auto all = listed("oci:" + at("layout"));
  REQUIRE(all.size() == 2);
  CHECK(listed("oci:" + at("layout") + ":second") == Json::array({all[1]}));
  CHECK(listed("oci:" + at("layout") + ":@1") == Json::array({all[1]}));
  CHECK(listed("docker-archive:" + at("first.tar") + ":first:1").size() == 1);
  for (const std::string& source :
       {"docker-archive:" + at("first.tar") + ":nope", "oci:" + at("layout") + ":nope", at("first.tar") + ":nope"}) {
    INFO(source);
    const auto result = run_cli({"images", source});
    CHECK(result.code == exit_code(ErrorKind::not_found));
    CHECK(result.out.empty());
    CHECK_THAT(result.err, ContainsSubstring(": no image 'nope'"));
  }
}

TEST_CASE("a list of tags without an end is left", "[cli][registry][tags][hostile]") {
  RegistryFixture registry;
  registry.server.keep_connections(10'000);
  std::atomic<int> pages = 0;
  std::atomic<std::size_t> padding = 0;
  registry.server.set_fault([&](const Request&) -> Answer {
    const auto next = "/v2/app/tags/list?last=" + std::to_string(++pages) + std::string(padding, 'x');
    return RegistryServer::response(200, R"({"tags":[]})", "Link: <" + next + ">; rel=\"next\"\r\n");
  });
  const auto tags = [&](std::vector<std::string> more = {}) {
    pages = 0;
    more.insert(more.begin(), {"images", "--tags", "--no-https", registry.server.image("app")});
    return run_cli(more);
  };
  const auto endless = tags();
  CHECK(endless.code == exit_code(ErrorKind::limit));
  CHECK_THAT(endless.err, ContainsSubstring("the list of tags has more than 2000 pages"));
  CHECK(pages == 2000);
  // What is kept of a page is more than its tags.
  padding = 50'000;
  const auto large = tags({"--limit", "documents_bytes=1000000"});
  CHECK(large.code == exit_code(ErrorKind::limit));
  CHECK_THAT(large.err, ContainsSubstring("the list of tags has more than 1000000 bytes"));
  CHECK(pages < 30);
}
