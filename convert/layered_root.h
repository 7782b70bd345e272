// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/core/error.h>
#include <sifkit/layers/glob.h>
#include <sifkit/layers/layer_reader.h>
#include <sifkit/oci/source.h>

#include "base_layers.h"
#include "container_texts.h"
#include "root_source.h"

namespace sifkit {

/// The layers of a base lack what newer ones ask for; those of the image may have it.
class BaseTooPoor : public Error {
 public:
  explicit BaseTooPoor(const Error& cause) : Error(cause) {}
};

/// The layers of an image, read newest first and merged.
class LayeredRoot : public RootSource {
 public:
  /// Everything that is given outlives the object. `image` is the one that `source` holds.
  LayeredRoot(oci::Image& image, const oci::OpenedSource& source, const ConvertOptions& options, WarningList& warnings,
              ConvertReport& report);

  const oci::ImageConfig& config() const override { return image_.config(); }
  RootIdentity identity() const override;
  std::uint64_t compressed_bytes() const override;
  layers::Tree read(layers::ContentSink& sink, std::uint32_t time) override;
  std::unique_ptr<ContainerFiles> texts(const layers::Tree& tree) override;
  std::vector<layers::Flattener::ReplacedLink> replaced_links() const override { return replaced_links_; }

  /// Before `read`: layers that an older image still holds are taken from there, if they are this image's oldest. It
  /// outlives the object; none is one that holds nothing. `read` may throw BaseTooPoor then.
  void use(BaseLayers* base);
  const std::optional<LayerOrigin>& origin() const override { return origin_; }

  /// After `read` or `index`: of each layer, the oldest first.
  const std::vector<layers::LayerUsage>& usage() const noexcept { return usage_; }

  using Missing = layers::Flattener::Missing;

  /// In place of `read`: the tree alone, all of it. `contents` says which entry of which layer has the bytes of each
  /// regular file that is not empty; `take_lost` is told of files that layers hide.
  layers::Tree index(std::uint32_t time, std::vector<Missing>& contents, const layers::TakeLostFile& take_lost = {});

  /// Reads one layer again, as far as the last of `files`, which are all of it and in its order. `take` may read the
  /// contents of the entry.
  void read_again(std::span<const Missing> files,
                  const std::function<void(const Missing&, const layers::Entry&, layers::LayerReader&)>& take);

  /// Reads all of one layer again, the oldest being 0.
  void read_again(std::size_t layer,
                  const std::function<void(std::uint64_t entry, const layers::Entry&, layers::LayerReader&)>& take);

 private:
  std::string name_of(std::size_t index) const;  ///< for errors
  layers::LayerBlob blob(std::size_t index);
  /// A layer that is being read, perhaps before its turn: what is wrong with it is said when that comes.
  struct OpenLayer {
    std::unique_ptr<layers::LayerReader> reader;
    std::exception_ptr failure;
  };
  OpenLayer open_layer(std::size_t index, bool with_contents);
  /// Opens a layer, if that has not been done, and those that come after it, as far as it pays.
  OpenLayer open_in_turn(std::size_t index, bool with_contents);
  void read_layer(std::size_t index, std::uint32_t time, layers::Flattener& flattener, layers::ContentSink* sink);
  /// The same of a layer that the base holds.
  void take_layer(std::size_t index, std::uint32_t time, layers::Flattener& flattener, layers::ContentSink& sink);
  void take_missing(std::span<const Missing> files, layers::Tree& tree, layers::ContentSink& sink);
  /// Whether the layers from this one down come from the base.
  bool is_in_base(std::size_t index) const { return base_ != nullptr && index < base_->count(); }
  /// Nothing of the files that a container has empty needs to be read again.
  void empty_files(std::vector<Missing>& missing, layers::Tree& tree) const;
  bool is_emptied(std::string_view path) const;
  layers::Tree finish(layers::Flattener& flattener, std::vector<Missing>& missing,
                      const layers::TakeLostFile& take_lost) const;
  layers::Tree merge(std::uint32_t time, layers::ContentSink* sink, std::vector<Missing>& missing,
                     const layers::TakeLostFile& take_lost = {});
  void read_missing(std::span<const Missing> missing, layers::Tree& tree, layers::ContentSink& sink);
  void check_root(const layers::Tree& tree) const;

  oci::Image& image_;
  const oci::OpenedSource& source_;
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  layers::PathPatterns excludes_;
  ContainerTexts texts_;
  std::vector<layers::Flattener::ReplacedLink> replaced_links_;
  std::vector<layers::LayerUsage> usage_;
  std::vector<Digest> diff_ids_;  ///< none where a layer has none
  BaseLayers* base_ = nullptr;
  const layers::LayerOptions layer_options_;
  std::deque<OpenLayer> ahead_;  ///< the next older ones
  std::optional<LayerOrigin> origin_;
};

}  // namespace sifkit
