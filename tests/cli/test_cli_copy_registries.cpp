// SPDX-License-Identifier: Apache-2.0
//
// Copies between two registries: whose credentials go where; and what a manifest is written as.
#include <filesystem>

#include <sifkit/copy_image.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

constexpr const char* kOne = "b25lOjE=";  ///< "one:1"
constexpr const char* kTwo = "dHdvOjI=";  ///< "two:2"
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
constexpr const char* kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// The fixture's registry, which has an image for one:1, and another, which takes it from two:2.
struct TwoRegistries : RegistryFixture {
  RegistryServer other;
  std::string from = server.image("app:1");
  std::string to = other.image("app:1");

  TwoRegistries() {
    put(small_image());
    let_in(server, kOne);
    let_in(other, kTwo);
  }

  static void let_in(RegistryServer& server, const std::string& basic) {
    server.set_fault([basic](const Request& request) -> Answer {
      if (request.header("authorization") == "Basic " + basic) return std::nullopt;
      return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                     "WWW-Authenticate: Basic realm=\"x\"\r\n");
    });
  }
  std::string at(const std::string& name) const { return (home / name).native(); }
  CliResult copy(std::vector<std::string> more) const {
    more.insert(more.begin(), {"copy", from, to, "--retries", "0"});
    return run_cli(more);
  }
};

/// An image as Docker pushes it, in a registry.
struct DockerImage : RegistryFixture {
  std::string manifest;
  std::string from = server.image("app:1");

  DockerImage() {
    LayoutBuilder layout({.packer = "gzip -n", .layer_type = kDockerLayer});
    Json document = Json::parse(layout.manifest_of(small_image()));
    document["mediaType"] = kDockerManifest;
    document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json";
    manifest = document.dump();
    for (const auto& member : layout.members()) server.put_blob("app", member.bytes);
    server.put_manifest("app", "1", kDockerManifest, manifest);
  }

  std::string at(const std::string& name) const { return (home / name).native(); }
  CliResult run(std::vector<std::string> args) const {
    args.insert(args.end(), {"--no-https", "--json"});
    return run_cli(args);
  }
  /// The entry of a layout's index, and the manifest that it names.
  std::pair<Json, Json> in_layout(const std::string& name) const {
    const Json entry = Json::parse(read_file(home / name / "index.json"))["manifests"][0];
    const auto digest = entry["digest"].get<std::string>();
    return {entry, Json::parse(read_file(home / name / "blobs/sha256" / digest.substr(7)))};
  }
};

}  // namespace

TEST_CASE("credentials that are given once are given to one registry", "[cli][registry][copy]") {
  TwoRegistries fixture;
  const std::string both = fixture.server.place() + "' and '" + fixture.other.place() + "'";
  for (std::vector<std::string> args : std::vector<std::vector<std::string>>{{"copy", fixture.from, fixture.to},
                                                                             {"push", fixture.from, fixture.to},
                                                                             {"build", fixture.to, fixture.from},
                                                                             {"diff", fixture.from, fixture.to}}) {
    INFO(args[0]);
    args.push_back("--no-https");
    const auto refused = [&](const std::vector<std::string>& words, const std::string& what) {
      const auto result = run_cli(words);
      CHECK(result.code == exit_code(ErrorKind::usage));
      CHECK_THAT(result.err, ContainsSubstring(what + " is for one registry, and two are asked: '" + both));
      if (args[0] != "diff") CHECK_THAT(result.err, ContainsSubstring("--src-creds and --dest-creds"));
      CHECK(fixture.other.requests().empty());
    };
    auto with_option = args;
    with_option.insert(with_option.end(), {"--creds", "one:1"});
    refused(with_option, "--creds");
    const Environment variables{{{"SIFKIT_DOCKER_USERNAME", "one"}, {"SIFKIT_DOCKER_PASSWORD", "1"}}};
    refused(args, "SIFKIT_DOCKER_USERNAME");
  }
  // A verb that goes on asks the first one.
  const auto inspected = run_cli({"inspect", "--no-https", "--creds", "one:1", fixture.from, fixture.to});
  CHECK(inspected.code != 0);
  CHECK_THAT(inspected.err, ContainsSubstring("--creds is for one registry, and two are asked: '" + both));
  CHECK(fixture.other.requests().empty());
  // Programs that use the library have one set of them.
  CopyOptions options{fixture.options};
  options.registry.credentials = oci::RegistryCredentials{.user = "one", .password = "1"};
  const auto error = error_of([&] {
    copy_image(oci::Reference::parse(fixture.from), *oci::Target::parse(fixture.to), options, fixture.warnings);
  });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::usage);
  CHECK(fixture.other.requests().empty());
}

