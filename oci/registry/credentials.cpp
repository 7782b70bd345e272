// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/resources.h>

#include "../text_file.h"
#include "auth_file.h"

namespace sifkit::oci {

std::string CredentialPlace::name() const { return variable.empty() ? in_quotes(file.native()) : variable; }

std::optional<std::string> CredentialPlace::text() const {
  return variable.empty() ? read_text_file(file) : environment_variable(variable.c_str());
}

std::vector<CredentialPlace> credential_places(const std::filesystem::path& auth_file) {
  if (!auth_file.empty()) return {{auth_file, {}}};
  std::vector<CredentialPlace> out;
  static constexpr const char* kText = "DOCKER_AUTH_CONFIG";
  if (!environment_variable(kText).empty()) out.push_back({{}, kText});
  if (const auto file = environment_variable("REGISTRY_AUTH_FILE"); !file.empty()) out.push_back({file, {}});
  for (auto& file : usual_auth_files()) out.push_back({std::move(file), {}});
  return out;
}

/// SIFKIT_DOCKER_USERNAME and _PASSWORD, then Apptainer's and SingularityCE's.
RegistryCredentials credentials_of_environment() {
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

RegistryCredentials find_credentials(const RegistryName& name, const RegistryOptions& options,
                                     const OperationContext& operation) {
  if (options.credentials) return *options.credentials;
  if (!options.credentials_of_files_only) {
    if (auto out = credentials_of_environment(); !out.empty()) return out;
  }
  for (const auto& place : credential_places(options.auth_file)) {
    const auto text = place.text();
    if (!text && !options.auth_file.empty())
      throw Error(ErrorKind::not_found, fmt::format("credentials: {} is not there", place.name()));
    if (!text) continue;
    if (auto out = credentials_in(*text, place.name(), name, operation)) {
      operation.logger->write(LogLevel::debug, fmt::format("{}: credentials from {}", name.host, out->origin));
      return *out;
    }
  }
  return {};
}

}  // namespace sifkit::oci
