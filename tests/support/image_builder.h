// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>

#include "tar_builder.h"

namespace sifkit::testing {

inline std::string sha256(const std::string& bytes) { return digest_of(as_bytes(bytes)).hex(); }

/// One image of plain tar layers. What tools make of it: image_shapes.h.
struct TestImage {
  std::vector<std::string> layers;  ///< oldest first
  Json config = Json::object();     ///< the inner object
  std::string architecture = "amd64";
  std::string variant;  ///< of it; empty: none is stated
  std::string created = "2024-05-01T10:20:30Z";
  Json history;  ///< null: none is told
  std::string tag = "app:1";
  DigestAlgorithm diff_id_algorithm = DigestAlgorithm::sha256;

  std::string config_document() const {
    Json diff_ids = Json::array();
    for (const auto& layer : layers) diff_ids.push_back(digest_of(as_bytes(layer), diff_id_algorithm).text());
    Json out{{"architecture", architecture}, {"os", "linux"}, {"created", created}, {"config", config},
             {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids}}}};
    if (!variant.empty()) out["variant"] = variant;
    if (!history.is_null()) out["history"] = history;
    return out.dump();
  }
};

/// A few files in two layers.
inline TestImage small_image() {
  TestImage image;
  image.layers = {TarBuilder().directory("etc").file("etc/os-release", "NAME=test\n").file("etc/old", "old").directory("bin").file("bin/tool", std::string(300000, 't'), 0755).bytes(),
                  TarBuilder().file("etc/.wh.old", "").file("etc/new", "new").hard_link("bin/tool2", "bin/tool").bytes()};
  image.config = Json{{"Env", {"PATH=/bin", "A=b c"}}, {"Cmd", {"/bin/tool"}}, {"Labels", {{"k", "v"}}}};
  return image;
}

}  // namespace sifkit::testing
