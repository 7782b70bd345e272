// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/layers/layer_reader.h>
#include <sifkit/oci/source.h>

#include "container_texts.h"
#include "glob.h"
#include "root_source.h"

namespace sifkit {

/// The layers of an image, read newest first and merged.
class LayeredRoot : public RootSource {
 public:
  /// Everything that is given outlives the object. `image` is the one that `source` holds.
  LayeredRoot(oci::Image& image, const oci::OpenedSource& source, const ConvertOptions& options, WarningList& warnings,
              ConvertReport& report);

  const oci::ImageConfig& config() const override { return image_.config(); }
  RootIdentity identity() const override;
  std::uint64_t compressed_bytes() const override { return image_.compressed_bytes(); }
  layers::Tree read(layers::ContentSink& sink, std::uint32_t time) override;
  std::unique_ptr<ContainerFiles> texts(const layers::Tree& tree) override;
  std::vector<layers::Flattener::ReplacedLink> replaced_links() const override { return replaced_links_; }

 private:
  layers::LayerBlob blob(std::size_t index);
  void read_layer(std::size_t index, std::uint32_t time, layers::Flattener& flattener, layers::ContentSink& sink);
  void read_missing(const std::vector<layers::Flattener::Missing>& missing, layers::Tree& tree, layers::ContentSink& sink);
  void check_root(const layers::Tree& tree) const;

  oci::Image& image_;
  const oci::OpenedSource& source_;
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  PathPatterns excludes_;
  ContainerTexts texts_;
  std::vector<layers::Flattener::ReplacedLink> replaced_links_;
};

}  // namespace sifkit
