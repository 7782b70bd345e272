// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// An image of a daemon, streamed out of it.
std::unique_ptr<Image> open_daemon_image(const Reference& reference, const SourceOptions& options, WarningList& warnings);

/// A container's file system as it is, with the configuration it runs with.
std::unique_ptr<Image> open_container(const Reference& reference, const SourceOptions& options, WarningList& warnings);

/// The image a name stands for; all images when the location is empty.
std::vector<ImageSummary> list_daemon_images(const Reference& reference, const SourceOptions& options);

}  // namespace sifkit::oci
