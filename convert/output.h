// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include <sifkit/convert.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

#include "base_layers.h"
#include "conversion.h"

namespace sifkit {

/// What a conversion writes: contents as they come, then the tree that names them. Nothing has the target's name before
/// `finish` is done, and nothing is left where it is not reached. Not thread safe.
class Output {
 public:
  virtual ~Output() = default;

  /// Layers that an older image holds and that this output can take from there; null where there is none.
  virtual BaseLayers* base_layers() const { return nullptr; }
  /// Takes the contents of files, as long as the output lives; `conversion` has not run yet.
  virtual layers::ContentSink& contents(const Conversion& conversion) = 0;
  /// Writes the tree, whose contents are all there, and what belongs beside it; then the target gets its name.
  virtual void finish(const layers::Tree& tree, const Conversion& conversion) = 0;
};

/// The output that `options` ask for. Throws what keeps `target` from being written. Options, warnings and report outlive
/// the output.
std::unique_ptr<Output> open_output(const std::filesystem::path& target, const ConvertOptions& options,
                                    WarningList& warnings, ConvertReport& report);

/// Those of one file: a SIF or a bare squashfs image.
std::unique_ptr<Output> open_sif_output(const std::filesystem::path& target, const ConvertOptions& options,
                                        WarningList& warnings, ConvertReport& report);
std::unique_ptr<Output> open_squashfs_output(const std::filesystem::path& target, const ConvertOptions& options,
                                             WarningList& warnings, ConvertReport& report);

}  // namespace sifkit
