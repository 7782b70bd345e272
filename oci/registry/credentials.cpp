// SPDX-License-Identifier: Apache-2.0
#include "credentials.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/resources.h>

#include "auth_file.h"

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kMaxCertificateBytes = std::uint64_t{1} << 20;

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

/// Certificates for a host, as podman and Docker keep them: *.crt are authorities beside the system's, X.cert and X.key
/// the client's. The first directory that is there counts alone.
void add_certificates(const std::string& host, net::TlsOptions& tls) {
  for (const auto& above :
       {home_directory() / ".config/containers/certs.d", std::filesystem::path("/etc/containers/certs.d"),
        std::filesystem::path("/etc/docker/certs.d")}) {
    std::error_code error;
    std::filesystem::directory_iterator entries(above / host, error);
    if (error) continue;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : entries) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      auto other = file;
      if (file.extension() == ".crt") {
        const auto source = open_source(file);
        tls.more_authorities += std::string(as_text(read_all(*source, kMaxCertificateBytes, file.native()))) + "\n";
      } else if (file.extension() == ".cert") {
        tls.certificate = file;
        tls.key = other.replace_extension(".key");
      } else if (file.extension() == ".key") {
        other.replace_extension(".cert");
      }
      if (other != file && !std::filesystem::exists(other, error)) {
        throw Error(ErrorKind::not_found, fmt::format("{} is not there, which belongs to {}", in_quotes(other.native()),
                                                      in_quotes(file.native())));
      }
    }
    return;
  }
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
    const auto text = read_auth_file(file);
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

net::HttpOptions http_options(const std::string& host, const RegistryOptions& options) {
  net::HttpOptions out;
  if (!options.plain_http) add_certificates(host, out.tls);
  out.tls.verified = !options.unverified_tls;
  return out;
}

}  // namespace sifkit::oci
