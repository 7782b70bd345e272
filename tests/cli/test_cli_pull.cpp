// SPDX-License-Identifier: Apache-2.0
//
// `pull`: images become SIF files, SIF files come as they are, and what is not as it was promised gets no name.
#include <filesystem>

#include "support/catch.h"
#include "support/pull_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a SIF file comes from a registry as it is", "[cli][registry][pull]") {
  PullFixture fixture;
  fixture.server.put_blob("team/app", fixture.sif);
  fixture.server.put_manifest("team/app", "1", LayoutBuilder::kManifest, PullFixture::manifest_of(fixture.sif).dump());
  const auto blob = "/v2/team/app/blobs/sha256:" + sha256(fixture.sif);
  std::atomic<int> tries = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path != blob || tries++ != 0) return std::nullopt;
    const auto answer = fixture.server.answer(request);
    return answer.substr(0, answer.size() - 5000);
  });
  const auto pulled = fixture.pull(fixture.oras("team/app:1"), {"--json"});
  CHECK(pulled.err == "");
  REQUIRE(pulled.code == 0);
  CHECK(fixture.there() == Names{"app_1.sif"});
  CHECK(read_file(fixture.home / "out/app_1.sif") == fixture.sif);
  CHECK(Json::parse(pulled.out)["digest"] == "sha256:" + sha256(fixture.sif));
  CHECK(tries == 2);
  CHECK(fixture.server.count("GET /v2/team/app/blobs/") == 2);  // its configuration says nothing
  CHECK(fixture.pull(fixture.oras("team/app:1")).code == exit_code(ErrorKind::exists));
  CHECK(fixture.pull(fixture.oras("team/app:1"), {"-F"}).code == 0);
  CHECK(fixture.pull(fixture.oras("team/app:1"), {"--name", "other.sif", "--disable-cache"}).code == 0);
  CHECK(read_file(fixture.home / "out/other.sif") == fixture.sif);
  // Nobody has signed it.
  const auto unsigned_image = fixture.pull(fixture.oras("team/app:1"), {"--name", "signed.sif", "--verify"});
  CHECK(unsigned_image.code == exit_code(ErrorKind::unsigned_image));
  CHECK_FALSE(std::filesystem::exists(fixture.home / "out/signed.sif"));
  // Earlier names of the type, an index, and entries of it without a platform, which are for amd64.
  const auto old = PullFixture::manifest_of(fixture.sif, "appliciation/vnd.sylabs.sif.layer.tar").dump();
  fixture.server.put_manifest("team/app", "", "application/vnd.docker.distribution.manifest.v2+json", old);
  const Json index{
      {"schemaVersion", 2},
      {"manifests",
       Json::array(
           {{{"mediaType", LayoutBuilder::kManifest},
             {"size", 1},
             {"digest", "sha256:" + std::string(64, 'a')},
             {"platform", {{"os", "linux"}, {"architecture", "arm64"}}}},
            {{"mediaType", LayoutBuilder::kManifest}, {"size", old.size()}, {"digest", "sha256:" + sha256(old)}}})}};
  fixture.server.put_manifest("team/app", "all", LayoutBuilder::kIndex, index.dump());
  CHECK(fixture.pull(fixture.oras("team/app:all"), {"--arch", "amd64"}).code == 0);
  CHECK(read_file(fixture.home / "out/app_all.sif") == fixture.sif);
  const auto other = fixture.pull(fixture.oras("team/app:all"), {"--arch", "s390x", "-F"});
  CHECK(other.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(other.err,
             ContainsSubstring("no image for linux/s390x") && ContainsSubstring("there are: linux/arm64, linux/amd64"));
}

