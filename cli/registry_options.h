// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <sifkit/oci/registry.h>
#include <sifkit/oci/registry_settings.h>

#include "commands.h"

namespace sifkit::cli {

/// What one of the two registries of a copy has of its own, in place of what is given for both.
struct SideArguments {
  std::string credentials;
  std::string auth_file;
  bool plain_http = false;

  bool any() const { return has_credentials() || plain_http; }
  bool has_credentials() const { return !credentials.empty() || !auth_file.empty(); }
};

/// Options of every verb that asks a registry.
struct RegistryArguments {
  std::string credentials;
  std::string auth_file;
  bool plain_http = false;
  unsigned retries = 5;
  unsigned retry_delay = 500;  ///< milliseconds
  unsigned connections = 4;
  bool no_cache = false;
  std::string library;
  SideArguments source;                    ///< of verbs that copy
  SideArguments target;
  mutable std::string host_of_credentials;  ///< of `expect_one_registry`
};

void add_registry_options(CLI::App& verb, RegistryArguments& arguments);

/// `--src-creds`, `--dest-creds` and the like, of verbs that may ask two registries.
void add_side_options(CLI::App& verb, RegistryArguments& arguments);

using oci::cache_options;

/// For what is read. A password that is not there is asked for on the terminal.
oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session);

/// For the target of a copy whose source is asked as `source` says.
oci::RegistryOptions target_registry_options(const RegistryArguments& arguments, const oci::RegistryOptions& source,
                                             const Session& session);

/// For a verb that reads several images: throws usage where --creds, or credentials of the environment, are to go to
/// another host than they have gone to. What asks no registry (an empty host) does not count.
void expect_one_registry(const RegistryArguments& arguments, const std::string& host);

/// The same for the hosts of a copy, which may have credentials of their own.
void expect_one_registry(const RegistryArguments& arguments, const std::string& source, const std::string& target);

/// Throws usage where something is said of the registry of a target, and `output` is in none.
void refuse_target_options(const RegistryArguments& arguments, const std::string& output);

}  // namespace sifkit::cli
