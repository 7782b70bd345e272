// SPDX-License-Identifier: Apache-2.0
//
// `sbom gen`, `add`, `list`, `get`, and `build --sbom`.
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct SbomFixture {
  TempDir directory;
  std::string archive = (directory / "app.tar").string();
  std::string sif = (directory / "app.sif").string();

  SbomFixture() {
    TestImage image;
    image.layers = {TarBuilder()
                        .directory("etc")
                        .file("etc/os-release", "ID=alpine\nVERSION_ID=3.19\n")
                        .file("lib/apk/db/installed",
                              "P:musl\nV:1.2-r1\nA:x86_64\nL:MIT\n\nP:odd\nV:2\nA:x86_64\nL:GPL\x1b\xff\n\n")
                        .bytes()};
    write_file(archive, as_tar(docker_24(image)));
    require({"build", "-q", sif, archive});
  }

  static std::string require(const std::vector<std::string>& args) {
    const auto result = run_cli(args);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return result.out;
  }
};

std::vector<std::string> purls(const Json& cyclonedx) {
  std::vector<std::string> out;
  for (const auto& component : cyclonedx.at("components"))
    out.push_back(component.value("purl", component.at("name").get<std::string>()));
  return out;
}

}  // namespace

TEST_CASE("sbom gen writes CycloneDX that comes from the image alone", "[cli][sbom]") {
  const SbomFixture shelf;
  const auto text = SbomFixture::require({"sbom", "gen", "--format", "cyclonedx", shelf.sif});
  CHECK(text == SbomFixture::require({"sbom", "gen", "--format", "cyclonedx", shelf.archive}));
  const auto document = Json::parse(text);
  CHECK(document["specVersion"] == "1.5");
  CHECK(document["metadata"]["timestamp"] == "2024-05-01T10:20:30Z");
  CHECK(document["metadata"]["component"]["name"] == "app");
  CHECK(purls(document) == std::vector<std::string>{"alpine",
                                                    "pkg:apk/alpine/musl@1.2-r1?arch=x86_64&distro=alpine-3.19",
                                                    "pkg:apk/alpine/odd@2?arch=x86_64&distro=alpine-3.19"});
  CHECK(document["components"][1]["licenses"] == Json::parse(R"([{"license":{"id":"MIT"}}])"));
  CHECK(document["components"][2]["licenses"][0]["license"]["name"] == "GPL\x1b\xef\xbf\xbd");
  CHECK(document["dependencies"][0]["dependsOn"].size() == 3);
  CHECK(document["serialNumber"].get<std::string>().substr(0, 9) == "urn:uuid:");
}

