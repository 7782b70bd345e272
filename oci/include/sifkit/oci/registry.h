// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include <sifkit/oci/cache.h>

namespace sifkit::oci {

/// A user's name and password, or what stands in for them. None of it but the user's name is ever part of a message.
struct RegistryCredentials {
  std::string user;
  std::string password;
  std::string identity_token;  ///< a refresh token: it is exchanged for others
  std::string registry_token;  ///< what is sent as it is
  std::string origin;          ///< where they are from, for messages

  bool empty() const noexcept {
    return user.empty() && password.empty() && identity_token.empty() && registry_token.empty();
  }
};

/// How registries are asked.
struct RegistryOptions {
  std::optional<RegistryCredentials> credentials;  ///< in place of those that files and the environment have
  bool credentials_of_files_only = false;          ///< the environment's are for another host
  std::filesystem::path auth_file;                 ///< in place of those files
  bool plain_http = false;                         ///< HTTP without TLS
  std::string library;                             ///< of names without a host; empty: library_of_environment()
  bool unverified_tls = false;                     ///< any certificate will do
  unsigned retries = 5;                            ///< of what may heal, without progress in between
  std::chrono::milliseconds retry_delay{500};      ///< before the first; doubled each time, up to a minute
  CacheOptions cache;                              ///< of layers, configurations and SIF files
  static constexpr unsigned kMaxConnections = 64;  ///< that a user may ask for
  unsigned connections = 4;                        ///< layers that are transferred at once, from 1
};

}  // namespace sifkit::oci
