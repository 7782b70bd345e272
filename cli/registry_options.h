// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include <sifkit/oci/registry.h>

#include "commands.h"

namespace sifkit::cli {

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
};

void add_registry_options(CLI::App& verb, RegistryArguments& arguments);

/// The user's cache: SIFKIT_CACHEDIR; else the directory "sifkit" in APPTAINER_CACHEDIR, SINGULARITY_CACHEDIR,
/// XDG_CACHE_HOME or ~/.cache; that of the site (SIFKIT_SHARED_CACHE), the size (SIFKIT_CACHE_SIZE). Nothing where it is
/// `disabled`. Throws usage for a size that is none.
oci::CacheOptions cache_options(bool disabled);

/// A password that is not there is asked for on the terminal.
oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session);

}  // namespace sifkit::cli
