// SPDX-License-Identifier: Apache-2.0
//
// A manifest in another format: which types become which, and what is refused.
#include <string>

#include <sifkit/core/json.h>

#include "manifest_format.h"
#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

Json descriptor(const std::string& type, int size) {
  return {{"mediaType", type}, {"size", size}, {"digest", "sha256:" + std::string(64, 'a')}};
}

oci::Manifest oci_manifest(const std::string& layer_type) {
  Json layer = descriptor(layer_type, 2);
  layer["annotations"] = {{"a", "b"}};
  const Json document{{"schemaVersion", 2},
                      {"config", descriptor("application/vnd.oci.image.config.v1+json", 1)},
                      {"layers", Json::array({layer})},
                      {"annotations", {{"c", "d"}}}};
  return {std::string(oci::kManifestType), document.dump()};
}

}  // namespace

TEST_CASE("every type of a layer has its word in either format", "[convert][copy]") {
  const std::string of_oci = "application/vnd.oci.image.layer.";
  const std::string of_docker = "application/vnd.docker.image.rootfs.";
  for (const auto& [oci_word, docker_word] : {std::pair<std::string, std::string>{"v1.tar", "diff.tar"},
                                              {"v1.tar+gzip", "diff.tar.gzip"},
                                              {"nondistributable.v1.tar+gzip", "foreign.diff.tar.gzip"}}) {
    INFO(oci_word);
    const auto docker = in_format(oci_manifest(of_oci + oci_word), ManifestFormat::docker);
    CHECK(docker.media_type == oci::kDockerManifestType);
    const Json expected{{"schemaVersion", 2},
                        {"mediaType", oci::kDockerManifestType},
                        {"config", descriptor("application/vnd.docker.container.image.v1+json", 1)},
                        {"layers", Json::array({descriptor(of_docker + docker_word, 2)})}};
    CHECK(Json::parse(docker.text) == expected);
    CHECK(in_format(docker, ManifestFormat::docker).text == docker.text);
    const auto back = in_format(docker, ManifestFormat::oci);
    CHECK(back.media_type == oci::kManifestType);
    const Json again = Json::parse(back.text);
    CHECK(again["mediaType"] == oci::kManifestType);
    CHECK(again["config"] == descriptor("application/vnd.oci.image.config.v1+json", 1));
    CHECK(again["layers"][0] == descriptor(of_oci + oci_word, 2));
  }
}

TEST_CASE("a manifest that is of the format already stays, to the byte", "[convert][copy]") {
  const auto manifest = oci_manifest("application/vnd.oci.image.layer.v1.tar+zstd");
  CHECK(in_format(manifest, ManifestFormat::oci).text == manifest.text);
  // Docker's words in one of OCI are no reason to keep them.
  const auto mixed = in_format(oci_manifest("application/vnd.docker.image.rootfs.diff.tar.zstd"), ManifestFormat::oci);
  CHECK(Json::parse(mixed.text)["layers"][0]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd");
}

TEST_CASE("a configuration that is of no type is that of an image", "[convert][copy]") {
  auto manifest = oci_manifest("application/vnd.oci.image.layer.v1.tar");
  Json document = Json::parse(manifest.text);
  document["config"].erase("mediaType");
  manifest.text = document.dump();
  for (const auto& [format, type] : {std::pair{ManifestFormat::oci, oci::kConfigType}, {ManifestFormat::docker, oci::kDockerConfigType}}) {
    CHECK(Json::parse(in_format(manifest, format).text)["config"]["mediaType"] == type);
  }
}

TEST_CASE("what Docker has no word for is in none of its manifests", "[convert][copy][hostile]") {
  for (const char* type :
       {"application/vnd.oci.image.layer.v1.tar+zstd", "application/vnd.oci.image.layer.v1.tar+encrypted", ""}) {
    INFO(type);
    const auto error = error_of([&] { in_format(oci_manifest(type), ManifestFormat::docker); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::unsupported);
    CHECK_THAT(error->message(), ContainsSubstring("manifest: layer 1 is of the type '" + std::string(type) + "'"));
  }
  for (const char* text : {"{}", R"({"config":7,"layers":[]})", R"({"config":{},"layers":[{}]})", "[]"}) {
    INFO(text);
    const auto error = error_of([&] { in_format({std::string(oci::kManifestType), text}, ManifestFormat::docker); });
    REQUIRE(error);
  }
}