TEST_CASE("either registry of a copy may have credentials of its own", "[cli][registry][copy]") {
  TwoRegistries fixture;
  write_file(fixture.home / "two.json",
             Json{{"auths", {{fixture.other.place(), {{"auth", kTwo}}}}}}.dump());
  const std::vector<std::vector<std::string>> ways{{"--src-creds", "one:1", "--dest-creds", "two:2"},
                                                   {"--src-creds", "one:1", "--creds", "two:2"},
                                                   {"--creds", "one:1", "--dest-creds", "two:2"},
                                                   {"--creds", "one:1", "--dest-authfile", fixture.at("two.json")}};
  for (auto way : ways) {
    INFO(way[0] << " " << way[2]);
    way.insert(way.end(), {"--src-no-https", "--dest-no-https"});
    const auto copied = fixture.copy(way);
    INFO(copied.err);
    CHECK(copied.code == 0);
    CHECK(fixture.other.bytes_of("/v2/app/manifests/1") == fixture.server.bytes_of("/v2/app/manifests/1"));
    CHECK_THAT(fixture.server.wire(), ContainsSubstring(kOne) && !ContainsSubstring(kTwo));
    CHECK_THAT(fixture.other.wire(), ContainsSubstring(kTwo) && !ContainsSubstring(kOne));
  }
  {
    // Those of the environment are for whom nothing else is given.
    const Environment variables{{{"SIFKIT_DOCKER_USERNAME", "two"}, {"SIFKIT_DOCKER_PASSWORD", "2"}}};
    CHECK(fixture.copy({"--src-creds", "one:1", "--no-https"}).code == 0);
  }
  // One host may be both.
  CHECK(run_cli({"copy", fixture.from, fixture.server.image("copy:1"), "--no-https", "--creds", "one:1"}).code == 0);
  // TLS is asked for where nobody says that there is none.
  const auto tls = fixture.copy({"--src-creds", "one:1", "--dest-creds", "two:2", "--src-no-https"});
  CHECK(tls.code == exit_code(ErrorKind::network));
  CHECK_THAT(tls.err, ContainsSubstring(fixture.other.place()) && ContainsSubstring("--no-https is for a registry"));
  for (const std::vector<std::string>& args :
       std::vector<std::vector<std::string>>{{"copy", fixture.from, "oci:" + fixture.at("layout")},
                                             {"build", fixture.at("x.sif"), fixture.from}}) {
    auto words = args;
    words.insert(words.end(), {"--dest-creds", "two:2", "--no-https"});
    const auto refused = run_cli(words);
    CHECK(refused.code == exit_code(ErrorKind::usage));
    CHECK_THAT(refused.err, ContainsSubstring("--dest-creds is for what goes into a registry"));
  }
}

