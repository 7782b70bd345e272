// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/operation.h>
#include <sifkit/oci/registry.h>

#include "registry_name.h"

namespace sifkit::oci {

/// Docker's own name for its registry.
inline constexpr std::string_view kHubKey = "https://index.docker.io/v1/";

/// The key of an entry as a host or a path below one: "https://h/v1/" is "h".
std::string normalized_auth_key(std::string_view key);

/// What a document of credentials, as Docker and podman write it, has for an image: of the helper that it names for the
/// host, else of its own entries, the longest part of the image's name first. Nothing where it has none. `origin` names
/// the document. Throws malformed; no error holds any of the text.
std::optional<RegistryCredentials> credentials_in(std::string_view text, const std::string& origin,
                                                  const RegistryName& name, const OperationContext& operation);

/// The files that Apptainer, SingularityCE, Docker and podman keep, in this order; they need not be there.
std::vector<std::filesystem::path> usual_auth_files();

}  // namespace sifkit::oci
