// SPDX-License-Identifier: Apache-2.0
//
// `copy --all`: an index with all that it lists goes from layouts, archives and registries to others, byte for byte.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// A layout whose tag "1" is an index of images for two platforms and an attestation.
struct IndexFixture : RegistryFixture {
  std::string index;
  std::string arm_manifest;

  IndexFixture() {
    LayoutBuilder layout;
    Json entries = Json::array();
    auto image = small_image();
    image.tag.clear();
    for (const char* architecture : {"amd64", "arm64"}) {
      image.architecture = architecture;
      image.layers.push_back(std::string("for ") + architecture);
      arm_manifest = layout.manifest_of(image);
      entries.push_back(layout.entry(image, arm_manifest));
    }
    const Json attestation{
        {"schemaVersion", 2},
        {"mediaType", LayoutBuilder::kManifest},
        {"config",
         layout.blob("application/vnd.oci.image.config.v1+json", R"({"architecture":"unknown","os":"unknown"})")},
        {"layers", Json::array({layout.blob("application/vnd.in-toto+json", R"({"predicate":1})")})}};
    Json entry = layout.blob(LayoutBuilder::kManifest, attestation.dump());
    entry["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
    entry["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
    entries.push_back(entry);
    index = LayoutBuilder::index_of(entries);
    Json top = layout.blob(LayoutBuilder::kIndex, index);
    top["annotations"] = {{"org.opencontainers.image.ref.name", "1"}};
    as_directory(layout.finish(Json::array({top})), home / "layout");
  }

  std::string at(const std::string& name) const { return (home / name).native(); }
  CliResult copy(const std::string& from, const std::string& to, std::vector<std::string> more = {}) const {
    std::vector<std::string> args{"copy", "--all", "--no-https", "--disable-cache", from, to};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
  }
  std::map<std::string, std::string> blobs(const std::string& layout) const {
    std::map<std::string, std::string> out;
    for (const auto& file : fs::directory_iterator(home / layout / "blobs/sha256"))
      out[file.path().filename().native()] = read_file(file.path());
    return out;
  }
};

}  // namespace

TEST_CASE("what is no image that is read is copied with --all, and that is said", "[cli][copy]") {
  const TempDir directory;
  const auto at = [&](const std::string& name) { return (directory / name).string(); };
  LayoutBuilder layout;
  const Json artifact{{"schemaVersion", 2},
                      {"mediaType", LayoutBuilder::kManifest},
                      {"config", layout.blob("application/vnd.example.chart+json", "{}")},
                      {"layers", Json::array({layout.blob("application/vnd.example.chart.tar", "chart")})}};
  as_directory(layout.finish(Json::array({layout.blob(LayoutBuilder::kManifest, artifact.dump())})), directory / "layout");
  const std::string hint = "hint: 'sifkit copy --all' takes it as it is";
  const auto refused = run_cli({"copy", at("layout"), "oci:" + at("out")});
  CHECK(refused.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(refused.err, ContainsSubstring("an artifact of type 'application/vnd.example.chart+json'") && ContainsSubstring(hint));
  CHECK_THAT(run_cli({"copy", at("layout"), "docker-archive:" + at("out")}).err, !ContainsSubstring(hint));
  CHECK(run_cli({"copy", "--all", at("layout"), "oci:" + at("out")}).code == 0);
}

TEST_CASE("an index is copied with all that it lists, and its digest stays", "[cli][copy][registry]") {
  const IndexFixture fixture;
  const auto pushed = fixture.copy("oci:" + fixture.at("layout") + ":1", fixture.server.image("app:1"), {"--json"});
  INFO(pushed.err);
  REQUIRE(pushed.code == 0);
  const Json record = Json::parse(pushed.out);
  CHECK(record["manifest_digest"] == "sha256:" + sha256(fixture.index));
  CHECK(record["config_digest"].is_null());
  CHECK(record["images"] == 3);
  const auto blobs = fixture.blobs("layout");
  CHECK(record["layers"] == blobs.size() - 4);  // all but the documents
  CHECK(fixture.server.bytes_of("/v2/app/manifests/1") == fixture.index);
  CHECK(fixture.server.bytes_of("/v2/app/manifests/sha256:" + sha256(fixture.arm_manifest)) == fixture.arm_manifest);
  CHECK(fixture.server.uploads() == 0);
  REQUIRE(fixture.copy(fixture.server.image("app:1"), "oci-archive:" + fixture.at("all.tar") + ":x").code == 0);
  const auto back = fixture.copy(fixture.at("all.tar") + ":x", "oci:" + fixture.at("again") + ":y");
  INFO(back.err);
  REQUIRE(back.code == 0);
  CHECK_THAT(back.err, ContainsSubstring(": 3 images, " + std::to_string(blobs.size() - 4) + " blobs, "));
  CHECK((fixture.blobs("again") == blobs));
  CHECK(Json::parse(read_file(fixture.home / "again/index.json"))["manifests"] ==
        Json::array({{{"mediaType", LayoutBuilder::kIndex},
                      {"digest", "sha256:" + sha256(fixture.index)},
                      {"size", fixture.index.size()},
                      {"annotations", {{"org.opencontainers.image.ref.name", "y"}}}}}));
  // Of another repository of the registry nothing is sent.
  const auto before = fixture.server.requests().size();
  REQUIRE(fixture.copy(fixture.server.image("app:1"), fixture.server.image("other:1")).code == 0);
  CHECK(fixture.server.bytes_of("/v2/other/manifests/1") == fixture.index);
  const auto requests = fixture.server.requests();
  for (std::size_t i = before; i < requests.size(); ++i)
    CHECK_FALSE((requests[i].method == "PUT" && requests[i].path.find("/blobs/") != std::string::npos));
  // One manifest is copied in the same way.
  const auto arm = "@sha256:" + sha256(fixture.arm_manifest);
  REQUIRE(fixture.copy(fixture.server.image("app" + arm), "oci:" + fixture.at("arm") + ":1").code == 0);
  CHECK(run_cli({"images", "--json", fixture.at("arm")}).code == 0);
  CHECK(Json::parse(run_cli({"images", "--json", fixture.at("arm")}).out)["images"][0]["platform"] == "linux/arm64");
}

TEST_CASE("what cannot be copied whole leaves nothing", "[cli][copy][registry][hostile]") {
  const IndexFixture fixture;
  const auto source = "oci:" + fixture.at("layout") + ":1";
  const auto refused = [&](const std::string& from, const std::string& to, ErrorKind kind, const std::string& text,
                           std::vector<std::string> more = {}) {
    INFO(from << " " << to);
    const auto result = fixture.copy(from, to, more);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK_FALSE(fixture.server.bytes_of("/v2/app/manifests/1"));
    CHECK_FALSE(fs::exists(fixture.home / "out"));
    CHECK(fixture.server.uploads() == 0);
  };
  const auto registry = fixture.server.image("app:1");
  const auto layout = "oci:" + fixture.at("out");
  refused(source, registry, ErrorKind::usage, "--all copies every platform", {"--arch", "arm64"});
  refused(source, "docker-archive:" + fixture.at("out"), ErrorKind::usage, "takes one image of one platform");
  refused("oci:" + fixture.at("layout") + ":2", registry, ErrorKind::not_found, "no image '2'");
  write_file(fixture.home / "made.tar", as_tar(docker_24(small_image())));
  refused(fixture.at("made.tar"), layout, ErrorKind::unsupported, "has no index of images");
  const auto blob = fixture.home / "layout/blobs/sha256";
  const auto arm = blob / sha256(fixture.arm_manifest);
  const auto layer = blob / sha256(std::string("for arm64"));
  write_file(layer, "for arm65");
  for (const auto& to : {registry, layout})
    refused(source, to, ErrorKind::integrity, "expected sha256:" + sha256(std::string("for arm64")));
  write_file(layer, "short");
  refused(source, layout, ErrorKind::integrity, "expected 9 bytes, found 5");
  write_file(layer, "for arm64");
  fs::rename(arm, blob / "elsewhere");
  for (const auto& to : {registry, layout})
    refused(source, to, ErrorKind::malformed, sha256(fixture.arm_manifest) + " is not there");
  write_file(arm, std::string(fixture.arm_manifest.size(), 'x'));
  refused(source, layout, ErrorKind::integrity, "expected sha256:" + sha256(fixture.arm_manifest));
  fs::rename(blob / "elsewhere", arm);
  CHECK(fixture.copy(source, registry).code == 0);
}

TEST_CASE("an upload that has begun is ended where another one fails meanwhile", "[cli][copy][registry]") {
  using namespace std::chrono_literals;
  IndexFixture fixture;
  const auto damaged = sha256(std::string("for amd64"));
  write_file(fixture.home / "layout/blobs/sha256" / damaged, "for amd65");
  std::atomic<unsigned> begun = 0;
  // The damaged blob comes behind another one's upload, whose place is told when that blob has failed.
  fixture.server.set_fault([&](const RegistryServer::Request& request) -> std::optional<std::string> {
    if (request.path.ends_with(damaged))
      for (int i = 0; i < 500 && begun == 0; ++i) std::this_thread::sleep_for(10ms);
    if (request.method != "POST" || ++begun != 1) return std::nullopt;
    const auto reply = fixture.server.answer(request);
    std::this_thread::sleep_for(300ms);
    return reply;
  });
  const auto result = fixture.copy("oci:" + fixture.at("layout") + ":1", fixture.server.image("app:1"));
  CHECK(result.code == exit_code(ErrorKind::integrity));
  CHECK(begun >= 2);
  CHECK(fixture.server.uploads() == 0);
}
