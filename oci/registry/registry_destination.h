// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// An image of a registry (`docker://`).
std::unique_ptr<ImageDestination> open_registry_destination(const Target& target, const DestinationOptions& options);

}  // namespace sifkit::oci
