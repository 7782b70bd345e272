// SPDX-License-Identifier: Apache-2.0
#include "resumed_download.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/text.h>

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
                                 std::uint64_t from)
    : backoff_(std::move(backoff)),
      name_(std::move(name)),
      what_(std::move(what)),
      size_(size),
      offset_(from),
      failed_at_(from) {}

std::string ResumedDownload::named(std::string_view server) const {
  return what_.empty() ? std::string(server) : fmt::format("{}: {}", server, what_);
}

void ResumedDownload::check_range(const net::HttpResponse& response) {
  const std::string text(response.header("content-range").value_or(""));
  const auto range = range_of(text);
  if (range && range->start == offset_ && (!size_ || range->size.value_or(*size_) == *size_)) {
    if (!size_) size_ = range->size;
    return;
  }
  const auto of = size_ ? fmt::format(" of {}", *size_) : "";
  throw Error(ErrorKind::network, fmt::format("{}: asked for what follows byte {}{}, got the range {}", response.name(),
                                              offset_, of, in_quotes(text)));
}

void ResumedDownload::take(net::HttpResponse& response) {
  ends_by_itself_ = response.header("content-length").has_value();
  body_ = response.take_body();
}

void ResumedDownload::take_whole(net::HttpResponse& response) {
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
      check_range(response);
      take(response);
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
