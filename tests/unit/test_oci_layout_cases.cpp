// SPDX-License-Identifier: Apache-2.0
//
// OCI layouts: every shape that is taken, and every one that is refused.
#include <functional>

#include <sys/stat.h>

#include "support/image_cases.h"
#include "support/image_shapes.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

constexpr const char* kManifest = LayoutBuilder::kManifest;
constexpr const char* kIndex = LayoutBuilder::kIndex;

/// A layout whose documents can be changed before their digests are taken.
struct Layout {
  TestImage image = small_image();
  LayoutBuilder blobs;
  Json manifest = Json::parse(blobs.manifest_of(image));
  std::string manifest_type = kManifest;
  std::function<void(std::string&)> in_manifest = [](std::string&) {};
  Json entry_more = Json::object();
  std::function<void(Json&)> in_index = [](Json&) {};
  std::string oci_layout = R"({"imageLayoutVersion":"1.0.0"})";

  /// The two layers, the configuration, the manifest.
  const Member& blob(std::size_t index) const { return blobs.members().at(index); }

  void write(const std::filesystem::path& directory) {
    std::string text = manifest.dump();
    in_manifest(text);
    Json entry = blobs.blob(manifest_type, text);
    entry.update(entry_more);
    Json index{{"schemaVersion", 2}, {"manifests", Json::array({entry})}};
    in_index(index);
    as_directory(blobs.members(), directory);
    write_file(directory / "index.json", index.dump());
    if (!oci_layout.empty()) write_file(directory / "oci-layout", oci_layout);
  }
};

struct LayoutCase {
  std::string id;
  std::string what;
  std::function<void(Layout&)> change;
  std::string expected;
  std::set<std::string> warnings = {};
  std::function<void(const std::filesystem::path&, Layout&)> after = {};
};

LayoutCase digest_case(const std::string& id, const std::string& digest, const std::string& expected) {
  return {id, "layer digest " + digest, [digest](Layout& l) { l.manifest["layers"][0]["digest"] = digest; }, expected};
}

LayoutCase size_case(const std::string& id, Json size, const std::string& expected) {
  return {id, "layer size " + size.dump(), [size](Layout& l) { l.manifest["layers"][0]["size"] = size; }, expected};
}

LayoutCase type_case(const std::string& id, const std::string& type, const std::string& expected, std::set<std::string> warnings = {}) {
  return {id, "layer type " + type, [type](Layout& l) { l.manifest["layers"][0]["mediaType"] = type; }, expected, std::move(warnings)};
}

}  // namespace

