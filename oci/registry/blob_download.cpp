// SPDX-License-Identifier: Apache-2.0
#include "blob_download.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

namespace sifkit::oci {

namespace {

/// Where "bytes 5-9/10" starts and what the whole has; nothing for what is none. "*" is any size.
struct ContentRange {
  std::uint64_t start = 0;
  std::optional<std::uint64_t> size;
};

std::optional<ContentRange> range_of(std::string_view text) {
  static constexpr std::string_view kUnit = "bytes ";
  const auto dash = text.find('-');
  const auto slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos || slash == std::string_view::npos || slash < dash)
    return std::nullopt;
  const auto start = whole_number<std::uint64_t>(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto size = text.substr(slash + 1);
  if (!start || (size != "*" && !whole_number<std::uint64_t>(size))) return std::nullopt;
  return ContentRange{*start, whole_number<std::uint64_t>(size)};
}

}  // namespace

BlobDownload::BlobDownload(std::shared_ptr<RegistryClient> client, BlobRequest request, std::uint64_t from)
    : client_(std::move(client)),
      request_(std::move(request)),
      backoff_(client_->new_backoff()),
      offset_(from),
      failed_at_(from) {}

net::HttpResponse BlobDownload::ask(bool range) {
  net::HttpRequest request;
  // What is compressed once more on the way would be another blob.
  request.headers.emplace_back("Accept-Encoding", "identity");
  if (range) request.headers.emplace_back("Range", fmt::format("bytes={}-", offset_));
  // Always the registry's own URL: those that it leads to are good for minutes.
  const bool elsewhere = place_ != 0;
  request.url = elsewhere ? request_.urls[place_ - 1] : "/blobs/" + request_.digest.text();
  return client_->send(std::move(request), backoff_, elsewhere);
}

void BlobDownload::check_range(const net::HttpResponse& response) const {
  const std::string text(response.header("content-range").value_or(""));
  const auto range = range_of(text);
  if (range && range->start == offset_ && range->size.value_or(request_.size) == request_.size) return;
  throw Error(ErrorKind::network, fmt::format("{}: asked for what follows byte {} of {}, got the range {}",
                                              response.name(), offset_, request_.size, in_quotes(text)));
}

void BlobDownload::take_whole(net::HttpResponse& response) {
  const auto length = response.header("content-length");
  if (length && whole_number<std::uint64_t>(*length) != request_.size) {
    throw Error(ErrorKind::integrity, fmt::format("{}: {}: expected {} bytes, got {}", response.name(),
                                                  request_.digest.text(), request_.size, printable(*length)));
  }
  ends_by_itself_ = length.has_value();
  body_ = response.take_body();
  pass_over(offset_);
}

void BlobDownload::pass_over(std::uint64_t count) {
  std::array<std::byte, 65536> dropped;
  while (count != 0) {
    const auto got = body_->read(std::span(dropped).first(std::min<std::uint64_t>(count, dropped.size())));
    if (got == 0)
      throw net::TransientError(ErrorKind::network, fmt::format("{}: the answer broke off", client_->name().host));
    count -= got;
  }
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

void BlobDownload::open() {
  while (true) {
    const bool range = offset_ != 0 && ranges_;
    auto response = ask(range);
    const int status = response.status();
    if (status == 206 && range) {
      check_range(response);
      ends_by_itself_ = response.header("content-length").has_value();
      body_ = response.take_body();
      return;
    }
    if (status == 200) return take_whole(response);
    if (range && (status == 400 || status == 416 || status == 501)) {
      ranges_ = false;
      continue;
    }
    if (offset_ == 0 && (status == 404 || place_ != 0) && next_place()) continue;
    throw client_->failure(response);
  }
}

std::size_t BlobDownload::read_some(std::span<std::byte> into) {
  if (!body_ && offset_ == request_.size && offset_ != 0) return 0;
  if (!body_) open();
  const auto left = request_.size - offset_;
  if (left == 0 && ends_by_itself_) return 0;
  // One byte more shows a body that is too long.
  const auto got = body_->read(into.first(std::min<std::uint64_t>(into.size(), std::max<std::uint64_t>(left, 1))));
  if (got > left) {
    throw Error(ErrorKind::integrity,
                fmt::format("{}: {}: more than {} bytes", client_->name().host, request_.digest.text(), request_.size));
  }
  if (got == 0 && left != 0) {
    throw net::TransientError(ErrorKind::network,
                              fmt::format("{}: {}: {} bytes of {}, then the end", client_->name().host,
                                          request_.digest.text(), offset_, request_.size));
  }
  offset_ += got;
  return got;
}

std::size_t BlobDownload::read(std::span<std::byte> into) {
  while (true) {
    try {
      return read_some(into);
    } catch (const net::TransientError& error) {
      body_.reset();
      if (offset_ == request_.size && offset_ != 0) return 0;
      if (offset_ - failed_at_ >= kProgress) backoff_.restart();
      failed_at_ = offset_;
      const Error why = error;
      if (!backoff_.wait(why.what())) throw;
    }
  }
}

std::unique_ptr<Source> open_blob(Cache& cache, const std::shared_ptr<RegistryClient>& client, BlobRequest request) {
  if (const auto kept = cache.find(request.digest, request.size)) return std::make_unique<FileSource>(kept);
  const auto digest = request.digest;
  const auto size = request.size;
  return cache.keep(std::make_unique<BlobDownload>(client, std::move(request)), digest, size);
}

}  // namespace sifkit::oci
