// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sifkit/oci/image.h>

#include "catch.h"
#include "errors.h"
#include "image_shapes.h"

namespace sifkit::testing {

inline const std::string kHost = oci::Platform::host().architecture;

/// An image that is told by what its one layer holds.
inline TestImage image_of(const std::string& text, const std::string& tag = {}) {
  TestImage image;
  image.layers = {TarBuilder().file("which", text).bytes()};
  image.tag = tag;
  image.architecture = kHost;
  return image;
}

inline std::string id_of(const TestImage& image) { return sha256(image.config_document()); }

/// What becomes of a source.
struct Opened {
  std::string id;
  std::string bytes;  ///< of the one layer
  std::optional<Error> error;
  std::vector<Warning> warnings;
};

inline Opened open_source(const std::string& source, const std::string& platform = kHost, const Limits& limits = {}) {
  oci::SourceOptions options;
  options.limits = limits;
  if (!platform.empty()) options.platform = oci::Platform::parse(platform);
  WarningList warnings;
  Opened out;
  out.error = error_of([&] {
    const auto image = oci::open_image(oci::Reference::parse(source), options, warnings);
    out.id = image->config_digest()->hex();
    out.bytes = as_text(read_all(*image->open_layer(0), 1u << 20, "layer"));
  });
  out.warnings = warnings.listed();
  return out;
}

inline std::vector<oci::ImageSummary> list_source(const std::string& source, const Limits& limits = {}) {
  oci::SourceOptions options;
  options.limits = limits;
  WarningList warnings;
  return oci::list_images(oci::Reference::parse(source), options, warnings);
}

/// A source with a sound image, "good:1", and another one.
struct Pair {
  TestImage good = image_of("good", "good:1");
  TestImage other = image_of("other", "other:1");
};

inline void check_good(const Opened& opened, const Pair& pair) {
  CHECK_FALSE(opened.error);
  CHECK(opened.id == id_of(pair.good));
  CHECK(opened.bytes == pair.good.layers[0]);
  CHECK(opened.warnings.empty());
}

}  // namespace sifkit::testing
