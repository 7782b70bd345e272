// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// An OCI layout (image-spec image-layout.md) in a directory. A new one appears whole; to one that is there blobs are
/// added, and then its index.json is replaced.
std::unique_ptr<ImageDestination> open_layout_destination(const Target& target, const DestinationOptions& options);

/// A new one in a tar archive.
std::unique_ptr<ImageDestination> open_layout_archive_destination(const Target& target,
                                                                  const DestinationOptions& options);

}  // namespace sifkit::oci
