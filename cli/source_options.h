// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/oci/image.h>

#include "commands.h"

namespace sifkit::cli {

/// Options of every verb that reads an image.
struct SourceArguments {
  std::string platform;
  std::string architecture;
  std::string scratch;
  std::string host;
  unsigned service_timeout = 300;
  std::vector<std::string> limits;
};

void add_source_options(CLI::App& verb, SourceArguments& arguments);

/// Throws usage for a platform nobody knows.
oci::SourceOptions source_options(const SourceArguments& arguments, const Session& session);

}  // namespace sifkit::cli
