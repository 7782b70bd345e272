// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
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
  std::optional<Manifest> manifest;
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
  std::optional<Manifest> manifest() const override { return parts_.manifest; }
  std::uint64_t compressed_bytes() const override;

 private:
  std::shared_ptr<FileSet> files_;
  StoredParts parts_;
  std::mutex opening_;
};

/// One of the images a source holds: what choosing among them needs.
struct Candidate {
  ImageSummary summary;
  std::optional<Descriptor> top;     ///< the entry of the top index that led here
  unsigned depth = 0;                ///< indexes above the one that lists it
  std::optional<unsigned> index;     ///< number of the index that lists it; absent: none does
  bool platform_stated = false;      ///< by an index; the configuration states one in any case
  std::optional<Error> problem;      ///< why it cannot be opened, where the summary's state is not complete
  /// Reads its documents once more, for itself alone: its warnings are said and its bounds start anew, so that nothing
  /// depends on the images beside it. What it finds goes into a candidate, a problem with blobs that are absent
  /// included. The files and limits that it was read with outlive it.
  std::function<StoredParts(Candidate&, WarningList&)> load;

  /// Says why it cannot be converted. An error that is no image's own is thrown on.
  void set_problem(Error error, bool absent = false);
};

/// Those that a selector names, for whatever platform, to be listed; all where it is empty. Throws not_found with what
/// is there.
std::vector<ImageSummary> summaries_of(std::vector<Candidate> candidates, const std::string& selector,
                                       const std::string& where);

/// The one candidate that a selector (`@N`, tag, ID prefix, digest; may be empty) and a platform choose. Throws
/// not_found with what is there, usage where several are left, and the problem of one that has one. `where` names the
/// source.
Candidate& choose(std::vector<Candidate>& candidates, const std::string& selector,
                  const std::optional<Platform>& platform, const std::string& where, WarningList& warnings);

/// What an index lists at its top that a selector chooses, with all that it leads to. Throws as `choose`.
const Descriptor& choose_top(std::vector<Candidate>& candidates, const std::string& selector, const std::string& where);

/// The image that was chosen.
std::unique_ptr<Image> open_candidate(std::shared_ptr<FileSet> files, const Candidate& chosen, WarningList& warnings);

/// Parses a configuration and notes in the summary what it says of itself, as far as that can be read, before it
/// throws.
ImageConfig read_config(std::string_view json, ImageSummary& summary, const Limits& limits, WarningList& warnings);

/// Notes in the summary how many layers a manifest lists, and throws malformed where the configuration has another number
/// of diff_ids.
void expect_layers(const JsonView& list, const ImageConfig& config, ImageSummary& summary);

/// The strings of a list, whatever else is in it: what is broken is listed under its names, too.
std::vector<std::string> texts_of(const JsonView& list);

/// Whether a candidate can run where `wanted` is asked for.
bool matches(const Platform& candidate, const Platform& wanted);

}  // namespace sifkit::oci
