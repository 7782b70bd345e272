// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <sifkit/convert.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>

#include "capabilities.h"
#include "container_metadata.h"
#include "program_probe.h"
#include "glob.h"

namespace sifkit {

/// The texts that go into the container and, for a SIF, beside its file system.
struct ContainerTexts {
  std::string definition;
  std::string oci_config;
  std::string inspect_metadata;
};

/// The part of a conversion that does not depend on the output: from the layers of an image to a finished tree whose
/// file contents are in a sink.
class Conversion {
 public:
  Conversion(oci::Image& image, const oci::Reference& reference, const ConvertOptions& options, WarningList& warnings,
             ConvertReport& report);

  /// Seconds since 1970 of everything that is added or has no time of its own.
  std::int64_t time() const noexcept { return time_; }
  /// An upper bound for `ContainerTexts` together, known before any layer is read and the same for every source.
  std::uint64_t expected_text_bytes() const;

  /// Nobody said that the source is a root file system; its first bytes made it look like one. `run` throws unsupported
  /// when the rest shows an archive of images.
  void doubt_root() noexcept { root_in_doubt_ = true; }

  /// Reads all layers, newest first, into `sink`; settles the tree; adds the runtime's files when `container` is set.
  layers::Tree run(layers::ContentSink& sink, bool container);

  /// After `run`.
  const ContainerTexts& texts() const noexcept { return texts_; }
  const std::string& architecture() const noexcept { return report_.architecture; }

 private:
  layers::LayerBlob blob(std::size_t index);
  void read_layer(std::size_t index, layers::Flattener& flattener, layers::ContentSink& sink);
  void read_missing(const std::vector<layers::Flattener::Missing>& missing, layers::Tree& tree, layers::ContentSink& sink);
  void check_root(const layers::Tree& tree) const;
  CapabilityForm capability_form() const;
  void decide_architecture(const ProgramProbe& probe, const layers::Tree& tree);
  void warn_of_runtime(const ProgramProbe& probe, const layers::Tree& tree, const layers::Flattener& flattener);
  void add_container(layers::Tree& tree, layers::ContentSink& sink);
  TextMap labels() const;
  std::vector<std::string> environment() const;

  oci::Image& image_;
  const oci::Reference& reference_;
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  PathPatterns excludes_;
  std::int64_t time_ = 0;
  bool root_in_doubt_ = false;
  ContainerTexts texts_;
};

}  // namespace sifkit
