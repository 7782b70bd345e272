// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include <sifkit/core/resources.h>

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

RegistryCredentials find_credentials(const RegistryName&, const RegistryOptions& options, const OperationContext&) {
  if (options.credentials) return *options.credentials;
  return of_environment();
}

net::HttpOptions http_options(const std::string&, const RegistryOptions&) { return {}; }

}  // namespace sifkit::oci
