// SPDX-License-Identifier: Apache-2.0
#include "authorities.h"

#include <cstdlib>
#include <span>

#include <unistd.h>

#include <fmt/format.h>

namespace sifkit::net {

namespace {

constexpr const char* kFiles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL from 7 on
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
};
constexpr const char* kDirectories[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};

std::string named_or_first(const char* variable, std::span<const char* const> places) {
  const char* const named = std::getenv(variable);
  if (named != nullptr && *named != '\0') return named;
  for (const char* place : places) {
    if (::access(place, R_OK) == 0) return place;
  }
  return {};
}

}  // namespace

Authorities system_authorities() {
  return {named_or_first("SSL_CERT_FILE", kFiles), named_or_first("SSL_CERT_DIR", kDirectories)};
}

std::string authorities_hint() {
  return fmt::format("this system has no certificates of authorities at {}; SSL_CERT_FILE names a file of them",
                     fmt::join(kFiles, ", "));
}

}  // namespace sifkit::net
