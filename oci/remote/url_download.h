// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include <sifkit/net/http_client.h>
#include <sifkit/oci/image.h>

#include "../registry/resumed_download.h"

namespace sifkit::oci {

/// A client for the host of a URL that is no registry's, as registries are asked. `name` is for messages.
net::HttpClient client_of_url(const std::string& url, std::string name, const SourceOptions& options);

struct UrlRequest {
  std::string url;
  std::string authorization;                         ///< header for the URL's own host; empty: none
  std::optional<std::uint64_t> size;                 ///< where it is known before
  std::optional<Digest> digest;                      ///< where it is known before
  std::function<Error(net::HttpResponse&)> failure;  ///< what an answer without the bytes comes to
};

/// The file of a URL. It is asked for again where it breaks off, if its server states a version of it or its digest is
/// known: pieces of two files never make one.
class UrlDownload : public ResumedDownload {
 public:
  /// The client is copied.
  UrlDownload(UrlRequest request, net::HttpClient client, std::string name, const SourceOptions& options);

  /// Asks for it, so that its size is known if the server states one.
  std::optional<std::uint64_t> begin();

 private:
  net::HttpResponse ask(std::optional<std::uint64_t> from) override;
  void check_version(const net::HttpResponse& response) override;
  Error failure(net::HttpResponse& response) override { return request_.failure(response); }

  const UrlRequest request_;
  const net::HttpClient client_;
  const std::string name_;
  std::atomic<bool> known_ = false;
  bool begun_ = false;
  std::string etag_;
  std::string modified_;
};

}  // namespace sifkit::oci
