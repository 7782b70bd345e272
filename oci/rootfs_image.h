// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// A root file system in one tar stream, with or without a configuration beside it.
class RootfsImage : public Image {
 public:
  using Open = std::function<std::unique_ptr<Source>()>;

  RootfsImage(ImageConfig config, Open open, std::uint64_t compressed_bytes)
      : config_(std::move(config)), layers_(1), open_(std::move(open)), stored_bytes_(compressed_bytes) {}

  const ImageConfig& config() const override { return config_; }
  const std::vector<Layer>& layers() const override { return layers_; }
  std::unique_ptr<Source> open_layer(std::size_t) override { return open_(); }
  std::optional<Digest> manifest_digest() const override { return std::nullopt; }
  std::optional<Digest> config_digest() const override { return std::nullopt; }
  std::uint64_t compressed_bytes() const override { return stored_bytes_; }

 private:
  ImageConfig config_;
  std::vector<Layer> layers_;
  Open open_;
  std::uint64_t stored_bytes_;
};

}  // namespace sifkit::oci
