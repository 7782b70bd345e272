// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/json.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/image.h>

namespace sifkit::cli {

/// What a layer is called: the digest of its stored bytes, else of its bytes; may be empty.
std::string layer_name(const oci::Layer& layer);

/// A layer as JSON output has it (docs/formats.md). `index` 0 is the oldest.
Json layer_record(std::size_t index, const oci::Layer& layer, const layers::LayerUsage& usage);

/// A command that made an image, and the layer that it made, 0 being the oldest.
struct HistoryLine {
  oci::HistoryStep step;
  std::optional<std::size_t> layer;

  /// The command, else what is said of it.
  const std::string& text() const { return step.created_by.empty() ? step.comment : step.created_by; }
};

/// The commands of an image, oldest first, and behind them layers that no command tells of.
std::vector<HistoryLine> history_of(const oci::Image& image);

}  // namespace sifkit::cli
