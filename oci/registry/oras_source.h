// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <sifkit/oci/source.h>

namespace sifkit::oci {

/// A SIF file of a registry (`oras://`), fetched into an unnamed scratch file.
std::unique_ptr<OpenedSource> open_oras_source(const Reference& reference, const SourceOptions& options);

}  // namespace sifkit::oci
