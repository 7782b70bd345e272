// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <sifkit/core/export.h>
#include <sifkit/core/hint.h>
#include <sifkit/oci/registry.h>

/// What users say of registries, in the environment and in options, wherever they say it.
namespace sifkit::oci {

/// The user's cache: SIFKIT_CACHEDIR; else the directory "sifkit" in APPTAINER_CACHEDIR, SINGULARITY_CACHEDIR,
/// XDG_CACHE_HOME or ~/.cache; that of the site (SIFKIT_SHARED_CACHE), the size (SIFKIT_CACHE_SIZE). Nothing where it
/// is `disabled`. Throws usage for a size that is none.
SIFKIT_API CacheOptions cache_options(bool disabled);

/// Whether the environment wants no cache: SIFKIT_DISABLE_CACHE, else Apptainer's or SingularityCE's.
SIFKIT_API bool is_cache_disabled();

/// Whether it wants registries to be asked without TLS (SIFKIT_NOHTTPS). Apptainer's variable of that kind is not read: it
/// tries TLS first. Throws usage for what is neither yes nor no.
SIFKIT_API bool is_tls_disabled();

/// SIFKIT_LIBRARY, else Apptainer's or SingularityCE's: the first that is set. Empty where none is.
SIFKIT_API std::string library_of_environment();

/// For who asks two registries in the same way: throws usage where credentials of the options or of the environment
/// would go to both, for they are one registry's. A host that is empty (Reference::registry_host) is none that is asked.
SIFKIT_API void expect_one_registry(const RegistryOptions& options, const std::string& first, const std::string& second,
                                    const Hint& hint);

/// What one of the two registries of a copy has of its own, in place of what is given for both.
struct OwnRegistry {
  std::optional<RegistryCredentials> credentials;
  std::filesystem::path auth_file;
  bool plain_http = false;

  bool any() const noexcept { return has_credentials() || plain_http; }
  bool has_credentials() const noexcept { return credentials || !auth_file.empty(); }
};

/// A side's own credentials are those alone; a file of its own, too, is meant in place of the environment's.
SIFKIT_API RegistryOptions with_own(RegistryOptions both, const OwnRegistry& own);

}  // namespace sifkit::oci
