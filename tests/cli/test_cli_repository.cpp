// SPDX-License-Identifier: Apache-2.0
//
// What a repository holds, as it is: `images --tags`, `inspect --raw`, and layers that `push` compresses.
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

TEST_CASE("images --tags lists the tags of a repository, page by page", "[cli][registry][tags]") {
  RegistryFixture registry;
  const auto repository = registry.server.image("team/app");
  const auto tags = [&](const std::string& name, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"images", "--tags", "--no-https", name});
    return run_cli(more);
  };
  const auto page = [](const std::string& list, const std::string& next = {}) {
    return RegistryServer::response(200, "{\"name\":\"team/app\",\"tags\":" + list + "}",
                                    next.empty() ? "" : "Link: <" + next + ">; rel=\"next\"\r\n");
  };
  std::string second = "/v2/team/app/tags/list?last=b&n=1000";
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.path == "/v2/team/app/tags/list?n=1000") return page(R"(["1","b"])", second);
    if (request.path == "/v2/team/app/tags/list?last=b&n=1000") return page(R"(["esc\u001b[2J"])");
    return std::nullopt;
  });
  const auto listed = tags(repository);
  INFO(listed.err);
  CHECK(listed.code == 0);
  CHECK(listed.out == "1\nb\nesc\\x1b[2J\n");
  second = registry.server.url("/v2/team/app/tags/list?last=b&n=1000");
  CHECK(tags(repository).out == listed.out);
  CHECK(Json::parse(tags(repository, {"--json"}).out) ==
        Json{{"schema", "sifkit/tags/v1"}, {"source", repository}, {"repository", registry.server.place() + "/team/app"}, {"tags", {"1", "b", "esc\x1b[2J"}}});
  const auto fails = [&](const CliResult& result, ErrorKind kind, const std::string& text) {
    INFO(text);
    CHECK(result.code == exit_code(kind));
    CHECK(result.out.empty());
    CHECK_THAT(result.err, ContainsSubstring(text));
  };
  second = "/v2/team/app/tags/list?n=1000";
  fails(tags(repository), ErrorKind::network, "the next page of tags is one that was read already");
  second = "http://127.0.0.1:1/v2/team/app/tags/list?n=1";
  fails(tags(repository), ErrorKind::network, "the next page of tags is on another server");
  for (const auto& [body, kind, text] : {std::tuple{"{\"tags\":null}", ErrorKind::usage, ""},
                                         {"{\"tags\":[1]}", ErrorKind::malformed, "tags/list.tags[0]: expected a string"},
                                         {"[]", ErrorKind::malformed, "tags/list: expected an object"},
                                         {"{", ErrorKind::malformed, "tags/list: "}}) {
    registry.server.set_fault([&, body = body](const Request&) -> Answer { return RegistryServer::response(200, body); });
    if (std::string(text).empty()) {
      CHECK(tags(repository).code == 0);
      CHECK(tags(repository).out.empty());
    } else {
      fails(tags(repository), kind, text);
    }
  }
  registry.server.set_fault([](const Request&) -> Answer { return RegistryServer::failure(404, "NAME_UNKNOWN", "repository name not known to registry"); });
  fails(tags(repository), ErrorKind::not_found, "status 404: name unknown: repository name not known to registry");
  registry.server.forget();
  fails(tags(repository + ":1"), ErrorKind::usage, "expected a repository, without a tag or a digest");
  fails(tags(repository + "@sha256:" + std::string(64, '0')), ErrorKind::usage, "expected a repository, without a tag or a digest");
  fails(tags("app.tar"), ErrorKind::usage, "only a repository has tags");
  CHECK(registry.server.requests().empty());
}

TEST_CASE("the next page of tags is found in every form of the header Link", "[cli][registry][tags]") {
  RegistryFixture registry;
  const std::string next = "/v2/app/tags/list?last=a;b&n=1000";
  std::string headers;
  registry.server.set_fault([&](const Request& request) -> Answer {
    return request.path == next ? RegistryServer::response(200, R"({"tags":["last"]})")
                                : RegistryServer::response(200, R"({"tags":["first"]})", headers);
  });
  const auto tags = [&] { return run_cli({"images", "--tags", "--no-https", registry.server.image("app")}); };
  for (const std::string& form :
       {"Link: <" + next + ">; rel=next\r\n", "Link: <" + next + ">;REL = \"prev NEXT\"; title=\"a, <b>\"\r\n",
        "Link: </help>; rel=\"help\"\r\nLink: <" + next + ">; rel=\"next\"\r\n",
        "Link: </v2/app/tags/list?n=1000>; rel=\"first\", <" + next + ">; rel=\"next\"\r\n",
        "Link: </a>; title=\"; rel=next, <\", <" + next + ">; rel=next\r\n",
        "Link: <http://127.0.0.1" + next + ">; rel=next\r\n"}) {
    INFO(form);
    headers = form;
    const auto listed = tags();
    INFO(listed.err);
    CHECK(listed.code == 0);
    CHECK(listed.out == "first\nlast\n");
  }
  for (const std::string& form :
       {std::string("Link: </help>; rel=help\r\n"), "Link: <" + next + ">; rel=first; rel=next\r\n",
        "Link: <" + next + ">; rel=\"nextpage\"\r\n", std::string("Link: rel=next\r\n"), std::string("Link: <rel=next\r\n")}) {
    INFO(form);
    headers = form;
    CHECK(tags().out == "first\n");
  }
  headers = "Link: <http://127.0.0.1:1" + next + ">; rel=next\r\n";
  CHECK_THAT(tags().err, ContainsSubstring("the next page of tags is on another server"));
}

