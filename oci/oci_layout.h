// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sifkit/oci/image_set.h>

#include "blob_store.h"
#include "stored_image.h"

namespace sifkit::oci {

inline constexpr std::string_view kIndexFile = "index.json";
inline constexpr std::string_view kLayoutFile = "oci-layout";

/// A descriptor of a document.
Descriptor parse_descriptor(const JsonView& view);

/// Whether a document is an index, not a manifest, by the type that its descriptor states, which may be none, and by its
/// members. Throws unsupported and malformed for what is neither or both.
bool is_index(const JsonView& view, const std::string& stated, std::string_view where);

/// The images of an OCI layout (image-spec image-layout.md): every manifest that index.json leads to, in its order.
/// Attestations are passed over. `strict_layout` asks for a sound oci-layout file.
std::vector<Candidate> read_oci_layout(FileSet& files, bool strict_layout, const Limits& limits, WarningList& warnings);

/// What index.json lists and `selector` chooses, with all that it leads to.
std::unique_ptr<ImageSet> open_layout_set(const std::shared_ptr<FileSet>& files, const std::string& selector,
                                          const Limits& limits);

/// What `podman save --format docker-dir` and skopeo's `dir:` write: manifest.json is the image's manifest or an index,
/// the other files are named by their digests.
std::vector<Candidate> read_skopeo_dir(FileSet& files, const Limits& limits, WarningList& warnings);

/// The images behind one manifest or index, whose text `descriptor` describes. With `only`, an entry for which an index
/// states another platform is listed, but not read.
std::vector<Candidate> read_manifest(std::shared_ptr<BlobStore> blobs, std::string_view text,
                                     const Descriptor& descriptor, const std::optional<Platform>& only,
                                     const Limits& limits, WarningList& warnings);

}  // namespace sifkit::oci
