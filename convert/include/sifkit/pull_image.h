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

namespace sifkit::trust {
class TrustedKeys;
class VerifyPolicy;
}  // namespace sifkit::trust

namespace sifkit {

struct PullOptions : oci::SourceOptions {
  std::filesystem::path target;     ///< the file; empty: the name that the image gives it
  std::filesystem::path directory;  ///< that a relative target is in
  Overwrite overwrite = Overwrite::no;
  std::optional<Digest> digest;  ///< that a SIF file must have
  bool verified = false;         ///< by keys that are trusted, or it gets no name; of SIF files
  const trust::TrustedKeys* keys = nullptr;     ///< those that are trusted: nullptr, those of the user and the site
  const trust::VerifyPolicy* policy = nullptr;  ///< asked, where it is verified, by the place that the file is to have
};

struct PullReport {
  std::filesystem::path target;
  std::uint64_t bytes = 0;
  Digest digest;
  std::optional<Digest> manifest_digest;  ///< of an image of layers: what `docker://NAME@DIGEST` names
};

/// Fetches an image as a SIF file: the layers of a `docker://` are converted; the file that an `oras://` or a URL stands
/// for is taken as it is and checked. The target appears whole or not at all. Warns of what is for another machine where
/// no platform is asked for. What the options point to outlives the call. Throws Error.
SIFKIT_API PullReport pull_image(const std::string& uri, const PullOptions& options, WarningList& warnings);

}  // namespace sifkit
