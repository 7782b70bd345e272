// SPDX-License-Identifier: Apache-2.0
#include "registry_places.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

namespace {

/// What the user has given is for the host that the user has named.
SourceOptions options_for(const RegistryPlace& place, const RegistryName& named, const SourceOptions& options) {
  auto out = options;
  if (place.name.host != named.host) {
    out.registry.credentials.reset();
    out.registry.credentials_of_files_only = true;
  }
  return out;
}

FoundManifest ask(const RegistryName& name, const SourceOptions& options) {
  FoundManifest out;
  out.client = std::make_shared<RegistryClient>(name, options);
  out.document = out.client->manifest(name.reference());
  return out;
}

FoundManifest ask(const RegistryPlace& place, SourceOptions options) {
  if (!place.insecure || options.registry.plain_http) return ask(place.name, options);
  options.registry.unverified_tls = true;
  try {
    return ask(place.name, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::network) throw;
  }
  options.registry.plain_http = true;
  return ask(place.name, options);
}

/// Whether anybody speaks TLS there, whatever the answer is.
bool speaks_tls(const RegistryName& name, const SourceOptions& options) {
  RegistryName host;
  host.host = name.host;
  RegistryClient client(host, options);
  try {
    client.send_once({.url = ""});
    return true;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return error.kind() != ErrorKind::network;
  }
}

}  // namespace

FoundManifest find_manifest(const RegistryName& name, const SourceOptions& options) {
  const auto places = RegistriesConf::load(*options.operation.logger).places(name);
  for (std::size_t i = 0;; ++i) {
    const auto& place = places[i];
    try {
      return ask(place, options_for(place, name, options));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled || i + 1 == places.size()) throw;
      options.operation.logger->write(LogLevel::info, fmt::format("{}: {}; asking {}", printable(place.name.host),
                                                                  error.message(), printable(places[i + 1].name.host)));
    }
  }
}

ReachedRegistry reach_registry(const RegistriesConf& configuration, const RegistryName& name,
                               const SourceOptions& options) {
  const auto place = configuration.places(name).back();
  ReachedRegistry out{place.name, options_for(place, name, options)};
  if (!place.insecure || out.options.registry.plain_http) return out;
  out.options.registry.unverified_tls = true;
  out.options.registry.plain_http = !speaks_tls(place.name, out.options);
  return out;
}

}  // namespace sifkit::oci
