// SPDX-License-Identifier: Apache-2.0
//
// `push`, and `copy` and `build` into registries and daemons: what is there afterwards, and what is said.
#include <filesystem>

#include <sifkit.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

struct PushFixture : RegistryFixture {
  TestImage image = small_image();

  PushFixture() {
    write_file(home / "made.tar", as_tar(docker_24(image)));
    build("app.sif", {});
  }

  std::string at(const std::string& name) const { return (home / name).native(); }
  void build(const std::string& name, std::vector<std::string> more) const {
    std::vector<std::string> args{"build", "-q", "-F", at(name), at("made.tar")};
    args.insert(args.end(), more.begin(), more.end());
    REQUIRE(run_cli(args).code == 0);
  }
  /// An image for another architecture, of the same files.
  void build_for(const std::string& name, const std::string& architecture) const {
    auto other = image;
    other.architecture = architecture;
    write_file(home / "other.tar", as_tar(docker_24(other)));
    REQUIRE(run_cli({"build", "-q", at(name), at("other.tar"), "--arch", architecture}).code == 0);
  }

  CliResult run(std::vector<std::string> args) const {
    args.push_back("--no-https");
    return run_cli(args);
  }
  std::string oras(const std::string& name) const { return "oras://" + server.place() + "/" + name; }
  std::string manifest(const std::string& repository, const std::string& reference) const {
    return server.bytes_of("/v2/" + repository + "/manifests/" + reference).value_or("none");
  }
};

}  // namespace

TEST_CASE("push writes what Apptainer writes, and pull brings it back", "[cli][registry][push]") {
  const PushFixture fixture;
  const auto bytes = read_file(fixture.home / "app.sif");
  const auto pushed =
      fixture.run({"push", fixture.at("app.sif"), fixture.oras("team/app:1"), "--digestfile", fixture.at("digest")});
  INFO(pushed.err);
  REQUIRE(pushed.code == 0);
  const std::string expected =
      R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":)"
      R"("application/vnd.sylabs.sif.config.v1+json","size":2,"digest":)"
      R"("sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},"layers":[{"mediaType":)"
      R"("application/vnd.sylabs.sif.layer.v1.sif","size":)" +
      std::to_string(bytes.size()) + R"(,"digest":"sha256:)" + sha256(bytes) +
      R"(","annotations":{"org.opencontainers.image.title":"app.sif"}}]})";
  CHECK(fixture.manifest("team/app", "1") == expected);
  CHECK(read_file(fixture.home / "digest") == "sha256:" + sha256(expected) + "\n");
  CHECK_THAT(pushed.err,
             ContainsSubstring("app.sif' is not signed") && ContainsSubstring("sha256:" + sha256(expected)));
  REQUIRE(fixture.run({"pull", fixture.at("back.sif"), fixture.oras("team/app:1")}).code == 0);
  CHECK((read_file(fixture.home / "back.sif") == bytes));
  // Again: nothing is sent, and nothing said of signatures.
  const auto again = fixture.run({"push", "-U", "--json", fixture.at("app.sif"), fixture.oras("team/app")});
  REQUIRE(again.code == 0);
  CHECK(again.err.empty());
  const Json record = Json::parse(again.out);
  CHECK(record["schema"] == "sifkit/push/v1");
  CHECK(record["digest"] == "sha256:" + sha256(expected));
  CHECK(record["bytes"] == bytes.size());
  CHECK(record["sent_bytes"] == 0);
  CHECK(record["images"] ==
        Json::array(
            {{{"file", fixture.at("app.sif")}, {"architecture", "amd64"}, {"manifest_digest", record["digest"]}}}));
  CHECK(fixture.manifest("team/app", "latest") == expected);
  CHECK(fixture.server.uploads() == 0);
  // docker:// is the wrong word for it.
  const auto wrong = fixture.run({"build", fixture.at("x.sif"), fixture.server.image("team/app:1")});
  CHECK(wrong.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(wrong.err, ContainsSubstring("it is a SIF file: a registry has it under a name with oras://"));
}

