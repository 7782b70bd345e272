// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/error.h>
#include <sifkit/core/export.h>
#include <sifkit/core/hint.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

namespace sifkit::net {

/// Which proxy requests go through: the one that http_proxy, https_proxy, all_proxy and no_proxy name by the rules of
/// Go's programs, or none.
enum class Proxy : std::uint8_t { environment, none };

/// How a server shows who it is, and the client. Absent files are empty paths. TLS 1.2 at the least.
struct TlsOptions {
  std::filesystem::path authorities;  ///< PEM, to check the server's certificate against in place of the system's
  std::string more_authorities;       ///< PEM, beside the system's
  std::filesystem::path certificate;  ///< the client's, and its key; for the host that is asked first only
  std::filesystem::path key;
  bool verified = true;  ///< false: whoever answers is believed
};

/// What a user can do about a failure, which only the caller knows; each may be empty.
struct HttpHints {
  Hint connect;     ///< nobody answers
  Hint unresolved;  ///< nobody knows the name; empty: `other`
  Hint denied;   ///< the system does not allow the connection
  Hint silent;   ///< nothing has come for too long
  Hint tls;      ///< the two do not agree on TLS, or the server's certificate is not known; empty: `other`
  Hint certificate;  ///< the server wants a certificate of the client, or another one; empty: `tls`
  Hint other;    ///< anything else between the two
};

/// Connections that stay open between requests, for all clients that are given them. Safe from several threads.
class SIFKIT_API HttpConnections {
 public:
  HttpConnections();
  ~HttpConnections();
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

 private:
  friend class HttpExchange;
  struct Idle;
  std::unique_ptr<Idle> idle_;
};

struct HttpOptions {
  std::string name;         ///< of the server, for messages; empty: its URL
  std::string unix_socket;  ///< path of a socket in place of TCP; no proxy stands before it
  TlsOptions tls;
  Proxy proxy = Proxy::environment;
  HttpHints hints;
  unsigned redirects = 0;  ///< that GET and HEAD follow
  std::chrono::seconds connect_timeout{20};
  std::chrono::seconds silence_timeout{60};           ///< that a server may take or send nothing
  std::optional<std::chrono::seconds> total_timeout;  ///< of a request with all of its answer
  std::shared_ptr<HttpConnections> connections;       ///< absent: every request has its own
};

/// A body that is read while it is sent. From kMinExpected bytes on, or of no known size, the server is asked first
/// whether it wants it (Expect: 100-continue): a refusal costs no more than its head.
struct HttpBody {
  static constexpr std::uint64_t kMinExpected = std::uint64_t{1} << 20;

  std::function<std::unique_ptr<Source>()> open;  ///< from its start; once for every time that it is sent
  std::optional<std::uint64_t> size;              ///< absent: it is sent in chunks
};

struct HttpRequest {
  std::string url;  ///< http:// or https://; the path is sent as it is
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;     ///< of a POST, PUT or PATCH
  HttpBody streamed{};  ///< in place of `body`, where it can be opened
  /// How long it may still wait for its head when it is cancelled: for what a server begins, whose answer alone says
  /// how to end it again.
  std::chrono::milliseconds stop_delay{0};
};

/// A failure that may be gone when the same is asked again: nobody answered, or the answer broke off.
class SIFKIT_API TransientError : public Error {
 public:
  using Error::Error;
};

/// The head of an answer, and its body as it comes.
class SIFKIT_API HttpResponse {
 public:
  HttpResponse(std::string name, std::string url, int status,
               std::vector<std::pair<std::string, std::string>> headers, std::unique_ptr<Source> body);

  /// For messages.
  const std::string& name() const noexcept { return name_; }
  int status() const noexcept { return status_; }
  /// Of what has answered, redirects followed. It may hold a signature: not for messages.
  const std::string& url() const noexcept { return url_; }

  /// The first header of a name, which is given in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
  /// All headers of that name.
  std::vector<std::string_view> headers(std::string_view name) const;

  /// Whoever takes the body may read it on another thread. Throws as HttpClient::send.
  std::unique_ptr<Source> take_body() { return std::move(body_); }

  /// All of the body; more than `limit` bytes is ErrorKind::limit.
  std::string text(std::size_t limit);
  /// For an answer that is an error: what comes of the body, 64 KiB and 5 s of it at most. Throws cancelled only.
  std::string error_text();

 private:
  std::string name_;
  std::string url_;
  int status_;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::unique_ptr<Source> body_;
};

/// Speaks HTTP/1.1 over TCP, TLS or a unix socket; nothing else in this library talks to a network. The rules are the same for every server:
///
/// - The head of an answer, interim answers and the trailer of its body included, has 256 KiB at most.
/// - A redirect is followed if the options say so, never from https to http, to another scheme, or from elsewhere to an
///   address of a private network; else the caller sees it. Credentials (Authorization, Cookie, a client's certificate)
///   stay with the host they were meant for: the same scheme, name and port.
/// - A stop is heard within a second, whatever the server does. No thread is started.
/// - A body is sent once, whatever becomes of it, unless a connection that was kept turns out to be gone; an answer that
///   comes before its end counts, and ends it.
///
/// Throws what reading the body throws, network (nobody answers, silence, TLS, a broken answer; a TransientError where asking again may help), denied
/// (the system), limit, cancelled, and not_found where libcurl is missing. Statuses are the caller's to judge. Const
/// methods may be called from several threads.
class SIFKIT_API HttpClient {
 public:
  static constexpr std::size_t kMaxHeaderBytes = std::size_t{256} << 10;

  explicit HttpClient(HttpOptions options, OperationContext operation = {})
      : options_(std::move(options)), operation_(std::move(operation)) {}

  /// Returns once the head of the answer is there.
  HttpResponse send(const HttpRequest& request) const;

 private:
  HttpOptions options_;
  OperationContext operation_;
};

/// What a status that is no success means: not_found, denied (401, 403), else network.
constexpr ErrorKind error_kind_of(int status) noexcept {
  return status == 404 ? ErrorKind::not_found : status == 401 || status == 403 ? ErrorKind::denied : ErrorKind::network;
}

/// Of libcurl. Throws not_found where it is missing.
SIFKIT_API std::string http_library_version();

}  // namespace sifkit::net