TEST_CASE("sbom gen writes SPDX with ids that its grammar allows", "[cli][sbom]") {
  const SbomFixture shelf;
  const Environment epoch("SOURCE_DATE_EPOCH", "86400");
  const auto file = (shelf.directory / "out.json").string();
  CHECK(SbomFixture::require({"sbom", "gen", "--name", "other", "-o", file, shelf.archive}).empty());
  const auto document = Json::parse(read_file(file));
  CHECK(document["creationInfo"]["created"] == "1970-01-02T00:00:00Z");
  CHECK(document["name"] == "other");
  const auto& musl = document["packages"][2];
  CHECK(musl["externalRefs"][0]["referenceLocator"] == "pkg:apk/alpine/musl@1.2-r1?arch=x86_64&distro=alpine-3.19");
  CHECK(musl["licenseDeclared"] == "MIT");
  CHECK(musl["filesAnalyzed"] == false);
  const auto& odd = document["packages"][3];
  REQUIRE(document["hasExtractedLicensingInfos"].size() == 1);
  CHECK(odd["licenseDeclared"] == document["hasExtractedLicensingInfos"][0]["licenseId"]);
  for (const auto& package : document["packages"]) {
    CHECK(package["SPDXID"].get<std::string>().find_first_not_of(
              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") == std::string::npos);
  }
  CHECK(document["relationships"].size() == document["packages"].size());
  const auto again = run_cli({"sbom", "gen", "-o", file, shelf.archive});
  CHECK(again.code == exit_code(ErrorKind::exists));
  CHECK(
      run_cli({"sbom", "gen", "--format", "syft", shelf.archive}).err ==
      "sifkit: error: 'syft' is no format of an SBOM that is made here\n  hint: the formats are spdx and cyclonedx, both as JSON\n");
}

TEST_CASE("an SBOM goes into a SIF and comes out as it was", "[cli][sbom]") {
  const SbomFixture shelf;
  CHECK(run_cli({"sbom", "get", shelf.sif}).code == exit_code(ErrorKind::not_found));
  SbomFixture::require({"sbom", "add", shelf.sif});
  CHECK(SbomFixture::require({"sbom", "get", shelf.sif}) == SbomFixture::require({"sbom", "gen", shelf.sif}));
  const auto twice = run_cli({"sbom", "add", shelf.sif});
  CHECK(twice.code == exit_code(ErrorKind::exists));
  CHECK_THAT(twice.err, ContainsSubstring("the image has an SBOM of the format spdx-json already"));
  SbomFixture::require({"sbom", "add", "--force", shelf.sif});
  const auto other = (shelf.directory / "other.json").string();
  write_file(other, R"({"bomFormat":"CycloneDX","specVersion":"1.4"})");
  SbomFixture::require({"sbom", "add", shelf.sif, other});
  const auto unclear = run_cli({"sbom", "get", shelf.sif});
  CHECK(unclear.code == exit_code(ErrorKind::usage));
  CHECK_THAT(unclear.err, ContainsSubstring("the image has 2 SBOMs"));
  CHECK(SbomFixture::require({"sbom", "get", "--format", "cyclonedx", shelf.sif}) == read_file(other));
  const auto listed = Json::parse(SbomFixture::require({"sbom", "list", "--json", shelf.sif}));
  CHECK(listed["schema"] == "sifkit/sbom-list/v1");
  REQUIRE(listed["objects"].size() == 2);
  CHECK_THAT(SbomFixture::require({"sbom", "list", shelf.sif}),
             ContainsSubstring("spdx-json") && ContainsSubstring("cyclonedx-json"));
  write_file(other, "nothing");
  CHECK_THAT(run_cli({"sbom", "add", shelf.sif, other}).err, ContainsSubstring("the text tells no format of an SBOM"));
  CHECK(run_cli({"sbom", "get", "--id", "1", shelf.sif}).code == exit_code(ErrorKind::usage));
  CHECK(run_cli({"sbom", "gen", (shelf.directory / "absent").string()}).code == exit_code(ErrorKind::not_found));
}

TEST_CASE("build --sbom puts the same SBOM in, in the group that is signed", "[cli][sbom]") {
  const SbomFixture shelf;
  const auto with = (shelf.directory / "with.sif").string();
  SbomFixture::require({"build", "-q", "--sbom=cyclonedx", with, shelf.archive});
  CHECK(SbomFixture::require({"sbom", "get", with}) ==
        SbomFixture::require({"sbom", "gen", "--format", "cyclonedx", shelf.archive}));
  const auto image = sif::Image::open(with);
  REQUIRE(image.objects_of(sif::DataType::sbom).size() == 1);
  CHECK(image.objects_of(sif::DataType::sbom)[0]->group() == image.primary_partition()->group());
  CHECK(image.problems().empty());
  const auto plain = (shelf.directory / "plain.sif").string();
  SbomFixture::require({"build", "-q", "--sbom", plain, shelf.archive});
  CHECK_THAT(SbomFixture::require({"sbom", "list", plain}), ContainsSubstring("spdx-json"));
  CHECK(run_cli({"build", "-q", "--sbom", "--format", "squashfs", (shelf.directory / "x.sqfs").string(), shelf.archive})
            .code == exit_code(ErrorKind::usage));
}

TEST_CASE("build --sbom gives the same bytes whatever the file is called", "[cli][sbom]") {
  const SbomFixture shelf;
  const auto one = (shelf.directory / "one.sif").string();
  const auto other = (shelf.directory / "other.sif").string();
  SbomFixture::require({"build", "-q", "--sbom", one, shelf.archive});
  SbomFixture::require({"build", "-q", "--sbom", other, shelf.archive});
  CHECK(read_file(one) == read_file(other));
}

TEST_CASE("sbom add stores no text under the name of a format that it is not of", "[cli][sbom]") {
  const SbomFixture shelf;
  const auto text = (shelf.directory / "text").string();
  const auto added = [&](const std::string& content, const std::string& format) {
    write_file(text, content);
    return run_cli({"sbom", "add", "--format", format, shelf.sif, text});
  };
  const auto garbage = added("garbage\n", "syft");
  CHECK(garbage.code == exit_code(ErrorKind::malformed));
  CHECK_THAT(garbage.err,
             ContainsSubstring("expected an SBOM of the format syft-json, found a text of no known format"));
  CHECK_THAT(added(R"({"bomFormat":"CycloneDX"})", "spdx").err,
             ContainsSubstring("expected an SBOM of the format spdx-json, found one of the format cyclonedx-json"));
  CHECK(SbomFixture::require({"sbom", "list", "-q", shelf.sif}).empty());
  CHECK(added("spdxVersion: SPDX-2.3\n", "spdx-yaml").code == 0);
  CHECK(added(R"({"version":0,"manifests":{}})", "github-json").code == 0);
}

TEST_CASE("sbom add reads the file that it edits, whatever the path begins with", "[cli][sbom]") {
  const SbomFixture shelf;
  const auto empty = (shelf.directory / "empty.tar").string();
  TestImage image;
  image.layers = {TarBuilder().directory("etc").bytes()};
  write_file(empty, as_tar(docker_24(image)));
  SbomFixture::require({"build", "-q", (shelf.directory / "sif:app.sif").string(), empty});
  const WorkingDirectory here(shelf.directory.path());
  for (const auto& path : {std::string("app.sif"), "/" + shelf.sif}) {
    INFO(path);
    SbomFixture::require({"sbom", "add", "-q", "--force", path});
    CHECK_THAT(SbomFixture::require({"sbom", "get", shelf.sif}), ContainsSubstring("pkg:apk/alpine/musl@1.2-r1"));
  }
}