TEST_CASE("the C interface pushes and pulls", "[cli][registry][push]") {
  const PushFixture fixture;
  const auto image = fixture.at("app.sif");
  const char* const files[] = {image.c_str()};
  sifkit_options* const options = sifkit_options_new();
  sifkit_error* error = nullptr;
  REQUIRE(sifkit_options_set(options, "no-https", nullptr, nullptr) == 0);
  REQUIRE(sifkit_options_set(options, "annotation", "team=physics", nullptr) == 0);
  char* record = nullptr;
  REQUIRE(sifkit_push(files, 1, fixture.oras("team/app:1").c_str(), options, &record, &error) == 0);
  const Json pushed = Json::parse(record);
  sifkit_free(record);
  CHECK(pushed["schema"] == "sifkit/push/v1");
  CHECK(pushed["images"][0]["file"] == image);
  CHECK(pushed["digest"] == "sha256:" + sha256(fixture.manifest("team/app", "1")));
  CHECK(Json::parse(fixture.manifest("team/app", "1"))["annotations"]["team"] == "physics");

  const auto back = fixture.at("back.sif");
  REQUIRE(sifkit_pull(back.c_str(), fixture.oras("team/app:1").c_str(), options, &record, &error) == 0);
  CHECK(Json::parse(record)["bytes"] == read_file(back).size());
  sifkit_free(record);
  CHECK((read_file(back) == read_file(image)));
  CHECK(sifkit_pull(back.c_str(), fixture.oras("team/app:1").c_str(), options, nullptr, &error) == 4);
  sifkit_error_free(error);
  // An image of layers goes there by the function that copies.
  const auto layers = "docker://" + fixture.server.place() + "/team/layers:1";
  REQUIRE(sifkit_copy(fixture.at("made.tar").c_str(), layers.c_str(), options, &record, &error) == 0);
  CHECK(Json::parse(record)["manifest_digest"] == "sha256:" + sha256(fixture.manifest("team/layers", "1")));
  sifkit_free(record);
  REQUIRE(sifkit_options_set(options, "compress", "zstd:1", nullptr) == 0);
  REQUIRE(sifkit_copy(fixture.at("made.tar").c_str(), layers.c_str(), options, nullptr, nullptr) == 0);
  const Json compressed = Json::parse(fixture.manifest("team/layers", "1"));
  for (const auto& layer : compressed["layers"])
    CHECK(layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd");
  REQUIRE(sifkit_options_set(options, "compress", "lz4", nullptr) == 0);
  CHECK(sifkit_copy(fixture.at("made.tar").c_str(), layers.c_str(), options, nullptr, nullptr) == 2);
  sifkit_options_free(options);
}

TEST_CASE("labels of the standard's words are annotations, and more can be given", "[cli][registry][push]") {
  const PushFixture fixture;
  fixture.build("app.sif", {"--label", "org.opencontainers.image.source=https://x/?a&b", "--label", "maintainer=me"});
  REQUIRE(fixture
              .run({"push", "-U", fixture.at("app.sif"), fixture.oras("app:1"), "--description", "Two words",
                    "--annotation", "z=<1>"})
              .code == 0);
  const auto text = fixture.manifest("app", "1");
  CHECK(Json::parse(text)["annotations"] == Json{{"org.opencontainers.image.description", "Two words"},
                                                 {"org.opencontainers.image.source", "https://x/?a&b"},
                                                 {"z", "<1>"}});
  CHECK_THAT(text, ContainsSubstring(R"("z":"\u003c1\u003e")") && ContainsSubstring(R"(?a\u0026b)"));
}

TEST_CASE("SIF files of several architectures are one index", "[cli][registry][push]") {
  const PushFixture fixture;
  fixture.build_for("arm.sif", "arm64");
  const auto pushed =
      fixture.run({"push", "-U", "--json", fixture.at("arm.sif"), fixture.at("app.sif"), fixture.oras("app:all")});
  INFO(pushed.err);
  REQUIRE(pushed.code == 0);
  const Json record = Json::parse(pushed.out);
  const Json index = Json::parse(fixture.manifest("app", "all"));
  CHECK(index["mediaType"] == "application/vnd.oci.image.index.v1+json");
  REQUIRE(index["manifests"].size() == 2);
  // Readers that know no platforms take the first.
  CHECK(index["manifests"][0]["platform"] == Json{{"architecture", "amd64"}, {"os", "linux"}});
  CHECK(index["manifests"][1]["platform"] == Json{{"architecture", "arm64"}, {"os", "linux"}});
  CHECK(index["manifests"][1]["digest"] == record["images"][0]["manifest_digest"]);
  for (const std::string architecture : {"amd64", "arm64"}) {
    REQUIRE(fixture.run({"pull", "-F", fixture.at("back.sif"), fixture.oras("app:all"), "--arch", architecture}).code ==
            0);
    CHECK((read_file(fixture.home / "back.sif") ==
           read_file(fixture.home / (architecture == "amd64" ? "app.sif" : "arm.sif"))));
  }
  const auto twice = fixture.run({"push", "-U", fixture.at("app.sif"), fixture.at("app.sif"), fixture.oras("app:2")});
  CHECK(twice.code == exit_code(ErrorKind::usage));
  CHECK_THAT(twice.err, ContainsSubstring("are both for amd64"));
}

TEST_CASE("what is no SIF file, or no place for one, is refused before anything is asked", "[cli][registry][push]") {
  const PushFixture fixture;
  const auto refused = [&](std::vector<std::string> args, ErrorKind kind, const std::string& text) {
    INFO(text);
    args.insert(args.begin(), "push");
    const auto result = fixture.run(args);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
  };
  const std::string sif = fixture.at("app.sif");
  refused({fixture.at("made.tar"), fixture.oras("app:1")}, ErrorKind::unsupported, "made.tar");
  refused({fixture.at("none.sif"), fixture.oras("app:1")}, ErrorKind::not_found, "none.sif");
  refused({sif, fixture.oras("App:1")}, ErrorKind::usage, "a repository's name is in lower case");
  refused({sif}, ErrorKind::usage, "expected an IMG and the URI that it goes to");
  refused({sif, "library://a/b/c"}, ErrorKind::unsupported, "nothing is pushed to libraries");
  refused({fixture.oras("app:1"), sif}, ErrorKind::usage, "the image comes first");
  refused({sif, sif, fixture.server.image("app:1")}, ErrorKind::usage, "expected one image");
  refused({sif, fixture.server.image("app:1"), "--annotation", "a=b"}, ErrorKind::usage, "annotations are for oras://");
  refused({sif, fixture.oras("app:1"), "--annotation", "a"}, ErrorKind::usage, "expected NAME=VALUE");
  refused({sif, fixture.oras("app:1"), "--json", "--digestfile", "-"}, ErrorKind::usage,
          "only one of --json and --digestfile -");
  refused({sif, fixture.oras("app:1"), "--digestfile", sif}, ErrorKind::usage, "--digestfile '" + sif + "' is the source itself");
  refused({sif, fixture.server.image("app:1"), "--digestfile", sif}, ErrorKind::usage, "' is the source itself");
  CHECK(fixture.server.requests().empty());
}

TEST_CASE("an image of layers goes to a registry bit for bit", "[cli][registry][push]") {
  PushFixture fixture;
  const auto manifest = fixture.put(fixture.image, "from/app");
  const auto digest = "sha256:" + sha256(manifest);
  fixture.server.forget();
  auto copied = fixture.run(
      {"copy", fixture.server.image("from/app:1"), fixture.server.image("to/app:2"), "--digestfile", fixture.at("d")});
  INFO(copied.err);
  REQUIRE(copied.code == 0);
  CHECK(fixture.manifest("to/app", "2") == manifest);
  CHECK(read_file(fixture.home / "d") == digest + "\n");
  CHECK(fixture.server.count("PUT") == 1);  // the manifest: all blobs were mounted
  CHECK(fixture.server.count("mount=") == fixture.image.layers.size() + 1);
  CHECK(fixture.server.count("GET /v2/from/app/blobs") == 1);  // the configuration
  // Into a layout and back to another repository: the manifest stays the same one.
  REQUIRE(fixture.run({"copy", fixture.server.image("from/app:1"), "oci:" + fixture.at("layout") + ":x"}).code == 0);
  REQUIRE(fixture.run({"build", fixture.server.image("new/app:1"), "oci:" + fixture.at("layout")}).code == 0);
  CHECK(fixture.manifest("new/app", "1") == manifest);
  REQUIRE(fixture.run({"push", "oci:" + fixture.at("layout"), fixture.server.image("pushed/app@" + digest)}).code == 0);
  CHECK(fixture.manifest("pushed/app", digest) == manifest);
  // A Docker archive has no manifest: its layers are read once to know them, and once to be sent.
  const auto record = fixture.run({"copy", "--json", fixture.at("made.tar"), fixture.server.image("archive/app:1")});
  REQUIRE(record.code == 0);
  const Json made = Json::parse(fixture.manifest("archive/app", "1"));
  CHECK(made["config"]["digest"] == Json::parse(record.out)["config_digest"]);
  REQUIRE(made["layers"].size() == fixture.image.layers.size());
  for (std::size_t i = 0; i < fixture.image.layers.size(); ++i)
    CHECK(made["layers"][i]["digest"] == "sha256:" + sha256(fixture.image.layers[i]));
  // A SIF is one layer, compressed unless the user wants it plain.
  for (const auto& [words, type] : {std::pair<std::vector<std::string>, std::string>{{"--compress", "none"}, "tar"}, {{}, "tar+gzip"}}) {
    std::vector<std::string> args{"copy", fixture.at("app.sif"), fixture.server.image("sif/app:1")};
    args.insert(args.end(), words.begin(), words.end());
    REQUIRE(fixture.run(args).code == 0);
    const Json layers = Json::parse(fixture.manifest("sif/app", "1"))["layers"];
    REQUIRE(layers.size() == 1);
    CHECK(layers[0]["mediaType"] == "application/vnd.oci.image.layer.v1." + type);
  }
  REQUIRE(fixture.run({"build", "-q", fixture.at("again.sif"), fixture.server.image("sif/app:1")}).code == 0);
  CHECK(run_cli({"ls", "-aR", fixture.at("again.sif"), "/bin"}).out ==
        run_cli({"ls", "-aR", fixture.at("app.sif"), "/bin"}).out);
}

TEST_CASE("a copy that a registry refuses or damages ends with its words", "[cli][registry][push]") {
  PushFixture fixture;
  const auto copy = [&](const std::string& source) {
    fixture.server.forget();
    return fixture.run(
        {"copy", fixture.at(source), fixture.server.image("app:1"), "--creds", "bob:pa55word", "--debug"});
  };
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (request.method != "POST") return std::nullopt;
    return RegistryServer::failure(403, "DENIED", "requested access to the resource is denied");
  });
  for (const std::string source : {"made.tar", "app.sif"}) {
    const auto result = copy(source);
    CHECK(result.code == exit_code(ErrorKind::denied));
    CHECK_THAT(result.err, ContainsSubstring("denied: requested access to the resource is denied"));
    CHECK(result.err.find("pa55word") == std::string::npos);
    CHECK(fixture.server.wire().find("Ym9iOnBhNTV3b3Jk") == std::string::npos);  // nobody asked for it
    CHECK(fixture.server.count("PUT") == 0);
  }
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (request.path.find("/manifests/") == std::string::npos || request.method != "PUT") return std::nullopt;
    return RegistryServer::failure(400, "MANIFEST_INVALID", "manifest invalid");
  });
  const auto invalid = copy("made.tar");
  CHECK(invalid.code == exit_code(ErrorKind::network));
  CHECK_THAT(invalid.err, ContainsSubstring("status 400: manifest invalid"));
  // The words in the wrong order are no reason to overwrite an image.
  fixture.server.forget();
  const auto exchanged = run_cli({"build", fixture.server.image("app:1"), fixture.at("new.sif")});
  CHECK(exchanged.code == exit_code(ErrorKind::usage));
  CHECK_THAT(exchanged.err, ContainsSubstring("OUT comes before SRC"));
  CHECK(fixture.server.requests().empty());
}

