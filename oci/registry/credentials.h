// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/operation.h>
#include <sifkit/oci/registry.h>

#include "registry_name.h"

namespace sifkit::oci {

/// A place that is asked for credentials: a file, or a variable that holds the text of one.
struct CredentialPlace {
  std::filesystem::path file;
  std::string variable;  ///< in place of a file

  /// For messages.
  std::string name() const;
  /// Nothing where it is not there. Throws as `read_text_file`.
  std::optional<std::string> text() const;
};

/// In the order in which they are asked; `auth_file`, where it is given, is the only one.
std::vector<CredentialPlace> credential_places(const std::filesystem::path& auth_file);

/// What the environment has for every registry, which goes before all places; empty where it has nothing.
RegistryCredentials credentials_of_environment();

/// What is known for an image's registry: that of the options, else of the environment, else of the files that
/// Apptainer, Docker and podman keep. Empty where there is nothing.
RegistryCredentials find_credentials(const RegistryName& name, const RegistryOptions& options,
                                     const OperationContext& operation);

}  // namespace sifkit::oci
