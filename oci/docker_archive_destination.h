// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// `docker-archive:`, as `docker load` takes it.
std::unique_ptr<ImageDestination> open_docker_archive_destination(const Target& target,
                                                                  const DestinationOptions& options);

}  // namespace sifkit::oci
