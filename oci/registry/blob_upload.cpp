// SPDX-License-Identifier: Apache-2.0
#include "blob_upload.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "../checked_blob.h"

namespace sifkit::oci {

namespace {

constexpr std::uint64_t kProgress = std::uint64_t{1} << 20;  ///< between two failures: tries are counted from the start
constexpr std::string_view kOctets = "application/octet-stream";
/// An upload whose place is not known cannot be ended, and stays at the registry for days.
constexpr std::chrono::seconds kStopDelay{1};

std::string with_parameter(const std::string& url, std::string_view name, const std::string& value) {
  return fmt::format("{}{}{}={}", url, url.find('?') == std::string::npos ? '?' : '&', name, value);
}

void take_place(RegistryClient& client, const net::HttpResponse& response, UploadPlace& place) {
  if (response.header("location")) place.url = client.location(response);
  if (const auto least = response.header("oci-chunk-min-length"))
    place.min_chunk_bytes = whole_number<std::uint64_t>(*least).value_or(0);
}

UploadPlace place_of(RegistryClient& client, const net::HttpResponse& response) {
  UploadPlace out;
  out.url = client.location(response);
  take_place(client, response, out);
  return out;
}

}  // namespace

/// What ends one try, and may not end the next.
struct BlobUpload::Setback {
  Error error;
  std::optional<std::chrono::seconds> asked;
  bool too_large = false;  ///< for one request; no failure of the registry
};

UploadPlace begin_upload(RegistryClient& client) {
  auto response = client.send({.url = "/blobs/uploads/", .method = "POST", .stop_delay = kStopDelay});
  if (response.status() != 202) throw client.failure(response);
  return place_of(client, response);
}

BlobUpload::BlobUpload(RegistryClient& client, const ReadableBlob& blob, std::optional<UploadPlace> place)
    : client_(client), blob_(blob), place_(std::move(place)), backoff_(client.new_backoff()) {}

BlobUpload::~BlobUpload() {
  if (place_) client_.abandon(place_->url);
}

bool BlobUpload::is_there() {
  const auto response = client_.send({.url = "/blobs/" + blob_.digest.text(), .method = "HEAD"});
  // Anything else may be what this registry says to a question that it does not know; the upload tells.
  return response.status() == 200;
}

bool BlobUpload::mount(RegistryClient& mounter, const std::string& from) {
  try {
    auto response = mounter.send({.url = fmt::format("/blobs/uploads/?mount={}&from={}", blob_.digest.text(), from),
                                  .method = "POST",
                                  .stop_delay = kStopDelay});
    if (response.status() == 201) return true;
    if (response.status() == 202) {
      const auto begun = place_of(client_, response);
      if (place_) client_.abandon(begun.url);
      if (!place_) place_ = begun;
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    // Some registries answer a mount that they do not do with an error: the blob is sent, then.
    client_.options().operation.logger->write(LogLevel::debug, error.what());
  }
  return false;
}

net::HttpResponse BlobUpload::send(net::HttpRequest request) {
  request.headers.emplace_back("Content-Type", kOctets);
  auto response = client_.send_once(std::move(request));
  const int status = response.status();
  if (status / 100 == 2) {
    take_place(client_, response, *place_);
    return response;
  }
  const auto asked = retry_after(response);
  const bool lost = status == 404 || status == 416;  // it has expired, or has got something else than we know of
  auto error = client_.failure(response);
  const bool too_large = status == 413 && !in_chunks_;
  if (may_heal(status) || lost || too_large) throw Setback{std::move(error), asked, too_large};
  throw error;
}

std::unique_ptr<Source> BlobUpload::open(std::uint64_t from) {
  auto out = std::make_unique<CheckedBlob>(blob_, client_.options().operation, shown_);
  out->skip(from);
  return out;
}

void BlobUpload::finish_with(net::HttpRequest request) {
  request.method = "PUT";
  request.url = with_parameter(place_->url, "digest", blob_.digest.text());
  const auto response = send(std::move(request));
  place_.reset();
  RegistryClient::expect_digest(response, "blob", blob_.digest);
}

void BlobUpload::send_whole() {
  finish_with({.streamed = {[this] { return open(0); }, blob_.size}});
}

void BlobUpload::send_chunks(std::uint64_t from) {
  const auto source = open(from);
  const auto size = std::max(kChunk, place_->min_chunk_bytes);
  if (size > kMaxChunk) {
    throw Error(ErrorKind::unsupported, fmt::format("{}: it wants chunks of {} bytes, over the limit of {}",
                                                    client_.name().host, size, kMaxChunk));
  }
  Bytes chunk(std::min(size, blob_.size - from));
  while (from != blob_.size) {
    const auto count =
        read_full(*source, std::span(chunk).first(std::min<std::uint64_t>(chunk.size(), blob_.size - from)));
    const auto bytes = ByteView(chunk).first(count);
    send({.url = place_->url,
          .method = "PATCH",
          .headers = {{"Content-Range", fmt::format("{}-{}", from, from + count - 1)}},
          .streamed = {[bytes] { return std::make_unique<MemorySource>(bytes); }, count}});
    from += count;
  }
  finish_with({.streamed = {[] { return std::make_unique<MemorySource>(ByteView()); }, 0}});
}

std::optional<std::uint64_t> BlobUpload::arrived() {
  try {
    const auto response = client_.send_once({.url = place_->url});
    const std::string range(response.header("range").value_or(""));
    if (response.status() != 204 || !range.starts_with("0-")) return std::nullopt;
    take_place(client_, response, *place_);
    const auto last = whole_number<std::uint64_t>(std::string_view(range).substr(2));
    // "0-0" is one byte, or none.
    if (!last || *last == 0 || *last >= blob_.size) return std::nullopt;
    return *last + 1;
  } catch (const net::TransientError&) {
    return std::nullopt;  // it is asked anew, with the patience of a new upload
  }
}

bool BlobUpload::run(RegistryClient* mounter, const std::string& from_repository) {
  std::optional<std::uint64_t> from;
  for (bool first = true;; first = false) {
    std::optional<Setback> setback;
    try {
      if (!from) {
        if (is_there()) return !first;
        if (first && mounter != nullptr && mount(*mounter, from_repository)) return false;
        if (!place_) place_ = begin_upload(client_);
      }
      if (from || in_chunks_) {
        send_chunks(from.value_or(0));
      } else {
        send_whole();
      }
      return true;
    } catch (Setback& caught) {
      setback = std::move(caught);
    } catch (const net::TransientError& error) {
      setback = Setback{error, {}};
    }
    from = place_ ? arrived() : std::nullopt;
    if (!from) place_.reset();
    if (from.value_or(0) >= most_arrived_ + kProgress) backoff_.restart();
    most_arrived_ = std::max(most_arrived_, from.value_or(0));
    if (!setback->too_large && !backoff_.wait(setback->error.what(), setback->asked)) throw std::move(setback->error);
    in_chunks_ = true;
  }
}

}  // namespace sifkit::oci
