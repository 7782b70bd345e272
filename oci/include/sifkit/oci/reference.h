// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit::oci {

enum class Transport : std::uint8_t {
  docker_archive,
  oci_archive,
  oci_layout,
  docker,  ///< an image of a registry
  oras,    ///< a SIF file of a registry
  library,  ///< a SIF file of a library
  docker_daemon,
  podman,           ///< podman's service, which speaks the Docker Engine API
  docker_container,
  tar,        ///< a flat root file system
  directory,  ///< a root file system on disk
  sif,
  squashfs,
  standard_input,
  automatic,  ///< a bare path: content decides
};

/// A source expression: `docker://alpine:3`, `oras://host/app:1`, `docker-archive:x.tar:app:1`, `oci://dir@sha256:…`, `docker-daemon:app`, `-`, `x.tar`, …
struct Reference {
  Transport transport = Transport::automatic;
  std::string location;  ///< path ("-" is standard input), or the name of a registry's or daemon's image or of a container
  std::string selector;  ///< tag, `@N`, ID prefix or digest after the location; empty: no choice made
  std::string text;      ///< as given

  /// `x:rest` and `x://rest` are the same. A path that exists as it is written is never cut at a colon.
  /// Throws usage, with the list of transports for one that is unknown.
  SIFKIT_API static Reference parse(std::string_view text);

  /// The transport's word and what followed it, as a definition file's header states them.
  SIFKIT_API std::string bootstrap() const;
  SIFKIT_API std::string from() const;
  /// The registry that is asked for it, as its credentials are called: "host:5000", "docker.io" for Docker's however it is
  /// named. Empty where none is. Throws usage for what is no name of an image there.
  SIFKIT_API std::string registry_host() const;
};

SIFKIT_API std::string_view to_string(Transport transport) noexcept;

/// Whether a text can only be meant as a source, of ours or of another program, and not as the path of a file.
SIFKIT_API bool names_source(std::string_view text);

/// Whether a service is asked, and the location is a name there, not a path.
constexpr bool is_service(Transport transport) noexcept {
  return transport == Transport::docker || transport == Transport::oras || transport == Transport::library ||
         transport == Transport::docker_daemon || transport == Transport::podman || transport == Transport::docker_container;
}

}  // namespace sifkit::oci
