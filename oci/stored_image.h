// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/oci/image.h>

#include "file_set.h"

namespace sifkit::oci {

/// Where the parts of one image lie in a set of files, as its documents say. Nothing of the layers is read yet.
struct StoredParts {
  ImageConfig config;
  std::vector<Layer> layers;              ///< oldest first
  std::vector<std::string> layer_names;   ///< in the set
  std::optional<Digest> manifest_digest;
  std::optional<Digest> config_digest;
  std::vector<std::string> tags;
};

/// An image whose layers are files of a set.
class StoredImage : public Image {
 public:
  StoredImage(std::shared_ptr<FileSet> files, StoredParts parts);

  const ImageConfig& config() const override { return parts_.config; }
  const std::vector<Layer>& layers() const override { return parts_.layers; }
  std::unique_ptr<Source> open_layer(std::size_t index) override;
  std::optional<Digest> manifest_digest() const override { return parts_.manifest_digest; }
  std::optional<Digest> config_digest() const override { return parts_.config_digest; }
  std::vector<std::string> tags() const override { return parts_.tags; }
  std::uint64_t stored_bytes() const override;

 private:
  std::shared_ptr<FileSet> files_;
  StoredParts parts_;
};

/// One of the images a source holds, with what choosing among them needs.
struct Candidate {
  ImageSummary summary;
  std::optional<Digest> top_digest;  ///< of the entry in the top index that led here
  StoredParts parts;
  bool platform_stated = false;  ///< by an index; the configuration states one in any case
  std::optional<Error> problem;  ///< why it cannot be opened, where summary.complete is false
};

/// The one candidate that a selector (`@N`, tag, ID prefix, digest; may be empty) and a platform choose. Throws
/// not_found with what is there, usage where several are left. `where` names the source.
Candidate& choose(std::vector<Candidate>& candidates, const std::string& selector, const std::optional<Platform>& platform,
                  const std::string& where);

/// Whether a candidate can run where `wanted` is asked for.
bool matches(const Platform& candidate, const Platform& wanted);

}  // namespace sifkit::oci
