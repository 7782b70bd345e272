// SPDX-License-Identifier: Apache-2.0
#include "layer_text.h"

#include <utility>

#include "records.h"

namespace sifkit::cli {

std::string layer_name(const oci::Layer& layer) {
  const auto& digest = layer.digest ? layer.digest : layer.diff_id;
  return digest ? digest->text() : std::string();
}

Json layer_record(std::size_t index, const oci::Layer& layer, const layers::LayerUsage& usage) {
  return {{"layer", index + 1},
          {"digest", digest_or_null(layer.digest)},
          {"diff_id", digest_or_null(layer.diff_id)},
          {"stored_bytes", layer.size ? Json(*layer.size) : Json(nullptr)},
          {"files", usage.files},
          {"bytes", usage.bytes},
          {"hidden_files", usage.hidden_files},
          {"hidden_bytes", usage.hidden_bytes},
          {"lost_files", usage.lost_files},
          {"lost_bytes", usage.lost_bytes}};
}

std::vector<HistoryLine> history_of(const oci::Image& image) {
  std::vector<HistoryLine> out;
  std::size_t layer = 0;
  for (auto& step : image.config().history()) {
    const bool made = !step.empty_layer && layer < image.layers().size();
    out.push_back({std::move(step), made ? std::optional(layer++) : std::nullopt});
  }
  for (; layer < image.layers().size(); ++layer) out.push_back({{}, layer});
  return out;
}

}  // namespace sifkit::cli
