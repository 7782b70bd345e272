// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/layers/tree.h>

#include "capabilities.h"
#include "container_metadata.h"
#include "program_probe.h"
#include "root_source.h"

namespace sifkit {

/// The part of a conversion that does not depend on the output: from what it starts with to a finished tree whose file
/// contents are in a sink. A root file system that is a container already stays as it is.
class Conversion {
 public:
  /// `reference` names the source of `root`, with its transport.
  Conversion(RootSource& root, const oci::Reference& reference, const ConvertOptions& options, WarningList& warnings,
             ConvertReport& report);

  /// Seconds since 1970 of everything that is added or has no time of its own.
  std::int64_t time() const noexcept { return time_; }
  /// The same as a squashfs image holds it.
  std::uint32_t file_time() const noexcept;
  /// An upper bound for the objects of a container that is made from an image, known before anything is read and the same
  /// for every source.
  std::uint64_t expected_text_bytes() const;

  /// Reads everything into `sink`; settles the tree; adds the runtime's files where it is no container yet.
  layers::Tree run(layers::ContentSink& sink);

  RootIdentity identity() const { return root_.identity(); }
  const std::optional<LayerOrigin>& origin() const { return root_.origin(); }

  /// After `run`: what a SIF holds beside the file system.
  const std::vector<SmallObject>& objects() const noexcept { return objects_; }
  PartitionPlace partition_place() const { return root_.partition_place(); }
  const std::string& architecture() const noexcept { return report_.architecture; }

 private:
  CapabilityForm capability_form() const;
  void decide_architecture(const ProgramProbe& probe, const layers::Tree& tree);
  void warn_of_runtime(const ProgramProbe& probe, const layers::Tree& tree);
  void add_container(layers::Tree& tree, layers::ContentSink& sink);
  void keep_container(layers::Tree& tree, layers::ContentSink& sink);
  void change_container(layers::Tree& tree, layers::ContentSink& sink, ContainerFiles& texts,
                        ContainerAttributes& attributes);
  void add_object(sif::DataType type, std::string_view name, std::string bytes);
  void describe(const ContainerAttributes& attributes);
  TextMap labels() const;
  std::string oci_config() const;
  std::vector<std::string> environment() const;

  RootSource& root_;
  const oci::Reference& reference_;
  const ConvertOptions& options_;
  WarningList& warnings_;
  ConvertReport& report_;
  std::int64_t time_ = 0;
  bool architecture_differs_ = false;  ///< of the programs, from the one that the image says
  std::vector<SmallObject> objects_;
};

}  // namespace sifkit
