// SPDX-License-Identifier: Apache-2.0
#include "blob_download.h"

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
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

namespace {

/// A file whose size and digest were right a moment ago. `read` throws integrity in place of its last bytes when they
/// are not any more.
class HashedFile : public Source {
 public:
  HashedFile(const std::shared_ptr<const File>& file, const BlobRequest& request)
      : name_(file->name()), source_(file, 0, request.size), left_(request.size), digest_(request.digest),
        hasher_(request.digest.algorithm()) {}

  std::size_t read(std::span<std::byte> into) override {
    if (left_ == 0 || into.empty()) return 0;
    const auto got = source_.read(into);
    hasher_.update(ByteView(into).first(got));
    left_ -= got;
    if (got != 0 && left_ != 0) return got;
    if (left_ != 0 || hasher_.finish() != digest_)
      throw Error(ErrorKind::integrity, fmt::format("{} has changed while it was read", in_quotes(name_)));
    return got;
  }

 private:
  std::string name_;
  FileSource source_;
  std::uint64_t left_;
  Digest digest_;
  Hasher hasher_;
};

std::unique_ptr<Source> read_kept(const std::shared_ptr<const File>& kept, const BlobRequest& request) {
  if (others_may_write(*kept)) return std::make_unique<HashedFile>(kept, request);
  return std::make_unique<FileSource>(kept);
}

}  // namespace

std::unique_ptr<Source> open_blob(Cache& cache, const std::shared_ptr<RegistryClient>& client, BlobRequest request) {
  if (const auto kept = cache.find(request.digest, request.size)) return read_kept(kept, request);
  const auto digest = request.digest;
  const auto size = request.size;
  return cache.keep(std::make_unique<BlobDownload>(client, std::move(request)), digest, size);
}

}  // namespace sifkit::oci
