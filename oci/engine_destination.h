// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// An image of a daemon (`docker-daemon:`), which is sent as an archive that is made while it goes.
std::unique_ptr<ImageDestination> open_engine_destination(const Target& target, const DestinationOptions& options);

}  // namespace sifkit::oci