TEST_CASE("OCI layouts: every case", "[oci][cases][layout]") {
  const auto none = [](Layout&) {};
  const auto first_blob = [](const std::filesystem::path& directory, Layout& l) { return directory / l.blob(0).name; };
  const auto nested = [](unsigned depth) {
    return [depth](Layout& l) {
      l.in_index = [&l, depth](Json& index) {
        for (unsigned i = 0; i < depth; ++i) index["manifests"] = Json::array({l.blobs.blob(kIndex, index.dump())});
      };
    };
  };
  const std::vector<LayoutCase> cases{
      {"oc00", "sound", none, ""},
      {"oc01", "no oci-layout file", [](Layout& l) { l.oci_layout.clear(); }, "malformed no oci-layout file"},
      {"oc02", "another version of layout", [](Layout& l) { l.oci_layout = R"({"imageLayoutVersion":"2.0.0"})"; }, "unsupported expected version 1.0.0, found '2.0.0'"},
      {"oc03", "oci-layout is no JSON", [](Layout& l) { l.oci_layout = "x"; }, "malformed oci-layout: not valid JSON"},
      {"oc04", "oci-layout without a version", [](Layout& l) { l.oci_layout = "{}"; }, "malformed imageLayoutVersion: expected a string, got nothing"},
      {"oc05", "no index.json", none, "malformed holds neither manifest.json nor index.json", {}, [](const auto& directory, Layout&) { std::filesystem::remove(directory / "index.json"); }},
      {"oc06", "index.json of no bytes", none, "malformed index.json: not valid JSON", {}, [](const auto& directory, Layout&) { write_file(directory / "index.json", ""); }},
      {"oc07", "index.json without manifests", [](Layout& l) { l.in_index = [](Json& index) { index.erase("manifests"); }; }, "malformed manifests: expected a list, got nothing"},
      {"oc08", "index of schema 1", [](Layout& l) { l.in_index = [](Json& index) { index["schemaVersion"] = 1; }; }, "unsupported schema 1"},
      {"oc09", "index of no manifests", [](Layout& l) { l.in_index = [](Json& index) { index["manifests"] = Json::array(); }; }, "not_found holds no image"},
      {"oc10", "two images and no choice", [](Layout& l) { l.in_index = [&l](Json& index) { TestImage other = l.image; other.config["Cmd"] = {"x"}; index["manifests"].push_back(l.blobs.entry(other, l.blobs.manifest_of(other))); }; }, "usage "},
      {"oc10b", "two manifests of one image", [](Layout& l) { l.in_index = [&l](Json& index) { Json other = l.manifest; other["annotations"] = {{"a", "b"}}; index["manifests"].push_back(l.blobs.blob(kManifest, other.dump())); }; }, ""},
      {"oc11", "the same image twice", [](Layout& l) { l.in_index = [](Json& index) { index["manifests"].push_back(index["manifests"][0]); }; }, ""},
      {"oc12", "the manifest is not there", none, "malformed is not there", {}, [](const auto& directory, Layout& l) { std::filesystem::remove(directory / l.blob(3).name); }},
      {"oc13", "the configuration is not there", none, "malformed is not there", {}, [](const auto& directory, Layout& l) { std::filesystem::remove(directory / l.blob(2).name); }},
      {"oc14", "a layer is not there", none, "malformed layer 1 of 2: blobs/sha256/", {}, [&](const auto& directory, Layout& l) { std::filesystem::remove(first_blob(directory, l)); }},
      {"oc15", "a layer is changed", none, "integrity stored bytes: expected sha256:", {}, [&](const auto& directory, Layout& l) { auto text = l.blob(0).bytes; text[1026] ^= 1; write_file(first_blob(directory, l), text); }},
      {"oc16", "the configuration is changed", none, "integrity config: expected sha256:", {}, [](const auto& directory, Layout& l) { auto text = l.blob(2).bytes; text[text.find("amd64")] = 'b'; write_file(directory / l.blob(2).name, text); }},
      {"oc17", "the manifest is changed", none, "integrity expected sha256:", {}, [](const auto& directory, Layout& l) { auto text = l.blob(3).bytes; text[text.find("config")] = 'C'; write_file(directory / l.blob(3).name, text); }},
      size_case("oc18", 1024, "integrity layer 1 of 2: expected 1024 bytes, found"),
      size_case("oc19", 99999999, "integrity layer 1 of 2: expected 99999999 bytes, found"),
      size_case("oc20", -1, "malformed size: expected a number of 0 or more"),
      size_case("oc21", 1.5, "malformed size: expected a number of 0 or more"),
      size_case("oc22", 9223372036854775808u, "integrity layer 1 of 2: expected 9223372036854775808 bytes"),
      size_case("oc23", "1024", "malformed size: expected a number of 0 or more, got a string"),
      digest_case("oc30", "sha256:../../../etc/passwd", "malformed expected 64 lower-case hex digits"),
      digest_case("oc31", "sha256:" + std::string(64, 'A'), "malformed expected 64 lower-case hex digits"),
      digest_case("oc32", "sha256:" + std::string(63, 'a'), "malformed expected 64 lower-case hex digits"),
      digest_case("oc33", "sha256:", "malformed expected 64 lower-case hex digits"),
      digest_case("oc34", "md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm 'md5' cannot be verified"),
      digest_case("oc35", "", "malformed expected 'algorithm:hex'"),
      digest_case("oc36", std::string(64, 'a'), "malformed expected 'algorithm:hex'"),
      digest_case("oc37", "../x:" + std::string(64, 'a'), "malformed expected 'algorithm:hex'"),
      digest_case("oc38", "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "unsupported digest algorithm 'multihash+base58' cannot be verified"),
      digest_case("oc39", "SHA256:" + std::string(64, 'a'), "malformed expected 'algorithm:hex'"),
      {"oc41", "a manifest that is an index too", [](Layout& l) { l.manifest["manifests"] = Json::array(); }, "malformed has members of an index and of a manifest"},
      {"oc42", "a manifest whose type says index", [](Layout& l) { l.manifest["mediaType"] = kIndex; }, "malformed its media type is '" + std::string(kIndex) + "', its descriptor says '" + kManifest},
      {"oc43", "a manifest whose type is Docker's, its descriptor's is not", [](Layout& l) { l.manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"; }, "malformed its descriptor says"},
      {"oc44", "a manifest without a type", [](Layout& l) { l.manifest.erase("mediaType"); }, ""},
      {"oc44b", "a descriptor without a type", [](Layout& l) { l.manifest_type = ""; }, ""},
      {"oc45", "an index that is a manifest too", [](Layout& l) { l.in_index = [](Json& index) { index["config"] = Json::object(); }; }, "malformed has members of an index and of a manifest"},
      {"oc45b", "an index named a manifest", [](Layout& l) { l.in_index = [&l](Json& index) { index["manifests"] = Json::array({l.blobs.blob(kManifest, index.dump())}); }; }, "malformed has members of an index and of a manifest"},
      {"oc46", "layers twice", [](Layout& l) { l.in_manifest = [](std::string& text) { text.insert(1, R"("layers":[],)"); }; }, "malformed member 'layers' is there twice"},
      {"oc47", "a member in another case", [](Layout& l) { l.manifest["Layers"] = Json::array(); }, "malformed differs from 'layers' in case only"},
      type_case("oc48", "application/octet-stream", "unsupported 'application/octet-stream' is no layer of an image"),
      type_case("oc49", "application/vnd.oci.image.layer.v1.tar+zstd", "", {"media-type"}),
      type_case("oc50", "application/vnd.docker.image.rootfs.diff.tar.gzip", "", {"media-type"}),
      type_case("oc52", "application/vnd.oci.image.layer.nondistributable.v1.tar", ""),
      {"oc53", "a layer that is to be had elsewhere", [](Layout& l) { l.manifest["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar"; }, "malformed is not there", {}, [&](const auto& directory, Layout& l) { std::filesystem::remove(first_blob(directory, l)); }},
      type_case("oc54", "application/vnd.oci.image.layer.v1.tar+encrypted", "unsupported the layer is encrypted"),
      {"oc56", "an artifact", [](Layout& l) { l.manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"; }, "unsupported an artifact of type 'application/vnd.oci.empty.v1+json', not an image"},
      {"oc56b", "an artifact that says what it is", [](Layout& l) { l.manifest["config"]["mediaType"] = "application/vnd.oci.empty.v1+json"; l.manifest["artifactType"] = "application/vnd.example.chart.v1"; }, "unsupported an artifact of type 'application/vnd.example.chart.v1', not an image"},
      {"oc57", "a manifest of a type that is none", [](Layout& l) { l.manifest_type = "application/vnd.oci.artifact.manifest.v1+json"; l.manifest.erase("mediaType"); }, "unsupported is no type of an image"},
      {"oc58", "more layers than diff_ids", [](Layout& l) { l.manifest["layers"].push_back(l.manifest["layers"][0]); }, "malformed 3 layers, the configuration has 2 diff_ids"},
      {"oc59", "fewer layers than diff_ids", [](Layout& l) { l.manifest["layers"].erase(1); }, "malformed 1 layers, the configuration has 2 diff_ids"},
      {"oc59b", "no layers at all", [](Layout& l) { l.manifest["layers"] = Json::array(); }, "malformed 0 layers, the configuration has 2 diff_ids"},
      {"oc60", "the layers change places", [](Layout& l) { std::swap(l.manifest["layers"][0], l.manifest["layers"][1]); }, "integrity diff_id: expected sha256:"},
      {"oc62", "indexes nested three deep", nested(3), ""},
      {"oc63", "indexes nested nine deep", nested(9), "limit indexes are nested more than 8 deep"},
      {"oc64", "of another machine alone", [](Layout& l) { l.entry_more["platform"] = {{"os", "linux"}, {"architecture", "arm64"}}; }, "not_found no image for linux/amd64"},
      {"oc65", "an entry without a platform", [](Layout& l) { l.entry_more["platform"] = nullptr; }, ""},
      {"oc66", "a blob that is a link", none, "", {}, [&](const auto& directory, Layout& l) { std::filesystem::rename(first_blob(directory, l), directory / "real"); std::filesystem::create_symlink("../../real", first_blob(directory, l)); }},
      {"oc67", "a blob that is a FIFO", none, "malformed is not a regular file", {}, [&](const auto& directory, Layout& l) { std::filesystem::remove(first_blob(directory, l)); ::mkfifo(first_blob(directory, l).c_str(), 0600); }},
      {"oc68", "a blob that is a directory", none, "malformed is not a regular file", {}, [&](const auto& directory, Layout& l) { std::filesystem::remove(first_blob(directory, l)); std::filesystem::create_directory(first_blob(directory, l)); }},
      {"oc70", "a blob with more bytes", none, "integrity layer 1 of 2: expected", {}, [&](const auto& directory, Layout& l) { write_file(first_blob(directory, l), l.blob(0).bytes + std::string(100, 'x')); }},
      {"oc71", "a blob of no bytes", none, "integrity layer 1 of 2: expected", {}, [&](const auto& directory, Layout& l) { write_file(first_blob(directory, l), ""); }},
      {"oc72", "a manifest of schema 1", [](Layout& l) { l.manifest = Json{{"schemaVersion", 1}, {"fsLayers", Json::array()}}; l.manifest_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"; }, "unsupported schema 1"},
      {"oc73", "a manifest with another's subject", [](Layout& l) { l.manifest["subject"] = l.manifest["config"]; }, ""},
      {"oc74", "annotations that are no texts", [](Layout& l) { l.entry_more["annotations"] = {{"a", 1}}; }, "malformed annotations.a: expected a string, got a number"},
      {"oc75", "an attestation beside it", [](Layout& l) { l.in_index = [](Json& index) { Json other = index["manifests"][0]; other["digest"] = "sha256:" + std::string(64, '0'); other["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}}; index["manifests"].push_back(other); }; }, ""},
  };
  for (const auto& test : cases) {
    INFO(test.id << ": " << test.what);
    TempDir directory;
    Layout layout;
    test.change(layout);
    layout.write(directory / "l");
    if (test.after) test.after(directory / "l", layout);
    check_outcome(read_source("oci:" + (directory / "l").string()), test.expected, test.warnings);
  }
}

TEST_CASE("a layout may be addressed by sha512", "[oci][cases][layout]") {
  TempDir directory;
  as_directory(oci_layout(small_image(), {.algorithm = DigestAlgorithm::sha512}), directory / "l");  // oc40
  check_outcome(read_source("oci:" + (directory / "l").string()), "");
}

TEST_CASE("what cannot be converted does not hide what can", "[oci][layout]") {
  TempDir directory;
  Layout layout;
  layout.entry_more["platform"] = {{"os", "linux"}, {"architecture", "amd64"}};
  layout.in_index = [&](Json& index) {
    TestImage windows = layout.image;
    Json document = Json::parse(windows.config_document());
    document["os"] = "windows";
    Json manifest = layout.manifest;
    manifest["config"] = layout.blobs.blob("application/vnd.oci.image.config.v1+json", document.dump());
    Json entry = layout.blobs.blob(kManifest, manifest.dump());
    entry["platform"] = {{"os", "windows"}, {"architecture", "amd64"}};
    index["manifests"].insert(index["manifests"].begin(), entry);
  };
  layout.write(directory / "l");
  check_outcome(read_source("oci:" + (directory / "l").string()), "");
  check_outcome(read_source("oci:" + (directory / "l").string() + ":@0"), "not_found no image for linux/amd64");
}

TEST_CASE("an index without this machine's platform asks for a choice", "[oci][layout]") {
  TempDir directory;
  Layout layout;
  layout.entry_more["platform"] = {{"os", "linux"}, {"architecture", "s390x"}};
  layout.entry_more["annotations"] = {{"org.opencontainers.image.ref.name", "one"}};
  layout.write(directory / "l");
  const auto open = [&](const std::string& choice, const std::string& platform) {
    oci::SourceOptions options;
    if (!platform.empty()) options.platform = oci::Platform::parse(platform);
    WarningList warnings;
    return error_of([&] { oci::open_image(oci::Reference::parse("oci:" + (directory / "l").string() + choice), options, warnings); });
  };
  for (const char* choice : {"", ":one"}) {
    const auto error = open(choice, "");
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::not_found);
    CHECK_THAT(error->hint().text(), ContainsSubstring("linux/s390x") && ContainsSubstring("choose the platform linux/s390x"));
  }
  CHECK_FALSE(open("", "s390x"));
  CHECK_FALSE(open(":@0", ""));
  CHECK(open("", "arm64")->kind() == ErrorKind::not_found);
}
