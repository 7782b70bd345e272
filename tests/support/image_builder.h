// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>

#include "tar_builder.h"

namespace sifkit::testing {

inline std::string sha256(const std::string& bytes) { return digest_of(as_bytes(bytes)).hex(); }

/// One image of plain tar layers, and the archives that tools make of it.
struct TestImage {
  std::vector<std::string> layers;  ///< oldest first
  Json config = Json::object();     ///< the inner object
  std::string architecture = "amd64";
  std::string created = "2024-05-01T10:20:30Z";
  std::string tag = "app:1";

  std::string config_document() const {
    Json diff_ids = Json::array();
    for (const auto& layer : layers) diff_ids.push_back("sha256:" + sha256(layer));
    return Json{{"architecture", architecture}, {"os", "linux"}, {"created", created}, {"config", config},
                {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}}
        .dump();
  }

  /// As Docker 1.10 to 24 writes it.
  std::string docker_archive(const std::string& prefix = "", bool manifest_first = false) const {
    const std::string document = config_document();
    const std::string config_name = sha256(document) + ".json";
    Json names = Json::array();
    TarBuilder body;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const std::string folder = std::string(63, 'a') + std::to_string(i);
      body.folder(prefix + folder).file(prefix + folder + "/VERSION", "1.0").file(prefix + folder + "/layer.tar", layers[i]);
      names.push_back(folder + "/layer.tar");
    }
    body.file(prefix + config_name, document);
    const std::string manifest = Json::array({Json{{"Config", config_name}, {"RepoTags", {tag}}, {"Layers", names}}}).dump();
    TarBuilder out;
    if (manifest_first) out.file(prefix + "manifest.json", manifest);
    out.raw(body.without_end());
    if (!manifest_first) out.file(prefix + "manifest.json", manifest);
    return out.bytes();
  }

  struct Blob {
    std::string name;
    std::string bytes;
  };

  static Json descriptor(const std::string& type, const std::string& bytes) {
    return Json{{"mediaType", type}, {"digest", "sha256:" + sha256(bytes)}, {"size", bytes.size()}};
  }

  std::string manifest(std::vector<Blob>& blobs) const {
    const auto add = [&](const std::string& bytes) { blobs.push_back({"blobs/sha256/" + sha256(bytes), bytes}); };
    Json list = Json::array();
    for (const auto& layer : layers) {
      list.push_back(descriptor("application/vnd.oci.image.layer.v1.tar", layer));
      add(layer);
    }
    const std::string document = config_document();
    add(document);
    const std::string text = Json{{"schemaVersion", 2},
                                  {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
                                  {"config", descriptor("application/vnd.oci.image.config.v1+json", document)},
                                  {"layers", list}}
                                 .dump();
    add(text);
    return text;
  }

  static std::string oci_archive(const Json& index, const std::vector<Blob>& blobs) {
    TarBuilder out;
    std::vector<std::string> written;
    for (const auto& blob : blobs) {
      if (std::find(written.begin(), written.end(), blob.name) == written.end()) out.file(blob.name, blob.bytes);
      written.push_back(blob.name);
    }
    out.file("index.json", index.dump()).file("oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    return out.bytes();
  }

  std::string oci_archive() const {
    std::vector<Blob> blobs;
    Json entry = descriptor("application/vnd.oci.image.manifest.v1+json", manifest(blobs));
    entry["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
    return oci_archive(Json{{"schemaVersion", 2}, {"manifests", {entry}}}, blobs);
  }
};

/// A few files in two layers.
inline TestImage small_image() {
  TestImage image;
  image.layers = {TarBuilder().folder("etc").file("etc/os-release", "NAME=test\n").file("etc/old", "old").folder("bin").file("bin/tool", std::string(300000, 't'), 0755).bytes(),
                  TarBuilder().file("etc/.wh.old", "").file("etc/new", "new").hard_link("bin/tool2", "bin/tool").bytes()};
  image.config = Json{{"Env", {"PATH=/bin", "A=b c"}}, {"Cmd", {"/bin/tool"}}, {"Labels", {{"k", "v"}}}};
  return image;
}

}  // namespace sifkit::testing