TEST_CASE("what is not as it was promised gets no name", "[cli][registry][pull][hostile]") {
  PullFixture fixture;
  const auto refused = [&](const std::string& uri, const std::vector<std::string>& more, ErrorKind kind,
                           const std::string& text) {
    INFO(uri);
    const auto result = fixture.pull(uri, more);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(fixture.there().empty());
  };
  const auto put = [&](const Json& manifest) {
    fixture.server.put_manifest("app", "1", LayoutBuilder::kManifest, manifest.dump());
  };
  const auto path = "/v2/app/blobs/sha256:" + sha256(fixture.sif);
  put(PullFixture::manifest_of(fixture.sif));
  auto damaged = fixture.sif;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] + 1);
  fixture.server.put(path, "application/octet-stream", damaged);
  refused(fixture.oras("app:1"), {}, ErrorKind::integrity,
          "expected sha256:" + sha256(fixture.sif) + ", got sha256:" + sha256(damaged));
  fixture.server.put(path, "application/octet-stream", fixture.sif + "x");
  refused(fixture.oras("app:1"), {}, ErrorKind::integrity, "expected ");
  fixture.server.put(path, "application/octet-stream", fixture.sif);
  refused(fixture.oras("app:1"), {"--digest", "sha256:" + std::string(64, 'a')}, ErrorKind::integrity,
          "expected sha256:aaa");
  refused(fixture.oras("app:2"), {}, ErrorKind::not_found, "status 404: manifest unknown");
  const std::string text = "no SIF";
  put(PullFixture::manifest_of(text));
  fixture.server.put_blob("app", text);
  refused(fixture.oras("app:1"), {}, ErrorKind::unsupported, "app_1.sif");
  put(PullFixture::manifest_of(text, "text/plain"));
  refused(fixture.oras("app:1"), {}, ErrorKind::unsupported, "a layer of type 'text/plain', no SIF file");
  auto two = PullFixture::manifest_of(text);
  two["layers"].push_back(two["layers"][0]);
  put(two);
  refused(fixture.oras("app:1"), {}, ErrorKind::unsupported, "2 layers, one with a SIF file was expected");
  fixture.RegistryFixture::put(small_image());
  refused(fixture.oras("app:1"), {}, ErrorKind::unsupported, "an image of layers, a SIF file was expected");
  refused("shub://x/y", {}, ErrorKind::unsupported, "Singularity Hub has no images any more");
  refused("x.sif", {}, ErrorKind::usage, "expected docker://, oras://, library://, http:// or https://");
  refused("ftp://me:secret@host/x?token=secret", {}, ErrorKind::usage, "source 'ftp://host/x': expected docker://, oras://");
}

