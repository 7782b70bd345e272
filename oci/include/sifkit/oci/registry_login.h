// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// "registry.example:5000" of that, of "docker://registry.example:5000" and of "https://…"; "docker.io" for Docker's
/// under any of its names. Throws usage for what is no host.
SIFKIT_API std::string registry_host(std::string_view text);

/// Asks a registry whether it takes the credentials of the options. Throws denied where it does not.
SIFKIT_API void check_registry_login(const std::string& host, const SourceOptions& options);

/// Where credentials are kept: `given`, else REGISTRY_AUTH_FILE, else Docker's config.json, which podman reads, too.
SIFKIT_API std::filesystem::path registry_auth_file(const std::filesystem::path& given);

/// Puts credentials into a file that Docker and podman read, for its owner alone; the rest of it stays as it is. Throws
/// unsupported where the file leaves that to a credential helper.
SIFKIT_API void store_credentials(const std::filesystem::path& file, const std::string& host,
                                  const RegistryCredentials& credentials);

/// Takes them out; false where there were none.
SIFKIT_API bool remove_credentials(const std::filesystem::path& file, const std::string& host);

struct StoredLogin {
  std::string host;  ///< as the file has it
  std::string user;  ///< empty where a helper or a token has it
};

/// What a file has, in its order; no secrets.
SIFKIT_API std::vector<StoredLogin> list_credentials(const std::filesystem::path& file);

}  // namespace sifkit::oci
