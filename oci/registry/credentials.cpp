// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/resources.h>

#include "../text_file.h"
#include "auth_file.h"

namespace sifkit::oci {

namespace {

/// SIFKIT_DOCKER_USERNAME and _PASSWORD, then Apptainer's and SingularityCE's.
RegistryCredentials of_environment() {
  for (const std::string program : {"SIFKIT", "APPTAINER", "SINGULARITY"}) {
    const auto user = program + "_DOCKER_USERNAME";
    RegistryCredentials out;
    out.user = environment_variable(user.c_str());
    out.password = environment_variable((program + "_DOCKER_PASSWORD").c_str());
    if (out.user.empty() || out.password.empty()) continue;
    out.origin = user;
    return out;
  }
  return {};
}

}  // namespace

RegistryCredentials find_credentials(const RegistryName& name, const RegistryOptions& options,
                                     const OperationContext& operation) {
  if (options.credentials) return *options.credentials;
  if (!options.credentials_of_files_only) {
    if (auto out = of_environment(); !out.empty()) return out;
  }
  std::vector<std::filesystem::path> files{options.auth_file};
  if (options.auth_file.empty()) {
    if (const auto text = environment_variable("DOCKER_AUTH_CONFIG"); !text.empty()) {
      if (auto out = credentials_in(text, "DOCKER_AUTH_CONFIG", name, operation)) return *out;
    }
    files = usual_auth_files();
    if (const auto file = environment_variable("REGISTRY_AUTH_FILE"); !file.empty()) files.insert(files.begin(), file);
  }
  for (const auto& file : files) {
    const auto text = read_text_file(file);
    if (!text && file == options.auth_file)
      throw Error(ErrorKind::not_found, fmt::format("credentials: {} is not there", in_quotes(file.native())));
    if (!text) continue;
    if (auto out = credentials_in(*text, in_quotes(file.native()), name, operation)) {
      operation.logger->write(LogLevel::debug, fmt::format("{}: credentials from {}", name.host, out->origin));
      return *out;
    }
  }
  return {};
}

}  // namespace sifkit::oci