TEST_CASE("inspect --raw prints the manifest as it is stored", "[cli][registry][raw]") {
  RegistryFixture registry;
  const auto image = small_image();
  const auto manifest = registry.put(image);
  const auto raw = [&](const std::string& name, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"inspect", "--raw", "--no-https", name});
    return run_cli(more);
  };
  CHECK(raw(registry.server.image("app:1")).out == manifest);
  // An index is printed as such, spaces and all; with a platform the manifest that it lists.
  const auto index = " " + Json{{"schemaVersion", 2},
                                {"manifests", {{{"mediaType", "application/vnd.oci.image.manifest.v1+json"}, {"digest", "sha256:" + sha256(manifest)}, {"size", manifest.size()},
                                                {"platform", {{"os", "linux"}, {"architecture", "amd64"}}}}}}}.dump(3) + "\n";
  registry.server.put_manifest("app", "all", "application/vnd.oci.image.index.v1+json", index);
  CHECK(raw(registry.server.image("app:all")).out == index);
  CHECK(raw(registry.server.image("app:all"), {"--arch", "amd64"}).out == manifest);
  CHECK(raw(registry.server.image("app:none")).code == exit_code(ErrorKind::not_found));
  const auto layout = (registry.home / "layout").string();
  REQUIRE(run_cli({"copy", "-q", "--no-https", registry.server.image("app:1"), "oci:" + layout + ":x"}).code == 0);
  CHECK(raw("oci:" + layout + ":x").out == manifest);
  write_file(registry.home / "docker.tar", as_tar(docker_24(image)));
  const auto archive = (registry.home / "docker.tar").string();
  const auto none = raw("docker-archive:" + archive);
  CHECK(none.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(none.err, ContainsSubstring("has no manifest\n  hint: manifests are in layouts"));
  REQUIRE(run_cli({"build", "-q", (registry.home / "app.sif").string(), archive}).code == 0);
  CHECK(raw((registry.home / "app.sif").string()).code == exit_code(ErrorKind::unsupported));
  CHECK(raw(registry.server.image("app:1"), {registry.server.image("app:1")}).code == exit_code(ErrorKind::usage));
}

TEST_CASE("push compresses layers as copy does", "[cli][registry][push]") {
  RegistryFixture registry;
  write_file(registry.home / "made.tar", as_tar(docker_24(small_image())));
  const auto made = (registry.home / "made.tar").string();
  const auto manifest = [&](const std::string& tag) { return registry.server.bytes_of("/v2/app/manifests/" + tag).value_or("none"); };
  REQUIRE(run_cli({"push", "-q", "--no-https", "--compress", "zstd:3", made, registry.server.image("app:pushed")}).code == 0);
  REQUIRE(run_cli({"copy", "-q", "--no-https", "--compress", "zstd:3", made, registry.server.image("app:copied")}).code == 0);
  CHECK(manifest("pushed") == manifest("copied"));
  CHECK_THAT(manifest("pushed"), ContainsSubstring("application/vnd.oci.image.layer.v1.tar+zstd"));
  const auto sif = (registry.home / "app.sif").string();
  REQUIRE(run_cli({"build", "-q", sif, made}).code == 0);
  const auto refused = run_cli({"push", "--no-https", "--compress", "gzip", sif, "oras://" + registry.server.place() + "/sif:1"});
  CHECK(refused.code == exit_code(ErrorKind::usage));
  CHECK_THAT(refused.err, ContainsSubstring("--compress is for images of layers: a SIF file goes to a registry as it is"));
  CHECK(run_cli({"push", "--no-https", "--compress", "rar", made, registry.server.image("app:x")}).code == exit_code(ErrorKind::usage));
}
