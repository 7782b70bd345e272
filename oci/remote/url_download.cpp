// SPDX-License-Identifier: Apache-2.0
#include "url_download.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/net/url.h>

#include "../registry/http_options.h"
#include "../registry/registry_client.h"

namespace sifkit::oci {

net::HttpClient client_of_url(const std::string& url, std::string name, const SourceOptions& options) {
  const auto parsed = *net::Url::parse(url);
  auto http = http_options(parsed.host + (parsed.port.empty() ? "" : ":" + parsed.port), options.registry);
  http.name = std::move(name);
  http.connections = std::make_shared<net::HttpConnections>();
  http.redirects = RegistryClient::kRedirects;
  http.silence_timeout = options.service_timeout;
  http.hints.silent = {Advice::service_timeout, {}, "it may be busy"};
  return net::HttpClient(http, options.operation);
}

UrlDownload::UrlDownload(UrlRequest request, net::HttpClient client, std::string name, const SourceOptions& options)
    : ResumedDownload(Backoff(options.registry, options.operation), name, "", request.size, request.digest),
      request_(std::move(request)),
      client_(std::move(client)),
      name_(std::move(name)) {}

std::optional<std::uint64_t> UrlDownload::begin() {
  open();
  return size();
}

net::HttpResponse UrlDownload::ask(std::optional<std::uint64_t> from) {
  net::HttpRequest request{.url = request_.url, .headers = {{"Accept-Encoding", "identity"}}};
  if (!request_.authorization.empty()) request.headers.emplace_back("Authorization", request_.authorization);
  if (offset() != 0 && etag_.empty() && modified_.empty() && !request_.digest) {
    throw Error(ErrorKind::network,
                fmt::format("{}: it broke off after {} bytes, and its server names no version of it to go on with",
                            name_, offset()),
                "fetch it again; with its digest it can be resumed");
  }
  // A weak tag may stand for other bytes (RFC 9110, section 13.1.5).
  const auto& version = etag_.empty() || etag_.starts_with("W/") ? modified_ : etag_;
  if (from && (request_.digest || !version.empty())) {
    request.headers.emplace_back("Range", fmt::format("bytes={}-", *from));
    if (!version.empty()) request.headers.emplace_back("If-Range", version);
  }
  return send_patiently(client_, request, backoff(), known_);
}

void UrlDownload::check_version(const net::HttpResponse& response) {
  const std::string etag(response.header("etag").value_or(""));
  const std::string modified(response.header("last-modified").value_or(""));
  if (!std::exchange(begun_, true)) {
    etag_ = etag;
    modified_ = modified;
    return;
  }
  if (request_.digest || (etag == etag_ && modified == modified_)) return;
  throw Error(ErrorKind::integrity, fmt::format("{}: the file has changed while it was fetched", name_),
              "fetch it again");
}

}  // namespace sifkit::oci
