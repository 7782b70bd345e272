// SPDX-License-Identifier: Apache-2.0
#include <sifkit/net/http_client.h>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

#include "http_exchange.h"

namespace sifkit::net {

namespace {

constexpr std::size_t kMaxErrorBytes = std::size_t{64} << 10;
constexpr std::chrono::seconds kMaxErrorTime{5};

/// Whom a URL asks. One that is not understood is nobody's.
std::string origin_of(std::string_view url) {
  const auto parsed = Url::parse(url);
  return parsed && parsed->user.empty() ? parsed->origin() : std::string();
}

bool is_local(std::string_view url) {
  const auto parsed = Url::parse(url);
  return parsed && parsed->is_local();
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_credential(std::string_view header) {
  static constexpr std::string_view kCredentials[] = {"authorization", "cookie", "proxy-authorization"};
  return std::any_of(std::begin(kCredentials), std::end(kCredentials),
                     [&](std::string_view each) { return equal_ignoring_case(header, each); });
}

}  // namespace

HttpResponse::HttpResponse(std::string name, std::string url, int status,
                           std::vector<std::pair<std::string, std::string>> headers, std::unique_ptr<Source> body)
    : name_(std::move(name)), url_(std::move(url)), status_(status), headers_(std::move(headers)), body_(std::move(body)) {}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  const auto found =
      std::find_if(headers_.begin(), headers_.end(), [&](const auto& header) { return header.first == name; });
  return found == headers_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
}

std::vector<std::string_view> HttpResponse::headers(std::string_view name) const {
  std::vector<std::string_view> out;
  for (const auto& [key, value] : headers_) {
    if (key == name) out.push_back(value);
  }
  return out;
}

std::string HttpResponse::text(std::size_t limit) {
  std::string out;
  std::array<std::byte, 16384> piece;
  while (const auto got = body_->read(piece)) {
    if (got > limit - out.size())
      throw Error(ErrorKind::limit, fmt::format("{}: the answer is over the limit of {} bytes", name_, limit));
    out += as_text(ByteView(piece).first(got));
  }
  return out;
}

std::string HttpResponse::error_text() {
  std::string out;
  try {
    // What trickles in without an end is as long as it needs to be.
    const auto enough = Clock::now() + kMaxErrorTime;
    std::array<std::byte, 4096> piece;
    while (out.size() < kMaxErrorBytes && Clock::now() < enough) {
      const auto got = body_->read(std::span(piece).first(std::min(piece.size(), kMaxErrorBytes - out.size())));
      if (got == 0) break;
      out += as_text(ByteView(piece).first(got));
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    // The status says what is wrong; this only says it in words.
  }
  return out;
}

HttpResponse HttpClient::send(const HttpRequest& request) const {
  operation_.check();
  const auto deadline = options_.total_timeout ? std::optional(Clock::now() + *options_.total_timeout) : std::nullopt;
  HttpRequest current = request;
  HttpOptions options = options_;
  for (unsigned followed = 0;; ++followed) {
    auto exchange = std::make_unique<HttpExchange>(options, current, deadline, operation_.stop);
    exchange->wait_for_head();
    const int status = exchange->status();
    const bool follows =
        options_.redirects != 0 && is_redirect(status) && (current.method == "GET" || current.method == "HEAD");
    const std::string target = follows ? exchange->redirect_target() : "";
    if (target.empty()) {
      std::string name = exchange->name();
      auto headers = exchange->headers();
      return {std::move(name), current.url, status, std::move(headers), std::move(exchange)};
    }
    if (followed == options_.redirects)
      throw Error(ErrorKind::network, fmt::format("{}: more than {} redirects", exchange->name(), options_.redirects));
    const auto place = Url::parse(target);
    const bool downward = current.url.starts_with("https:") && !target.starts_with("https:");
    if (downward || !place) {
      throw Error(ErrorKind::network,
                  fmt::format("{}: it points to {}, which is not followed", exchange->name(), in_quotes(url_without_secrets(target))));
    }
    // Else a server could have its clients ask what only they can reach.
    if (place->is_local() && !is_local(current.url) && !exchange->peer_is_local()) {
      throw Error(ErrorKind::network, fmt::format("{}: it points to {}, on this network, which is not followed",
                                                  exchange->name(), in_quotes(url_without_secrets(target))));
    }
    if (const auto origin = origin_of(target); origin.empty() || origin != origin_of(current.url)) {
      std::erase_if(current.headers, [](const auto& header) { return is_credential(header.first); });
      options.tls.certificate.clear();
      options.tls.key.clear();
      options.hints.connect = {};  // they speak of the host that was asked
      options.hints.unresolved = {};
      if (!options_.name.empty()) options.name = fmt::format("{} (at {})", options_.name, printable(origin));
    }
    current.url = target;
  }
}

std::string http_library_version() { return curl_version_info(CURLVERSION_NOW)->version; }

}  // namespace sifkit::net
