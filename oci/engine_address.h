// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// Where a service listens, and how to talk to it there.
struct EngineAddress {
  std::string where;     ///< for messages
  std::string socket;    ///< path of a unix socket; empty: TCP
  std::string base_url;  ///< what requests' paths are put behind
  bool verified = true;  ///< false: the user's settings say not to check who answers
  std::filesystem::path certificates;  ///< with https: directory of ca.pem, cert.pem and key.pem, each of which may be absent

  bool secure() const { return base_url.starts_with("https:"); }
};

/// What the caller asks for, else what a user of the docker (podman) program has set: DOCKER_HOST with
/// DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH; DOCKER_CONTEXT or the context in use; the usual socket.
/// Throws unsupported for an address that is none, not_found for a context that is not there.
EngineAddress find_engine(Transport transport, const SourceOptions& options);

}  // namespace sifkit::oci