TEST_CASE("a SIF file of a registry is a source of every verb", "[cli][registry][oras]") {
  PushFixture fixture;
  const auto bytes = read_file(fixture.home / "app.sif");
  const auto uri = fixture.oras("app:1");
  REQUIRE(fixture.run({"push", "-U", fixture.at("app.sif"), uri}).code == 0);
  const std::vector<std::vector<std::string>> verbs{
      {"ls", "-laR"}, {"inspect", "--all"}, {"digest"}, {"digest", "--tree"}, {"find"},
      {"sif", "list"}, {"sif", "header"},   {"sif", "info", "2"}, {"sif", "dump", "1"}};
  for (auto verb : verbs) {
    INFO(verb[0]);
    auto local = verb;
    local.push_back(fixture.at("app.sif"));
    verb.push_back(uri);
    const auto remote = fixture.run(verb);
    CHECK(remote.code == 0);
    CHECK_FALSE(remote.out.empty());
    CHECK(remote.out == run_cli(local).out);
  }
  // Its signatures are judged where it is.
  CHECK(fixture.run({"verify", uri}).code == exit_code(ErrorKind::unsigned_image));
  write_file(fixture.home / "signed.sif", bytes);
  REQUIRE(run_cli({"key", "newpair", "-q", "-N", "Ada", "--no-passphrase"}).code == 0);
  REQUIRE(run_cli({"sign", "-q", fixture.at("signed.sif")}).code == 0);
  REQUIRE(fixture.run({"push", "-q", fixture.at("signed.sif"), fixture.oras("app:signed")}).code == 0);
  const auto verified = fixture.run({"verify", fixture.oras("app:signed"), uri});
  CHECK(verified.code == exit_code(ErrorKind::unsigned_image));
  CHECK_THAT(verified.out, ContainsSubstring("Ada"));
  CHECK(fixture.run({"verify", fixture.oras("app:signed")}).code == 0);
  write_file(fixture.home / "policy.json", R"({"schema":"sifkit/verify-policy/v1","rules":[{"path":"/"}]})");
  CHECK(fixture.run({"verify", "--policy", fixture.at("policy.json"), uri}).code == exit_code(ErrorKind::usage));
  REQUIRE(fixture.run({"build", "-q", fixture.at("again.sif"), uri}).code == 0);
  REQUIRE(run_cli({"build", "-q", fixture.at("local.sif"), "sif:" + fixture.at("app.sif")}).code == 0);
  CHECK((read_file(fixture.home / "again.sif") == read_file(fixture.home / "local.sif")));
  REQUIRE(fixture.run({"copy", uri, fixture.server.image("layers:1")}).code == 0);
  CHECK(Json::parse(fixture.manifest("layers", "1"))["layers"].size() == 1);
  const auto refused = [&](std::vector<std::string> args, ErrorKind kind, const std::string& text) {
    const auto result = fixture.run(args);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
  };
  refused({"images", uri}, ErrorKind::unsupported, "is a SIF image, an image of layers was expected");
  refused({"ls", fixture.oras("app:2")}, ErrorKind::not_found, "manifest unknown");
  refused({"ls", fixture.oras("layers:1")}, ErrorKind::unsupported, "an image of layers, a SIF file was expected");
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path.find("/blobs/") == std::string::npos) return std::nullopt;
    auto wrong = bytes;
    wrong.back() ^= 1;
    return RegistryServer::response(200, wrong);
  });
  refused({"ls", uri}, ErrorKind::integrity, "expected sha256:" + sha256(bytes));
}

