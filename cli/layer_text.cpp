// SPDX-License-Identifier: Apache-2.0
#include "layer_text.h"

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

}  // namespace sifkit::cli