TEST_CASE("images and URLs are pulled", "[cli][registry][pull]") {
  PullFixture fixture;
  fixture.put(small_image());
  REQUIRE(fixture.pull(fixture.server.image("app:1"), {"-q"}).code == 0);
  CHECK(fixture.there() == Names{"app_1.sif"});
  CHECK(run_cli({"cat", (fixture.home / "out/app_1.sif").native(), "/etc/new"}).out == "new");
  // The name that `build` takes is taken, too, and what it stood for can be asked for again.
  const auto short_name = fixture.pull("docker:" + fixture.server.place() + "/app:1", {"--json", "-F"});
  REQUIRE(short_name.code == 0);
  CHECK(Json::parse(short_name.out)["manifest_digest"] ==
        "sha256:" + sha256(fixture.server.bytes_of("/v2/app/manifests/1").value_or("")));
  fixture.server.put("/files/some.sif?token=s3cret", "application/octet-stream", fixture.sif);
  const auto url = fixture.server.url("/files/some.sif?token=s3cret");
  REQUIRE(fixture.pull(url, {"--digest", "sha256:" + sha256(fixture.sif)}).code == 0);
  CHECK(read_file(fixture.home / "out/some.sif") == fixture.sif);
  const auto wrong = fixture.pull(url, {"-F", "--digest", "sha256:" + std::string(64, 'b')});
  CHECK(wrong.code == exit_code(ErrorKind::integrity));
  CHECK_THAT(wrong.err, ContainsSubstring("/files/some.sif': expected") && !ContainsSubstring("s3cret"));
  CHECK(read_file(fixture.home / "out/some.sif") == fixture.sif);
  const auto absent = fixture.pull(fixture.server.url("/files/none.sif"));
  CHECK(absent.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(absent.err, ContainsSubstring("/files/none.sif: status 404"));
  CHECK(fixture.pull(fixture.server.url("/")).code != 0);
}

TEST_CASE("keys and a policy are asked before a file has its name", "[cli][registry][pull][policy]") {
  PullFixture fixture;
  const auto at = [&](const std::string& name) { return (fixture.home / name).native(); };
  write_file(fixture.home / "signed.sif", fixture.sif);
  REQUIRE(run_cli({"key", "newpair", "-q", "-N", "Ada", "--no-passphrase"}).code == 0);
  REQUIRE(run_cli({"sign", "-q", at("signed.sif")}).code == 0);
  const auto bytes = read_file(fixture.home / "signed.sif");
  fixture.server.put_blob("app", bytes);
  fixture.server.put_manifest("app", "1", LayoutBuilder::kManifest, PullFixture::manifest_of(bytes).dump());
  const auto out = std::filesystem::canonical(fixture.home / "out").native();
  const auto policy = [&](const std::string& path, int threshold) {
    write_file(fixture.home / "policy.json",
               Json{{"schema", "sifkit/verify-policy/v1"},
                    {"rules", Json::array({{{"path", path}, {"threshold", threshold}}})}}
                   .dump());
    return at("policy.json");
  };
  const auto refused = [&](const std::vector<std::string>& more, const std::string& text) {
    const auto result = fixture.pull(fixture.oras("app:1"), more);
    CHECK(result.code == exit_code(ErrorKind::untrusted));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(fixture.there().empty());
  };
  refused({"--policy", policy(out, 2)}, "rules[0]: 1 of 2 keys needed have signed");
  refused({"--name", "other.sif", "--policy", policy(out + "/app_1.sif", 1)},
          "no rule is for '" + out + "/other.sif'");
  write_file(fixture.home / "other.pub",
             "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
             "-----END PUBLIC KEY-----\n");
  refused({"--key", at("other.pub")}, "");
  CHECK(fixture.pull(fixture.oras("app:1"), {"--ocsp-verify"}).code == exit_code(ErrorKind::usage));
  CHECK(fixture.pull(fixture.oras("app:1"), {"--policy", policy(out + "/app_1.sif", 1)}).code == 0);
  CHECK(fixture.pull(fixture.oras("app:1"), {"-F", "--policy", policy(out, 1)}).code == 0);
  CHECK(fixture.there() == Names{"app_1.sif"});
  // An image of layers has no signatures of these.
  fixture.RegistryFixture::put(small_image(), "layers");
  CHECK(fixture.pull(fixture.server.image("layers:1"), {"--policy", at("policy.json")}).code ==
        exit_code(ErrorKind::usage));
}

TEST_CASE("Apptainer's options of pull are taken, or refused with what there is for them", "[cli][registry][pull]") {
  PullFixture fixture;
  fixture.server.put_blob("app", fixture.sif);
  fixture.server.put_manifest("app", "1", LayoutBuilder::kManifest, PullFixture::manifest_of(fixture.sif).dump());
  CHECK(fixture.pull(fixture.oras("app:1"), {"-U", "--allow-unauthenticated", "--no-cleanup"}).code == 0);
  const auto login = fixture.pull(fixture.oras("app:1"), {"-F", "--docker-login"});
  CHECK(login.code == exit_code(ErrorKind::usage));
  CHECK_THAT(login.err, ContainsSubstring("--docker-login") && ContainsSubstring("--creds USER asks for the password"));
  const auto unknown = run_cli({"pull", "x.sif", "--colour", "v8", fixture.oras("app:1")});
  CHECK(unknown.code == exit_code(ErrorKind::usage));
  CHECK_THAT(unknown.err, ContainsSubstring("has no option '--colour'"));
  CHECK_THAT(run_cli({"pull", "a", "b", fixture.oras("app:1")}).err, ContainsSubstring("expected [OUT] URI"));
  for (const std::string name : {"alpine", "alpine:3", "quay.io/team/app"})
    CHECK_THAT(run_cli({"pull", name}).err, ContainsSubstring("an image of a registry is docker://" + name));
  CHECK_THAT(run_cli({"pull", "x.sif"}).err, !ContainsSubstring("an image of a registry"));

  Json entries = Json::array();
  for (const std::string variant : {"v7", "v6"}) {
    auto image = small_image();
    image.architecture = "arm";
    image.config["Labels"]["variant"] = variant;
    const auto manifest = fixture.RegistryFixture::put(image, "arm", variant);
    entries.push_back({{"mediaType", LayoutBuilder::kManifest},
                       {"size", manifest.size()},
                       {"digest", "sha256:" + sha256(manifest)},
                       {"platform", {{"os", "linux"}, {"architecture", "arm"}, {"variant", variant}}}});
  }
  fixture.server.put_manifest("arm", "all", LayoutBuilder::kIndex, LayoutBuilder::index_of(entries));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string variant = entries[i]["platform"]["variant"];
    const auto pulled = fixture.pull(fixture.server.image("arm:all"),
                                     {"--json", "-F", "--arch", "arm", "--arch-variant", variant});
    INFO(pulled.err);
    REQUIRE(pulled.code == 0);
    CHECK(Json::parse(pulled.out)["manifest_digest"] == entries[i]["digest"]);
  }
}

TEST_CASE("an image for another machine is pulled with a warning, unless it is asked for", "[cli][registry][pull]") {
  PullFixture fixture;
  auto image = small_image();
  image.architecture = oci::Platform::host().architecture == "s390x" ? "arm64" : "s390x";
  fixture.RegistryFixture::put(image);
  for (int i = 0; i < 2; ++i) {  // the second time from the cache
    const auto pulled = fixture.pull(fixture.server.image("app:1"), {"-F"});
    REQUIRE(pulled.code == 0);
    CHECK_THAT(pulled.err, ContainsSubstring("the image is for " + image.architecture) &&
                               ContainsSubstring("[other-machine]"));
  }
  const auto wanted = fixture.pull(fixture.server.image("app:1"), {"-F", "--arch", image.architecture});
  REQUIRE(wanted.code == 0);
  CHECK_THAT(wanted.err, !ContainsSubstring("[other-machine]"));
}
