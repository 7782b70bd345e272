// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/source.h>

namespace sifkit::oci {

/// An image of a registry. What is given outlives the source.
std::unique_ptr<OpenedSource> open_registry(const Reference& reference, const SourceOptions& options,
                                            WarningList& warnings);

}  // namespace sifkit::oci
