// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/net/http_client.h>
#include <sifkit/oci/image.h>

#include "challenge.h"
#include "registry_name.h"

namespace sifkit::oci {

/// Shows a registry who is asking, in the way that it asks for (distribution-spec, "Token Authentication"): nothing is
/// sent before that. May be used from several threads.
class RegistryAuth {
 public:
  /// `actions` is what is to be done in the repository: "pull", "pull,push".
  RegistryAuth(const RegistryName& name, std::string base_url, std::string actions, const SourceOptions& options,
               std::shared_ptr<net::HttpConnections> connections);

  /// The Authorization header for the next request; empty for none.
  std::string header();

  /// Something else that is to be done: "repository:app:pull". Before the first request.
  void add_scope(std::string scope) { scopes_.push_back(std::move(scope)); }

  /// Takes the challenges of a 401 that came although `sent` was the header; whether to ask again with a new one.
  /// `round` counts those of one request. Throws denied where the token service refuses, where challenges do not end,
  /// and as HttpClient.
  bool answer(const net::HttpResponse& refused, const std::string& sent, unsigned round);

  /// Where the credentials are from, for a message; empty where there are none.
  std::string origin_of_credentials();

  /// A server's words for a message, without a header or credentials that were sent.
  std::string without_secrets(std::string text) const;

 private:
  using Clock = std::chrono::steady_clock;

  const RegistryCredentials& credentials();
  std::string blanked(std::string text) const;
  void fetch_token(const Challenge& challenge);
  void check_realm(const std::string& realm) const;
  net::HttpRequest token_request(const Challenge& challenge, bool exchange);
  net::HttpResponse ask_token_service(const net::HttpRequest& request, const std::string& realm);

  const RegistryName name_;
  const std::string base_url_;
  const RegistryOptions options_;
  const std::chrono::seconds silence_timeout_;
  const OperationContext operation_;
  const std::shared_ptr<net::HttpConnections> connections_;

  mutable std::mutex mutex_;
  std::vector<std::string> scopes_;
  std::optional<RegistryCredentials> credentials_;
  std::optional<Challenge> bearer_;  ///< that was answered
  std::string header_;
  Clock::time_point expires_ = Clock::time_point::max();
  std::atomic<bool> known_ = false;  ///< the token service has answered
};

/// A server's words for a message, without what was sent to it in secret: some repeat it.
std::string without_secrets(std::string text, const std::vector<std::string>& secrets);

/// What a registry or its token service says of an error, in its own words: from JSON where it is that.
std::string message_of_registry(std::string_view body);

}  // namespace sifkit::oci
