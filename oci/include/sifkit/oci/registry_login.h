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

/// Looks whether credentials of a host can be kept there, before a user is asked for them: throws malformed for a file
/// that is none, not_found where the credential helper that it names is missing. The helper's name comes back; empty
/// where the file keeps them itself.
SIFKIT_API std::string expect_credential_store(const std::filesystem::path& file, const std::string& host);

/// Puts credentials into a file that Docker and podman read, for its owner alone, or has the credential helper that the
/// file names keep them; the rest of it stays as it is. The helper's name comes back; empty where there is none.
SIFKIT_API std::string store_credentials(const std::filesystem::path& file, const std::string& host,
                                         const RegistryCredentials& credentials,
                                         const OperationContext& operation = {});

/// Takes them out, of the helper, too; false where there were none.
SIFKIT_API bool remove_credentials(const std::filesystem::path& file, const std::string& host,
                                   const OperationContext& operation = {});

struct StoredLogin {
  std::string host;    ///< as the place has it; "*" for every registry
  std::string user;    ///< empty where a helper or a token has it
  std::string helper;  ///< whom the place leaves it to; empty: to nobody
  std::string place;   ///< the file, or the variable
};

/// What there is in all places that are asked for credentials, in that order; where a file is `given`, in that one
/// alone. No helper is asked, and no secret comes back.
SIFKIT_API std::vector<StoredLogin> list_credentials(const std::filesystem::path& given);

/// The place that is asked for a registry's credentials before `file` and has some, for a message; empty for none. A
/// helper that such a place names is asked.
SIFKIT_API std::string credentials_asked_before(const std::filesystem::path& file, const std::string& host,
                                                const OperationContext& operation);
/// The first place at all that has some, in the same way.
SIFKIT_API std::string credentials_left(const std::string& host, const OperationContext& operation);

}  // namespace sifkit::oci
