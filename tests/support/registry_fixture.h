// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/oci/image.h>
#include <sifkit/oci/source.h>

#include "environment.h"
#include "errors.h"
#include "image_shapes.h"
#include "registry_server.h"

namespace sifkit::testing {

/// Bytes that nothing compresses, the same for the same seed.
inline std::string random_bytes(std::size_t size, unsigned seed) {
  std::string out(size, '\0');
  for (auto& c : out) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return out;
}

/// A registry in this process, and clients of it that know no credentials and wait for nothing.
struct RegistryFixture {
  TempDir home;
  Environment environment{variables(home)};
  RegistryServer server;
  oci::SourceOptions options;
  WarningList warnings;

  RegistryFixture() {
    options.registry.plain_http = true;
    options.registry.retry_delay = std::chrono::milliseconds(1);
    options.service_timeout = std::chrono::seconds(20);
  }

  static std::vector<Environment::Setting> variables(const TempDir& home) {
    auto out = keys_below(home.path().native());
    for (const char* name : {"REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "XDG_RUNTIME_DIR",
                             "CONTAINERS_REGISTRIES_CONF", "SIFKIT_DOCKER_USERNAME", "SIFKIT_DOCKER_PASSWORD",
                             "APPTAINER_DOCKER_USERNAME", "APPTAINER_DOCKER_PASSWORD", "SINGULARITY_DOCKER_USERNAME",
                             "SINGULARITY_DOCKER_PASSWORD", "SIFKIT_LIBRARY", "APPTAINER_LIBRARY", "SINGULARITY_LIBRARY",
                             "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
      out.emplace_back(name, std::nullopt);
    return out;
  }

  /// Puts an image there and returns its manifest.
  std::string put(const TestImage& image, const std::string& repository = "app", const std::string& tag = "1",
                  const LayoutStyle& style = {}) {
    LayoutBuilder layout(style);
    const auto manifest = layout.manifest_of(image);
    for (const auto& member : layout.members()) server.put_blob(repository, member.bytes);
    server.put_manifest(repository, tag, LayoutBuilder::kManifest, manifest);
    return manifest;
  }

  std::unique_ptr<oci::Image> open(const std::string& name) {
    return oci::open_image(oci::Reference::parse(server.image(name)), options, warnings);
  }

  /// The stored bytes of all layers, newest first, as a conversion reads them.
  std::vector<std::string> layers(oci::Image& image) {
    std::vector<std::string> out;
    for (std::size_t i = image.layers().size(); i-- > 0;) {
      const auto source = image.open_layer(i);
      out.emplace_back(as_text(read_all(*source, 1u << 30, "layer")));
    }
    return out;
  }

  /// What opening an image and reading its layers fails with: kind and text, hint included.
  std::string failure(const std::string& name) {
    const auto error = error_of([&] {
      const auto image = open(name);
      layers(*image);
    });
    if (!error) return "none";
    return std::string(to_string(error->kind())) + ": " + error->what() + " | " + error->hint().text();
  }
};

}  // namespace sifkit::testing
