// SPDX-License-Identifier: Apache-2.0
#include "http_exchange.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include <sys/socket.h>

#include <fmt/format.h>

#include <sifkit/core/bytes.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>

#include "authorities.h"

namespace sifkit::net {

namespace {

constexpr std::chrono::milliseconds kMaxWait{1000};
constexpr std::size_t kMaxDropped = std::size_t{64} << 10;  ///< bytes of a body that nobody reads
constexpr std::chrono::milliseconds kMaxSettling{20};
constexpr long kSendBuffer = 256 << 10;
constexpr std::size_t kMaxAuthorities = std::size_t{16} << 20;
constexpr int kFirstFinalStatus = 200;  ///< what is less is an interim answer
constexpr std::string_view kBlank = " \t\r\n";

/// No program that this one starts gets a connection of it: it could read what is for us, or keep it open.
curl_socket_t open_socket(void*, curlsocktype, curl_sockaddr* address) noexcept {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

}  // namespace

HttpExchange::HttpExchange(const HttpOptions& options, HttpRequest request, std::optional<Clock::time_point> deadline,
                           std::stop_token stop)
    : request_(std::move(request)),
      name_(options.name.empty() ? request_.url : options.name),
      hints_(options.hints),
      silence_timeout_(options.silence_timeout),
      total_timeout_(options.total_timeout),
      deadline_(deadline),
      stop_(std::move(stop)),
      connections_(options.connections),
      handle_(new_curl_handle()) {
  if (connections_) {
    const std::lock_guard lock(connections_->idle_->mutex);
    auto& idle = connections_->idle_->handles;
    if (!idle.empty()) {
      multi_ = std::move(idle.back());
      idle.pop_back();
    }
  }
  if (!multi_) multi_.reset(curl_multi_init());
  if (!multi_) throw std::bad_alloc();
  set_up(options);
  if (curl_multi_add_handle(multi_.get(), handle_.get()) != CURLM_OK) throw std::bad_alloc();
}

HttpExchange::~HttpExchange() {
  if (connections_ && head_complete_ && !ended_ && unsent_ == 0) settle();
  curl_multi_remove_handle(multi_.get(), handle_.get());
  if (!connections_) return;
  handle_.reset();  // before another thread may have the other one
  const std::lock_guard lock(connections_->idle_->mutex);
  auto& idle = connections_->idle_->handles;
  try {
    if (idle.size() < HttpConnections::Idle::kMost) idle.push_back(std::move(multi_));
  } catch (const std::bad_alloc&) {  // then the connection is closed
  }
}

HttpConnections::HttpConnections() : idle_(std::make_unique<Idle>()) {}
HttpConnections::~HttpConnections() = default;

void HttpExchange::settle() noexcept {
  const auto enough = Clock::now() + kMaxSettling;
  while (!failure_ && !lacks_memory_ && !stop_.stop_requested() && waiting_.size() - used_ < kMaxDropped) {
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) return;
    if (running == 0) return note_end();
    if (Clock::now() >= enough) return;
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(kMaxSettling.count()), nullptr);
  }
}

void HttpExchange::note_end() {
  int left = 0;
  const CURLMsg* const message = curl_multi_info_read(multi_.get(), &left);
  ended_ = true;
  result_ = message == nullptr ? CURLE_FAILED_INIT : message->data.result;
}

