// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include <sifkit/core/json.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/oci/descriptor.h>

namespace sifkit::cli {

/// What a layer is called: the digest of its stored bytes, else of its bytes; may be empty.
std::string layer_name(const oci::Layer& layer);

/// A layer as JSON output has it (docs/formats.md). `index` 0 is the oldest.
Json layer_record(std::size_t index, const oci::Layer& layer, const layers::LayerUsage& usage);

}  // namespace sifkit::cli
