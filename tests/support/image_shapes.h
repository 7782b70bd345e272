// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "image_builder.h"
#include "stream_builder.h"
#include "temp_dir.h"

namespace sifkit::testing {

/// A file of an archive or of a directory; with a link it is one (type '1' or '2'), a type of '5' makes it a directory.
struct Member {
  std::string name;
  std::string bytes;
  char type = '0';
  std::string link = {};
};

/// What one tool writes for one image or several, in its order.
using Members = std::vector<Member>;

inline std::string as_tar(const Members& members) {
  TarBuilder out;
  for (const auto& member : members) {
    out.add({.name = member.name + (member.type == '5' ? "/" : ""), .type = member.type, .data = member.bytes, .link = member.link,
             .mode = member.type == '5' ? 0755u : 0644u});
  }
  return out.bytes();
}

inline void as_directory(const Members& members, const std::filesystem::path& directory) {
  for (const auto& member : members) {
    if (member.type == '5') continue;
    std::filesystem::create_directories((directory / member.name).parent_path());
    write_file(directory / member.name, member.bytes);
  }
}

/// The members with the documents that say what they are in front, or behind all others.
inline Members with_manifest(Members members, bool first) {
  const auto is_manifest = [](const Member& member) { return member.name.ends_with("manifest.json") || member.name == "index.json"; };
  std::stable_partition(members.begin(), members.end(), [&](const Member& member) { return is_manifest(member) == first; });
  return members;
}

inline Json docker_entry(const std::string& config, const std::vector<std::string>& tags, const Json& layers) {
  return Json{{"Config", config}, {"RepoTags", tags}, {"Layers", layers}};
}

/// Docker 1.10 to 24: a directory a layer; an equal layer that was there before is a link of `link_type` to it, or a copy.
inline Members docker_24(const TestImage& image, char link_type = '\0', const std::string& prefix = "") {
  Members out;
  Json names = Json::array();
  std::vector<std::pair<std::string, std::string>> written;  // digest, name
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const std::string id = sha256(image.layers[i] + std::to_string(i));
    const std::string digest = sha256(image.layers[i]);
    const auto same = std::find_if(written.begin(), written.end(), [&](const auto& entry) { return entry.first == digest; });
    out.push_back({prefix + id, "", '5'});
    out.push_back({prefix + id + "/VERSION", "1.0"});
    out.push_back({prefix + id + "/json", "{}"});
    if (link_type != '\0' && same != written.end()) {
      out.push_back({prefix + id + "/layer.tar", "", link_type, link_type == '2' ? "../" + same->second : prefix + same->second});
    } else {
      out.push_back({prefix + id + "/layer.tar", image.layers[i]});
    }
    written.emplace_back(digest, id + "/layer.tar");
    names.push_back(written.back().second);
  }
  const std::string config = image.config_document();
  const std::string name = sha256(config) + ".json";
  out.push_back({prefix + name, config});
  out.push_back({prefix + "manifest.json", Json::array({docker_entry(name, {image.tag}, names)}).dump()});
  out.push_back({prefix + "repositories", "{}"});
  return out;
}

/// podman and skopeo: layers by their digest at the top, old names as links to them.
inline Members podman_save(const TestImage& image) {
  Members out;
  Json names = Json::array();
  std::set<std::string> written;
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const std::string name = sha256(image.layers[i]) + ".tar";
    if (written.insert(name).second) out.push_back({name, image.layers[i]});
    const std::string id = sha256(image.layers[i] + std::to_string(i));
    out.push_back({id, "", '5'});
    out.push_back({id + "/VERSION", "1.0"});
    out.push_back({id + "/layer.tar", "", '2', "../" + name});
    names.push_back(name);
  }
  const std::string config = image.config_document();
  out.push_back({sha256(config) + ".json", config});
  out.push_back({"repositories", "{}"});
  out.push_back({"manifest.json", Json::array({docker_entry(sha256(config) + ".json", {image.tag}, names)}).dump()});
  return out;
}

/// go-containerregistry's tools: a configuration without ".json", compressed layers.
inline Members crane_save(const TestImage& image) {
  Members out;
  Json names = Json::array();
  std::set<std::string> written;
  const std::string config = image.config_document();
  out.push_back({"sha256:" + sha256(config), config});
  for (const auto& layer : image.layers) {
    const std::string packed = through("gzip -n", layer);
    const std::string name = sha256(packed) + ".tar.gz";
    if (written.insert(name).second) out.push_back({name, packed});
    names.push_back(name);
  }
  out.push_back({"manifest.json", Json::array({docker_entry("sha256:" + sha256(config), {image.tag}, names)}).dump()});
  return out;
}