void HttpExchange::set_up(const HttpOptions& options) {
  CURL* const curl = handle_.get();
  set_option(curl, CURLOPT_URL, request_.url.c_str());
  set_option(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set_option(curl, CURLOPT_USERAGENT, "sifkit");
  // A name such as "../info" is the server's to refuse.
  set_option(curl, CURLOPT_PATH_AS_IS, 1L);
  set_option(curl, CURLOPT_NOSIGNAL, 1L);
  set_option(curl, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  // A name that is being looked up does not delay the end.
  set_option(curl, CURLOPT_QUICK_EXIT, 1L);
  set_option(curl, CURLOPT_CONNECTTIMEOUT,
                   static_cast<long>(std::min(options.connect_timeout, options.silence_timeout).count()));
  if (!options.unix_socket.empty()) set_option(curl, CURLOPT_UNIX_SOCKET_PATH, options.unix_socket.c_str());
  const bool direct = options.proxy == Proxy::none || !options.unix_socket.empty();
  if (!direct) proxy_ = proxy_setting_for(request_.url);
  set_option(curl, CURLOPT_PROXY, proxy_.address.c_str());
  set_option(curl, CURLOPT_NOPROXY, "");  // the variable is not read twice
  set_option(curl, CURLOPT_ERRORBUFFER, error_text_);
  set_option(curl, CURLOPT_HEADERFUNCTION, &HttpExchange::take_header);
  set_option(curl, CURLOPT_HEADERDATA, this);
  set_option(curl, CURLOPT_WRITEFUNCTION, &HttpExchange::take_body);
  set_option(curl, CURLOPT_WRITEDATA, this);
  set_up_tls(options.tls);
  if (request_.streamed.open) {
    set_up_body();
  } else if (request_.method == "POST" || !request_.body.empty()) {
    set_option(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set_option(curl, CURLOPT_POSTFIELDS, request_.body.data());
  }
  if (request_.method == "HEAD") {
    set_option(curl, CURLOPT_NOBODY, 1L);
  } else {
    set_option(curl, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  }
  auto headers = request_.headers;
  if (request_.streamed.open) {
    const bool asks = request_.streamed.size.value_or(HttpBody::kMinExpected) >= HttpBody::kMinExpected;
    headers.emplace_back("Expect", asks ? "100-continue" : "");
  }
  for (const auto& [name, value] : headers) {
    curl_slist* const longer = curl_slist_append(sent_headers_.get(), fmt::format("{}: {}", name, value).c_str());
    if (longer == nullptr) throw std::bad_alloc();
    static_cast<void>(sent_headers_.release());
    sent_headers_.reset(longer);
  }
  set_option(curl, CURLOPT_HTTPHEADER, sent_headers_.get());
}

void HttpExchange::set_up_body() {
  CURL* const curl = handle_.get();
  sent_ = request_.streamed.open();
  unsent_ = request_.streamed.size.value_or(0);
  set_option(curl, CURLOPT_UPLOAD, 1L);
  set_option(curl, CURLOPT_UPLOAD_BUFFERSIZE, kSendBuffer);
  set_option(curl, CURLOPT_READFUNCTION, &HttpExchange::give_body);
  set_option(curl, CURLOPT_READDATA, this);
  set_option(curl, CURLOPT_SEEKFUNCTION, &HttpExchange::rewind_body);
  set_option(curl, CURLOPT_SEEKDATA, this);
  if (request_.streamed.size)
    set_option(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(*request_.streamed.size));
}

void HttpExchange::set_up_tls(const TlsOptions& tls) {
  CURL* const curl = handle_.get();
  set_option(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  const auto system = tls.authorities.empty() ? system_authorities() : Authorities{tls.authorities.native(), {}};
  if (!system.directory.empty() || !tls.authorities.empty())
    set_option(curl, CURLOPT_CAPATH, system.directory.empty() ? nullptr : system.directory.c_str());
  lacks_authorities_ = system.file.empty();
  if (!system.file.empty()) set_option(curl, CURLOPT_CAINFO, system.file.c_str());
  if (!tls.more_authorities.empty()) {
    std::string pem = tls.more_authorities;  // it stands in for the file, and so has all of it
    if (!system.file.empty()) {
      const auto source = open_source(system.file);
      pem += as_text(read_all(*source, kMaxAuthorities, system.file));
    }
    curl_blob blob{pem.data(), pem.size(), CURL_BLOB_COPY};
    set_option(curl, CURLOPT_CAINFO_BLOB, &blob);
  }
  if (!tls.certificate.empty()) set_option(curl, CURLOPT_SSLCERT, tls.certificate.c_str());
  if (!tls.key.empty()) set_option(curl, CURLOPT_SSLKEY, tls.key.c_str());
  set_option(curl, CURLOPT_SSL_VERIFYPEER, tls.verified ? 1L : 0L);
  set_option(curl, CURLOPT_SSL_VERIFYHOST, tls.verified ? 2L : 0L);
}

template <class Work>
std::size_t HttpExchange::guarded(std::size_t count, Work&& work) noexcept {
  try {
    return work() ? count : CURL_WRITEFUNC_ERROR;
  } catch (const std::bad_alloc&) {
    lacks_memory_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
}

std::size_t HttpExchange::take_header(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
  auto& exchange = *static_cast<HttpExchange*>(self);
  return exchange.guarded(count, [&] {
    exchange.header_bytes_ += count;
    if (exchange.header_bytes_ > HttpClient::kMaxHeaderBytes) return false;
    if (!exchange.head_complete_) exchange.keep_header({bytes, count});
    return true;
  });
}

void HttpExchange::keep_header(std::string_view line) {
  if (line.starts_with("HTTP/")) return headers_.clear();
  if (trimmed(line, kBlank).empty()) {
    head_complete_ = status() >= kFirstFinalStatus;
    return;
  }
  const auto colon = std::min(line.find(':'), line.size());
  headers_.emplace_back(lower_case(line.substr(0, colon)), trimmed(line.substr(std::min(colon + 1, line.size())), kBlank));
}

std::size_t HttpExchange::take_body(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
  auto& exchange = *static_cast<HttpExchange*>(self);
  return exchange.guarded(count, [&] {
    exchange.waiting_.append(bytes, count);
    exchange.last_sign_ = Clock::now();
    return true;
  });
}

std::size_t HttpExchange::give_body(char* into, std::size_t, std::size_t count, void* self) noexcept {
  auto& exchange = *static_cast<HttpExchange*>(self);
  try {
    if (exchange.stop_.stop_requested()) return CURL_READFUNC_ABORT;
    const auto& size = exchange.request_.streamed.size;
    if (size) count = static_cast<std::size_t>(std::min<std::uint64_t>(count, exchange.unsent_));
    const auto got = count == 0 ? 0 : exchange.sent_->read(std::as_writable_bytes(std::span(into, count)));
    if (size && got == 0 && exchange.unsent_ != 0) {
      throw Error(ErrorKind::integrity, fmt::format("{} bytes are missing at the end of what is sent", exchange.unsent_));
    }
    if (size) exchange.unsent_ -= got;
    exchange.last_sign_ = Clock::now();
    return got;
  } catch (...) {
    exchange.failure_ = std::current_exception();
    return CURL_READFUNC_ABORT;
  }
}

int HttpExchange::rewind_body(void* self, curl_off_t offset, int origin) noexcept {
  auto& exchange = *static_cast<HttpExchange*>(self);
  if (offset != 0 || origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  try {
    exchange.sent_ = exchange.request_.streamed.open();
    exchange.unsent_ = exchange.request_.streamed.size.value_or(0);
    return CURL_SEEKFUNC_OK;
  } catch (...) {
    exchange.failure_ = std::current_exception();
    return CURL_SEEKFUNC_FAIL;
  }
}

int HttpExchange::status() const {
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

std::chrono::milliseconds HttpExchange::time_left() const {
  Clock::time_point end = last_sign_ + silence_timeout_;
  if (deadline_) end = std::min(end, *deadline_);
  if (stop_seen_) end = std::min(end, *stop_seen_ + request_.stop_delay);
  return std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
}

void HttpExchange::check_time() {
  if (stop_.stop_requested()) {
    if (!stop_seen_) stop_seen_ = Clock::now();
    if (head_complete_ || Clock::now() >= *stop_seen_ + request_.stop_delay) OperationContext::throw_cancelled();
  }
  if (time_left().count() > 0) return;
  if (deadline_ && Clock::now() >= *deadline_) {
    throw TransientError(ErrorKind::network,
                         fmt::format("{}: the answer was not complete after {} s", name_, total_timeout_->count()),
                         hints_.silent);
  }
  throw TransientError(ErrorKind::network,
                       fmt::format("{}: the server has been silent for {} s", name_, silence_timeout_.count()),
                       hints_.silent);
}

template <class Done>
void HttpExchange::advance(Done&& done) {
  // From any thread; libcurl allows no other call that is.
  const std::stop_callback wake(stop_, [this] { curl_multi_wakeup(multi_.get()); });
  while (!ended_) {
    int running = 0;
    errno = 0;
    const auto code = curl_multi_perform(multi_.get(), &running);
    const bool no_memory = errno == ENOMEM;
    if (failure_) std::rethrow_exception(failure_);
    if (lacks_memory_ || code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLM_OK) throw Error(ErrorKind::network, fmt::format("{}: libcurl has failed", name_));
    if (running == 0) {
      note_end();
      // libcurl has several names for lack of memory, and one of them for a header line that is too long, so errno tells.
      if (result_ != CURLE_OK && no_memory) throw std::bad_alloc();
    }
    if (ended_ || done()) return;
    check_time();
    curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(std::min(time_left(), kMaxWait).count()), nullptr);
  }
}

void HttpExchange::wait_for_head() {
  last_sign_ = Clock::now();
  advance([&] { return head_complete_; });
  if (!head_complete_) fail();
}

std::size_t HttpExchange::read(std::span<std::byte> into) {
  if (used_ == waiting_.size()) {
    waiting_.clear();
    used_ = 0;
    last_sign_ = Clock::now();  // a reader that takes its time is not the server's silence
    advance([&] { return !waiting_.empty(); });
  }
  const auto count = std::min(into.size(), waiting_.size() - used_);
  if (count == 0 && result_ != CURLE_OK) fail();
  std::memcpy(into.data(), waiting_.data() + used_, count);
  used_ += count;
  return count;
}

bool HttpExchange::peer_is_local() const {
  const char* address = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_PRIMARY_IP, &address);
  if (!proxy_.address.empty() || address == nullptr || *address == '\0') return false;
  Url peer;
  peer.host = address;
  return peer.is_local();
}

std::string HttpExchange::redirect_target() {
  std::byte dropped[4096];
  for (std::size_t all = 0, got; all < kMaxDropped && (got = read(dropped)) != 0;) all += got;
  const char* target = nullptr;
  curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &target);
  return target == nullptr ? "" : target;
}

}  // namespace sifkit::net