TEST_CASE("Docker's manifest becomes one of OCI, and back, where that is asked for", "[cli][registry][copy]") {
  DockerImage fixture;
  const auto as_it_is = fixture.run({"copy", fixture.from, "oci:" + fixture.at("same")});
  REQUIRE(as_it_is.code == 0);
  CHECK_THAT(as_it_is.err,
             ContainsSubstring("[docker-manifest]") && ContainsSubstring("--format oci writes one of OCI"));
  CHECK(Json::parse(as_it_is.out)["manifest_digest"] == "sha256:" + sha256(fixture.manifest));

  const auto oci = fixture.run({"copy", "--format", "oci", fixture.from, "oci:" + fixture.at("oci") + ":1"});
  INFO(oci.err);
  REQUIRE(oci.code == 0);
  CHECK_THAT(oci.err, !ContainsSubstring("docker-manifest"));
  const auto [entry, written] = fixture.in_layout("oci");
  CHECK(entry["mediaType"] == LayoutBuilder::kManifest);
  CHECK(entry["digest"] == Json::parse(oci.out)["manifest_digest"]);
  const Json before = Json::parse(fixture.manifest);
  CHECK(written["mediaType"] == LayoutBuilder::kManifest);
  CHECK(written["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json");
  CHECK(written["config"]["digest"] == before["config"]["digest"]);
  REQUIRE(written["layers"].size() == before["layers"].size());
  for (std::size_t i = 0; i < written["layers"].size(); ++i) {
    CHECK(written["layers"][i]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip");
    CHECK(written["layers"][i]["digest"] == before["layers"][i]["digest"]);
  }
  CHECK(run_cli({"diff", "oci:" + fixture.at("oci"), "oci:" + fixture.at("same")}).code == 0);

  const auto built = fixture.run({"build", "--format", "oci", "oci-archive:" + fixture.at("built.tar"), fixture.from});
  REQUIRE(built.code == 0);
  CHECK(Json::parse(built.out)["manifest_digest"] == entry["digest"]);
  const auto sif = fixture.run({"build", "--format", "oci", fixture.at("x.sif"), fixture.from});
  CHECK(sif.code == exit_code(ErrorKind::usage));

  REQUIRE(
      fixture.run({"copy", "--format", "docker", "oci:" + fixture.at("oci"), fixture.server.image("app:2")}).code == 0);
  CHECK(Json::parse(fixture.server.bytes_of("/v2/app/manifests/2").value_or("{}")) == before);
  // What is of the format already stays, to the byte.
  REQUIRE(fixture.run({"copy", "--format", "docker", fixture.from, fixture.server.image("app:3")}).code == 0);
  CHECK(fixture.server.bytes_of("/v2/app/manifests/3") == before.dump());
}

TEST_CASE("a manifest that cannot be of a format is refused", "[cli][registry][copy]") {
  DockerImage fixture;
  const auto refused = [&](const std::vector<std::string>& args, ErrorKind kind, const std::string& text) {
    const auto result = fixture.run(args);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err + result.out, ContainsSubstring(text));
  };
  const auto layout = "oci:" + fixture.at("layout");
  refused({"copy", "--format", "docker", "--compress", "zstd", fixture.from, layout}, ErrorKind::usage,
          "Docker's manifests have no layers that are compressed by zstd");
  refused({"copy", "--format", "oci", "--all", fixture.from, layout}, ErrorKind::usage,
          "--all copies manifests as they are");
  refused({"copy", "--format", "oci", fixture.from, "docker-archive:" + fixture.at("x.tar")}, ErrorKind::usage,
          "take no manifest");
  refused({"copy", "--format", "v2", fixture.from, layout}, ErrorKind::usage, "expected oci or docker");
  CHECK_FALSE(std::filesystem::exists(fixture.at("layout")));
  // All that a name stands for stays as it is, and that it is not read by others is said.
  const auto all = fixture.run({"copy", "--all", fixture.from, layout});
  CHECK(all.code == 0);
  CHECK_THAT(all.err, ContainsSubstring("[docker-manifest]"));
}

TEST_CASE("a verb that is not for a place says which one is", "[cli][registry][copy]") {
  const DockerImage fixture;
  const auto oras = "oras://" + fixture.server.place() + "/x:1";
  CHECK_THAT(run_cli({"copy", "x.sif", oras}).err, ContainsSubstring("'sifkit push x.sif " + oras + "'"));
  for (const auto& [source, hint] : {std::pair<std::string, std::string>{fixture.from, "'sifkit copy --all"},
                                     {oras, "'sifkit pull FILE oras://NAME' fetches it"}}) {
    const auto pushed = run_cli({"push", source, oras});
    CHECK(pushed.code == exit_code(ErrorKind::usage));
    CHECK_THAT(pushed.err, ContainsSubstring("is no SIF file, and those go to oras://") && ContainsSubstring(hint));
  }
  CHECK(run_cli({"push", "absent.sif", oras}).code == exit_code(ErrorKind::not_found));
  // What is meant as a password is in no message.
  for (const std::string name : {"docker://ada:s3cret@h.io/x", "oras://ada:s3cret@h.io/x", "library://ada:s3cret@h.io/x",
                                 "https://ada:s3cret@h.io/x", "shub://ada:s3cret@h.io/x", "ada:s3cret@h.io/x"}) {
    for (const std::string verb : {"push", "pull", "ls"}) {
      if (name.find("://") == std::string::npos && verb != "pull") continue;  // there it is a path
      if (name.starts_with("https") && verb == "pull") continue;              // there it is no mistake
      INFO(verb << " " << name);
      const auto result = verb == "push" ? run_cli({verb, name, oras}) : run_cli({verb, name});
      CHECK(result.code != 0);
      CHECK_THAT(result.err, !ContainsSubstring("s3cret"));
    }
  }
  const auto gone = run_cli({"build", fixture.at("x.sif"), "shub://a/b"});
  CHECK(gone.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(gone.err,
             ContainsSubstring("Singularity Hub has no images any more") && ContainsSubstring("closed in 2021"));
}
