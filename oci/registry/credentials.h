// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/operation.h>
#include <sifkit/oci/registry.h>

#include "registry_name.h"

namespace sifkit::oci {

/// What is known for an image's registry: that of the options, else of the environment, else of the files that
/// Apptainer, Docker and podman keep. Empty where there is nothing.
RegistryCredentials find_credentials(const RegistryName& name, const RegistryOptions& options,
                                     const OperationContext& operation);

}  // namespace sifkit::oci
