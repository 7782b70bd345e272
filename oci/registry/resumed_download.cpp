// SPDX-License-Identifier: Apache-2.0
#include "resumed_download.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/text.h>

#include "http_options.h"

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

ResumedDownload::ResumedDownload(Backoff backoff, std::string name, std::string what, std::optional<std::uint64_t> size,
                                 const std::optional<Digest>& digest)
    : backoff_(std::move(backoff)),
      name_(std::move(name)),
      what_(std::move(what)),
      size_(size),
      digest_(digest) {
  if (digest_) hasher_.emplace(digest_->algorithm());
}

std::string ResumedDownload::named(std::string_view server) const {
  return what_.empty() ? std::string(server) : fmt::format("{}: {}", server, what_);
}

/// Whether a partial answer starts where this one stands.
bool ResumedDownload::goes_on(const net::HttpResponse& response) {
  const auto range = range_of(response.header("content-range").value_or(""));
  if (!range || range->start != offset_ || (size_ && range->size.value_or(*size_) != *size_)) return false;
  if (!size_) size_ = range->size;
  return true;
}

/// Bytes that somebody on the way has compressed are not those that the digest is of. A server that only calls a .gz so
/// sends as many bytes as are expected.
void ResumedDownload::check_encoding(const net::HttpResponse& response) const {
  const auto encoding = content_encoding_of(response);
  if (encoding.empty()) return;
  const auto length = response.header("content-length");
  if (size_ && length && whole_number<std::uint64_t>(*length) == *size_) return;
  throw encoded_answer(named(response.name()), encoding);
}

void ResumedDownload::take(net::HttpResponse& response) {
  ends_by_itself_ = response.header("content-length").has_value();
  body_ = response.take_body();
}

void ResumedDownload::take_whole(net::HttpResponse& response) {
  check_encoding(response);
  if (const auto length = response.header("content-length")) {
    const auto bytes = whole_number<std::uint64_t>(*length);
    if (!size_) size_ = bytes;
    if (bytes != size_) {
      throw Error(ErrorKind::integrity,
                  fmt::format("{}: expected {} bytes, got {}", named(response.name()), *size_, printable(*length)));
    }
  }
  take(response);
  pass_over(offset_);
}

void ResumedDownload::pass_over(std::uint64_t count) {
  std::array<std::byte, 65536> dropped;
  while (count != 0) {
    const auto got = body_->read(std::span(dropped).first(std::min<std::uint64_t>(count, dropped.size())));
    if (got == 0) throw net::TransientError(ErrorKind::network, fmt::format("{}: the answer broke off", name_));
    count -= got;
  }
}

void ResumedDownload::open() {
  while (!body_) {
    const bool range = offset_ != 0 && ranges_;
    auto response = ask(range ? std::optional(offset_) : std::nullopt);
    const int status = response.status();
    if (status == 206 && range) {
      check_version(response);
      if (goes_on(response)) {
        take(response);
      } else {
        ranges_ = false;
      }
    } else if (status == 206) {
      const std::string got(response.header("content-range").value_or(""));
      throw Error(ErrorKind::network, fmt::format("{}: asked for all of it, got the range {}", named(response.name()),
                                                  in_quotes(got)));
    } else if (status == 200) {
      check_version(response);
      take_whole(response);
    } else if (range && (status == 400 || status == 416 || status == 501)) {
      ranges_ = false;
    } else if (!ask_elsewhere(status)) {
      throw failure(response);
    }
  }
}

std::size_t ResumedDownload::read_some(std::span<std::byte> into) {
  if (!body_ && is_complete()) return 0;
  open();
  if (!size_) {
    const auto got = body_->read(into);
    offset_ += got;
    return got;
  }
  const auto left = *size_ - offset_;
  if (left == 0 && ends_by_itself_) return 0;
  // One byte more shows a body that is too long.
  const auto got = body_->read(into.first(std::min<std::uint64_t>(into.size(), std::max<std::uint64_t>(left, 1))));
  if (got > left) throw Error(ErrorKind::integrity, fmt::format("{}: more than {} bytes", named(name_), *size_));
  if (got == 0 && left != 0) {
    throw net::TransientError(ErrorKind::network,
                              fmt::format("{}: {} bytes of {}, then the end", named(name_), offset_, *size_));
  }
  offset_ += got;
  return got;
}

std::size_t ResumedDownload::read(std::span<std::byte> into) {
  const auto got = read_on(into);
  if (!hasher_) return got;
  hasher_->update(ByteView(into).first(got));
  if (got != 0 && (!size_ || offset_ != *size_)) return got;
  const auto found = hasher_->finish();
  hasher_.reset();
  if (found == *digest_) return got;
  throw Error(ErrorKind::integrity, fmt::format("expected {}, got {}", digest_->text(), found.text()),
              "the server, or a proxy or cache on the way to it, has sent other bytes; fetch it again");
}

std::size_t ResumedDownload::read_on(std::span<std::byte> into) {
  while (true) {
    try {
      return read_some(into);
    } catch (const net::TransientError& error) {
      body_.reset();
      if (is_complete()) return 0;
      if (offset_ - failed_at_ >= kProgress) backoff_.restart();
      failed_at_ = offset_;
      const Error why = error;
      if (!backoff_.wait(why.what())) throw;
    }
  }
}

}  // namespace sifkit::oci
