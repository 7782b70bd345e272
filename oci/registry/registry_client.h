// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>
#include <sifkit/net/http_client.h>
#include <sifkit/oci/image.h>

#include "backoff.h"
#include "registry_auth.h"
#include "registry_name.h"

namespace sifkit::oci {

/// A manifest or an index as a registry has sent it.
struct ManifestDocument {
  std::string text;
  std::string media_type;  ///< of the answer, where it says what the document is
  Digest digest;           ///< of the text
};

/// One repository of a registry (distribution-spec). What may heal is tried again; what the registry refuses is told in
/// its own words. May be used from several threads.
class RegistryClient {
 public:
  static constexpr unsigned kRedirects = 10;

  RegistryClient(const RegistryName& name, const SourceOptions& options, std::string actions = "pull");

  /// By tag or digest; by a digest it is verified. Throws not_found, denied, network, integrity, limit.
  ManifestDocument manifest(const std::string& reference);

  /// Reads from another repository of the registry, too. Before the first request.
  void also_pull(const std::string& repository) { auth_.add_scope("repository:" + repository + ":pull"); }

  /// Sends a request, a path of the repository ("/blobs/…") or a whole URL. Credentials go to the registry only, and
  /// nowhere with `elsewhere`.
  net::HttpResponse send(net::HttpRequest request, Backoff& backoff, bool elsewhere = false);
  net::HttpResponse send(net::HttpRequest request) {
    Backoff backoff = new_backoff();
    return send(std::move(request), backoff);
  }

  /// Throws where a registry has taken something under another digest than it was sent with.
  static void expect_digest(const net::HttpResponse& response, std::string_view what, const Digest& digest);
  /// What an answer that is none comes to.
  Error failure(net::HttpResponse& response);

  /// Sends a request once, whatever comes of it, but for a challenge that can be answered.
  net::HttpResponse send_once(net::HttpRequest request) {
    Backoff backoff = new_backoff();
    backoff.at_most(0);
    return send(std::move(request), backoff);
  }
  /// Tells a registry that an upload is not wanted, as far as that can be done within a second: after a stop, too.
  void abandon(const std::string& url) noexcept;
  /// Where the Location of an answer leads, to be asked next. Throws where that is not to be followed.
  std::string location(const net::HttpResponse& response) const;

  Backoff new_backoff() const { return {options_.registry, options_.operation}; }
  const SourceOptions& options() const noexcept { return options_; }
  const RegistryName& name() const noexcept { return name_; }
  /// "https://host/v2/repository"
  const std::string& base_url() const noexcept { return base_url_; }

 private:
  ManifestDocument fetch_manifest(const std::string& reference, Backoff& backoff);

  RegistryName name_;
  SourceOptions options_;
  std::string base_url_;
  const std::shared_ptr<net::HttpConnections> connections_;
  RegistryAuth auth_;
  net::HttpClient client_;
  std::atomic<bool> known_ = false;  ///< the registry has answered
};

}  // namespace sifkit::oci
