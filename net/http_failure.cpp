// SPDX-License-Identifier: Apache-2.0
//
// What an exchange that failed says: what went wrong, with whom, whether once more may help, and what does.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "authorities.h"
#include "http_exchange.h"

namespace sifkit::net {

namespace {

/// What may be gone at the next try: the connection, or the name for a moment; not what two programs disagree on.
bool is_transient(CURLcode result) {
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND: return true;
    default: return false;
  }
}

bool is_of_tls(CURLcode result) {
  switch (result) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CLIENTCERT: return true;
    default: return false;
  }
}

/// Whether a server has said by an alert of TLS (RFC 8446, 6.2) that it does not take the client's certificate, or
/// misses one. Since TLS 1.3 that comes after the handshake: for libcurl it is a connection that broke.
bool refuses_certificate(CURLcode result, std::string_view message) {
  if (result == CURLE_SSL_CLIENTCERT) return true;
  static constexpr std::string_view kAlerts[] = {"alert bad certificate",     "alert certificate required",
                                                 "alert certificate expired", "alert certificate revoked",
                                                 "alert certificate unknown", "alert unsupported certificate",
                                                 "alert unknown ca"};
  return std::any_of(std::begin(kAlerts), std::end(kAlerts),
                     [&](std::string_view alert) { return message.find(alert) != std::string_view::npos; });
}

}  // namespace

std::string HttpExchange::reason() const {
  const bool shown = error_text_[0] != '\0' && !has_secrets_of(proxy_.address, error_text_);
  return printable(shown ? error_text_ : curl_easy_strerror(result_));
}

void HttpExchange::fail() const {
  if (stop_.stop_requested()) OperationContext::throw_cancelled();
  if (header_bytes_ > HttpClient::kMaxHeaderBytes) {
    throw Error(ErrorKind::limit, fmt::format("{}: the headers of the answer are over the limit of {} bytes", name_,
                                              HttpClient::kMaxHeaderBytes));
  }
  expect_way_through_proxy();
  // libcurl's clock is for the connection only.
  if (result_ == CURLE_COULDNT_CONNECT || result_ == CURLE_OPERATION_TIMEDOUT) fail_to_connect();
  if (result_ == CURLE_OUT_OF_MEMORY)
    throw Error(ErrorKind::network, fmt::format("{}: a header of the answer is too long", name_));
  const auto message = fmt::format("{}: {}", name_, result_ == CURLE_OK ? "the answer has no head" : reason());
  // A server that goes down in the middle of a handshake is no failure of TLS.
  long os_error = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_OS_ERRNO, &os_error);
  const bool reset = result_ == CURLE_SSL_CONNECT_ERROR && (os_error == ECONNRESET || os_error == EPIPE);
  const bool refused = refuses_certificate(result_, error_text_);  // and so the next time
  if (!refused && (reset || is_transient(result_))) throw TransientError(ErrorKind::network, message, hint());
  throw Error(ErrorKind::network, message, hint());
}

Hint HttpExchange::hint() const {
  if (result_ == CURLE_COULDNT_RESOLVE_PROXY) return proxy_hint();
  if (result_ == CURLE_COULDNT_RESOLVE_HOST && !hints_.unresolved.empty()) return hints_.unresolved;
  if (result_ == CURLE_PEER_FAILED_VERIFICATION && lacks_authorities_) return authorities_hint();
  if (refuses_certificate(result_, error_text_) && !hints_.certificate.empty()) return hints_.certificate;
  return is_of_tls(result_) && !hints_.tls.empty() ? hints_.tls : hints_.other;
}

Hint HttpExchange::proxy_hint() const {
  return fmt::format("the variable {} names the proxy {}; NO_PROXY lists hosts that need none", proxy_.variable,
                     printable(proxy_.shown()));
}

void HttpExchange::expect_way_through_proxy() const {
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_HTTP_CONNECTCODE, &status);
  if (proxy_.address.empty() || status == 0 || status / 100 == 2) return;
  const auto message = fmt::format("{}: status {} of the proxy {}", name_, status, printable(proxy_.shown()));
  if (status / 100 == 5) throw TransientError(ErrorKind::network, message, proxy_hint());
  if (status != 407) throw Error(ErrorKind::network, message, proxy_hint());
  throw Error(ErrorKind::network, message,
              fmt::format("it wants a user and a password: http://USER:PASSWORD@HOST:PORT in the variable {}",
                          proxy_.variable));
}

void HttpExchange::fail_to_connect() const {
  long os_error = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_OS_ERRNO, &os_error);
  const bool refused = os_error == EACCES || os_error == EPERM;
  const bool known = os_error != 0 && os_error != EINPROGRESS;
  const bool direct = proxy_.address.empty();
  const auto message =
      fmt::format("cannot connect to {}: {}",
                  direct ? name_ : fmt::format("the proxy {} for {}", printable(proxy_.shown()), name_),
                  known ? std::strerror(static_cast<int>(os_error)) : reason());
  if (refused) throw Error(ErrorKind::denied, message, direct ? hints_.denied : proxy_hint());
  throw TransientError(ErrorKind::network, message, direct ? hints_.connect : proxy_hint());
}

}  // namespace sifkit::net