/// How an OCI layout is written.
struct LayoutStyle {
  std::string packer;  ///< a command that compresses the layers
  std::string layer_type = "application/vnd.oci.image.layer.v1.tar";
  DigestAlgorithm algorithm = DigestAlgorithm::sha256;
  bool platform = true;      ///< stated by the index
  unsigned nested = 0;       ///< indexes around the manifest
  bool attestation = false;  ///< beside it
  bool flat = false;         ///< a directory of `skopeo copy … dir:` instead
};

/// Puts blobs of a layout together.
class LayoutBuilder {
 public:
  explicit LayoutBuilder(LayoutStyle style = {}) : style_(std::move(style)) {}

  static constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";
  static constexpr const char* kIndex = "application/vnd.oci.image.index.v1+json";

  Json blob(const std::string& type, const std::string& bytes) {
    const Digest digest = digest_of(as_bytes(bytes), style_.algorithm);
    const std::string name = style_.flat ? digest.hex() : "blobs/" + std::string(to_string(digest.algorithm())) + "/" + digest.hex();
    if (names_.insert(name).second) members_.push_back({name, bytes});
    return Json{{"mediaType", type}, {"digest", digest.text()}, {"size", bytes.size()}};
  }

  std::string manifest_of(const TestImage& image) {
    Json layers = Json::array();
    for (const auto& layer : image.layers) layers.push_back(blob(style_.layer_type, style_.packer.empty() ? layer : through(style_.packer, layer)));
    const Json config = blob("application/vnd.oci.image.config.v1+json", image.config_document());
    return Json{{"schemaVersion", 2}, {"mediaType", kManifest}, {"config", config}, {"layers", layers}}.dump();
  }

  /// The entry of an index for an image whose manifest is `manifest`.
  Json entry(const TestImage& image, const std::string& manifest) {
    Json out = blob(kManifest, manifest);
    if (style_.platform) out["platform"] = {{"os", "linux"}, {"architecture", image.architecture}};
    if (style_.nested == 0 && !image.tag.empty()) out["annotations"] = {{"org.opencontainers.image.ref.name", image.tag}};
    return out;
  }

  Json attestation() {
    Json out = blob(kManifest, R"({"schemaVersion":2,"config":{},"layers":[]})");
    out["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
    out["annotations"] = {{"vnd.docker.reference.type", "attestation-manifest"}};
    return out;
  }

  static std::string index_of(const Json& entries) { return Json{{"schemaVersion", 2}, {"mediaType", kIndex}, {"manifests", entries}}.dump(); }

  /// All members; `entries` are those of index.json.
  Members finish(const Json& entries) {
    Members out = members_;
    out.push_back({"index.json", index_of(entries)});
    out.push_back({"oci-layout", R"({"imageLayoutVersion":"1.0.0"})"});
    return out;
  }

  const Members& members() const { return members_; }

 private:
  LayoutStyle style_;
  Members members_;
  std::set<std::string> names_;
};

inline Members oci_layout(const TestImage& image, const LayoutStyle& style = {}) {
  LayoutBuilder layout(style);
  const std::string manifest = layout.manifest_of(image);
  if (style.flat) {
    Members out = layout.members();
    out.push_back({"manifest.json", manifest});
    out.push_back({"version", "Directory Transport Version: 1.1\n"});
    return out;
  }
  Json entries = Json::array({layout.entry(image, manifest)});
  if (style.attestation) entries.push_back(layout.attestation());
  for (unsigned i = 0; i < style.nested; ++i) {
    Json outer = layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(entries));
    if (i + 1 == style.nested) outer["annotations"] = {{"io.containerd.image.name", "docker.io/library/" + image.tag}};
    entries = Json::array({outer});
  }
  return layout.finish(entries);
}

/// Docker 25 and later: a layout with manifest.json beside index.json. `broken`: as 25.0.0 wrote it, whose manifests
/// list no layers.
inline Members docker_25(const TestImage& image, bool broken = false) {
  LayoutBuilder layout({.platform = false});
  const std::string manifest = layout.manifest_of(image);
  Json document = Json::parse(manifest);
  Json names = Json::array();
  for (const auto& layer : document["layers"]) names.push_back("blobs/sha256/" + layer["digest"].get<std::string>().substr(7));
  const std::string config = "blobs/sha256/" + document["config"]["digest"].get<std::string>().substr(7);
  if (broken) document["layers"] = nullptr;
  Json entry = layout.entry(image, broken ? document.dump() : manifest);
  entry["annotations"] = {{"io.containerd.image.name", "docker.io/library/" + image.tag}, {"org.opencontainers.image.ref.name", image.tag.substr(image.tag.find(':') + 1)}};
  Members out{{"blobs", "", '5'}, {"blobs/sha256", "", '5'}};
  for (const auto& member : layout.finish(Json::array({entry}))) out.push_back(member);
  out.push_back({"manifest.json", Json::array({docker_entry(config, {image.tag}, names)}).dump()});
  out.push_back({"repositories", "{}"});
  return out;
}

}  // namespace sifkit::testing
