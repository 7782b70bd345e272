// SPDX-License-Identifier: Apache-2.0
#include "blob_download.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/net/url.h>

namespace sifkit::oci {

BlobDownload::BlobDownload(std::shared_ptr<RegistryClient> client, BlobRequest request)
    : ResumedDownload(client->new_backoff(), client->name().host, request.digest.text(), request.size,
                      request.digest),
      client_(std::move(client)),
      request_(std::move(request)) {}

net::HttpResponse BlobDownload::ask(std::optional<std::uint64_t> from) {
  net::HttpRequest request;
  if (from) request.headers.emplace_back("Range", fmt::format("bytes={}-", *from));
  // Always the registry's own URL: those that it leads to are good for minutes.
  const bool elsewhere = place_ != 0;
  request.url = elsewhere ? request_.urls[place_ - 1] : "/blobs/" + request_.digest.text();
  return client_->send(std::move(request), backoff(), elsewhere);
}

bool BlobDownload::ask_elsewhere(int status) {
  return offset() == 0 && (status == 404 || place_ != 0) && next_place();
}

bool BlobDownload::next_place() {
  const auto registry = net::Url::parse(client_->base_url());
  while (place_ < request_.urls.size()) {
    const auto url = net::Url::parse(request_.urls[place_++]);
    const bool secure = url && (url->scheme == "https" || registry->scheme == "http");
    // A manifest must not have its readers ask what only they can reach.
    if (secure && url->user.empty() && (!url->is_local() || registry->is_local())) return true;
  }
  return false;
}

std::unique_ptr<Source> open_blob(Cache& cache, const std::shared_ptr<RegistryClient>& client, BlobRequest request) {
  if (const auto kept = cache.find(request.digest, request.size)) return std::make_unique<FileSource>(kept);
  const auto digest = request.digest;
  const auto size = request.size;
  return cache.keep(std::make_unique<BlobDownload>(client, std::move(request)), digest, size);
}

}  // namespace sifkit::oci
