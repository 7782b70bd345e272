// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

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
};

/// The names of the options come back, for the help's groups.
std::vector<std::string> add_registry_options(CLI::App& verb, RegistryArguments& arguments);

/// A password that is not there is asked for on the terminal.
oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session);

}  // namespace sifkit::cli