TEST_CASE("a daemon gets an archive that is made while it goes", "[cli][registry][daemon]") {
  PushFixture fixture;
  std::string archive;
  std::string id;
  std::string said = R"({"stream":"Loaded image: app:latest\n"})";
  Json layers = Json::array();
  for (const auto& layer : fixture.image.layers) layers.push_back("sha256:" + sha256(layer));
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path == "/_ping") return RegistryServer::response(200, "OK");
    if (request.path == "/images/load?quiet=1") {
      archive = request.body;
      return RegistryServer::response(200, said);
    }
    if (request.path == "/images/app:latest/json")
      return RegistryServer::response(200, Json{{"Id", id}, {"RootFS", {{"Layers", layers}}}}.dump());
    return RegistryServer::response(404, R"({"message":"no such image"})");
  });
  const auto copy = [&](const std::string& source) {
    return run_cli({"copy", source, "docker-daemon:app", "--docker-host", "tcp://" + fixture.server.place(), "--json"});
  };
  as_directory(
      oci_layout(fixture.image, {.packer = "gzip -c", .layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"}),
      fixture.home / "layout");
  as_directory(oci_layout(fixture.image, {.algorithm = DigestAlgorithm::sha512}), fixture.home / "longer");
  for (const std::string source : {"made.tar", "layout", "longer", "app.sif"}) {
    INFO(source);
    const bool sif = source == "app.sif";
    const auto expected =
        run_cli({"copy", "--json", "-F", fixture.at(source), "docker-archive:" + fixture.at("same.tar") + ":app"});
    id = Json::parse(expected.out)["config_digest"];
    const auto copied = copy(fixture.at(source));
    INFO(copied.err);
    REQUIRE(copied.code == 0);
    CHECK(Json::parse(copied.out)["config_digest"] == id);
    CHECK(Json::parse(copied.out)["manifest_digest"].is_null());
    write_file(fixture.home / "got.tar", archive);
    const Json listed = Json::parse(run_cli({"images", "--json", fixture.at("got.tar")}).out)["images"];
    REQUIRE(listed.size() == 1);
    CHECK(listed[0]["tags"] == Json::array({"app:latest"}));
    CHECK(listed[0]["config_digest"] == id);
    CHECK(listed[0]["layers"] == (sif ? 1 : fixture.image.layers.size()));
    CHECK(run_cli({"digest", "--tree", fixture.at("got.tar")}).out ==
          run_cli({"digest", "--tree", fixture.at("same.tar")}).out);
    CHECK(run_process({"tar", "-tf", fixture.at("got.tar")}).code == 0);
  }
  // One that keeps manifests has another ID for the same layers.
  id = "sha256:" + std::string(64, '1');
  CHECK(copy(fixture.at("made.tar")).code == 0);
  layers = Json::array({"sha256:" + std::string(64, '2')});
  const auto other = copy(fixture.at("made.tar"));
  CHECK(other.code == exit_code(ErrorKind::integrity));
  CHECK_THAT(other.out + other.err, ContainsSubstring("the image that was sent is sha256:"));
  said = "{\"stream\":\"\"}\n{\"errorDetail\":{\"message\":\"no space\"},\"error\":\"no space left on device\"}\n";
  const auto full = copy(fixture.at("made.tar"));
  CHECK(full.code == exit_code(ErrorKind::network));
  CHECK_THAT(full.out + full.err, ContainsSubstring("no space left on device"));
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (request.path == "/_ping") return RegistryServer::response(200, "OK");
    return RegistryServer::response(403, R"({"message":"loading is not allowed"})");
  });
  const auto denied = copy(fixture.at("made.tar"));
  CHECK(denied.code == exit_code(ErrorKind::denied));
  CHECK_THAT(denied.out + denied.err, ContainsSubstring("status 403: loading is not allowed"));
  CHECK(run_cli({"copy", fixture.at("made.tar"), "docker-daemon:App"}).code == exit_code(ErrorKind::usage));
}
