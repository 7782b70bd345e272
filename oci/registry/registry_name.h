// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>

namespace sifkit::oci {

inline constexpr std::string_view kDockerHub = "docker.io";

/// An image of a registry as users name it: `alpine`, `host:5000/team/app:1`, `app@sha256:…`.
struct RegistryName {
  std::string host;        ///< as written, port included; "docker.io" for Docker's, however it is called
  std::string repository;  ///< "library/alpine"
  std::string tag;         ///< may be empty where there is a digest, which then counts alone
  std::optional<Digest> digest;

  /// Throws usage and says what is wrong. `source` is the whole text for the error.
  static RegistryName parse(std::string_view name, std::string_view source);

  /// "docker.io/library/alpine:latest", "h/app:1@sha256:…"
  std::string text() const;
  /// "docker.io/library/alpine"
  std::string without_reference() const { return host + "/" + repository; }
  /// What is asked for: the digest, else the tag.
  std::string reference() const { return digest ? digest->text() : tag; }
  /// Where it answers: docker.io is a name only.
  std::string address() const;
};

/// "docker.io" for every name of Docker's registry, else the host as it is.
std::string canonical_registry_host(std::string_view host);

}  // namespace sifkit::oci
