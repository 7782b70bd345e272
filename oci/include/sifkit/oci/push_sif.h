// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// A SIF file that is to be pushed.
struct SifFile {
  std::shared_ptr<const File> file;
  std::string title;         ///< its name, without a directory
  std::string architecture;  ///< GOARCH word
  Annotations annotations;   ///< of its manifest
  bool is_signed = false;    ///< whether it holds signatures; says nothing of whose
};

struct PushReport {
  std::string name;               ///< of what was pushed: "docker.io/me/app:1"
  Digest digest;                  ///< that the name stands for
  std::vector<Digest> manifests;  ///< of the files, in the order given
  std::uint64_t bytes = 0;        ///< of the files
  std::uint64_t sent_bytes = 0;   ///< of them, those that the registry did not have
};

/// Puts SIF files into a registry under one name (`oras://`): a manifest, as Apptainer and SingularityCE write and read
/// it, or for several an index of those, an architecture each. Throws usage for two of one architecture, and as
/// registries are asked. `target` is the whole text for errors.
SIFKIT_API PushReport push_sif(std::string_view image, std::string_view target, const std::vector<SifFile>& files,
                               const SourceOptions& options);

}  // namespace sifkit::oci
