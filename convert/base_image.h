// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include <sifkit/convert.h>
#include <sifkit/layers/packed_blocks.h>

#include "base_layers.h"

namespace sifkit {

/// An older image that parts of a new one may be taken from.
struct BaseImage {
  std::shared_ptr<const layers::PackedBlocks> blocks;  ///< nothing where there is none
  std::unique_ptr<BaseLayers> layers;  ///< where it was packed with the same options, and says how
};

/// The image whose blocks a conversion may take: `options.base`, else what is at `target` if that is to be replaced. It
/// stays open, whatever becomes of its name. Nothing where there is none, or where it is of no use, which is said: of one
/// that was asked for by a warning "base-unused", else to the log. Throws where a file that was asked for cannot be
/// opened.
BaseImage open_base(const std::filesystem::path& target, const ConvertOptions& options, WarningList& warnings);

}  // namespace sifkit
