// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/oci/image.h>

namespace sifkit {

struct PullOptions : oci::SourceOptions {
  std::filesystem::path target;     ///< the file; empty: the name that the image gives it
  std::filesystem::path directory;  ///< that a relative target is in
  Overwrite overwrite = Overwrite::no;
  std::optional<Digest> digest;  ///< that a SIF file must have
  bool verified = false;         ///< by keys that are trusted, or it gets no name; of SIF files
};

struct PullReport {
  std::filesystem::path target;
  std::uint64_t bytes = 0;
  Digest digest;
};

/// Fetches an image as a SIF file: the layers of a `docker://` are converted; the file that an `oras://` or a URL stands
/// for is taken as it is and checked. The target appears whole or not at all. Throws Error.
SIFKIT_API PullReport pull_image(const std::string& uri, const PullOptions& options, WarningList& warnings);

}  // namespace sifkit
