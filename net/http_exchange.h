// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/stream.h>
#include <sifkit/net/http_client.h>

#include "curl.h"
#include "proxy.h"

namespace sifkit::net {

/// Each has the connections of the exchanges that used it, one at a time.
struct HttpConnections::Idle {
  static constexpr std::size_t kMost = 16;

  std::mutex mutex;
  std::vector<CurlMulti> handles;
};

using Clock = std::chrono::steady_clock;

/// One request and its answer, without redirects; as a Source, the answer's body. Whoever reads does the work: nothing
/// happens between two calls.
class HttpExchange : public Source {
 public:
  HttpExchange(const HttpOptions& options, HttpRequest request, std::optional<Clock::time_point> deadline,
               std::stop_token stop);
  ~HttpExchange() override;
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  /// Returns when the head of the answer is there.
  void wait_for_head();
  int status() const;

  const std::vector<std::pair<std::string, std::string>>& headers() const noexcept { return headers_; }

  const std::string& name() const noexcept { return name_; }

  std::size_t read(std::span<std::byte> into) override;

  /// Whether who answered is on a private network, whatever its name is. Behind a proxy nobody knows.
  bool peer_is_local() const;

  /// The absolute address that a redirect points to, empty for none. The body is dropped.
  std::string redirect_target();

 private:
  void set_up(const HttpOptions& options);
  /// Takes what little may be left of the answer, so that the connection can be used again.
  void settle() noexcept;
  void note_end();
  void set_up_tls(const TlsOptions& tls);
  static std::size_t take_header(char* bytes, std::size_t, std::size_t count, void* self) noexcept;
  static std::size_t take_body(char* bytes, std::size_t, std::size_t count, void* self) noexcept;
  static std::size_t give_body(char* into, std::size_t size, std::size_t count, void* self) noexcept;
  static int rewind_body(void* self, curl_off_t offset, int origin) noexcept;
  void set_up_body();
  /// What a callback of libcurl does; an exception must not cross its frames.
  template <class Work>
  std::size_t guarded(std::size_t count, Work&& work) noexcept;
  void keep_header(std::string_view line);

  /// Lets the transfer go on until `done`, or until it ends.
  template <class Done>
  void advance(Done&& done);
  void check_time();
  std::chrono::milliseconds time_left() const;
  /// What libcurl says of the failure, without a proxy's password.
  std::string reason() const;
  [[noreturn]] void fail() const;
  [[noreturn]] void fail_to_connect() const;
  /// Throws what a proxy has answered in place of a way to the server, if it has.
  void expect_way_through_proxy() const;
  /// Of a failure that is not of the connection.
  Hint hint() const;
  /// What names the proxy, which may not be known to whoever runs the program.
  Hint proxy_hint() const;

  const HttpRequest request_;
  const std::string name_;
  const HttpHints hints_;
  const std::chrono::seconds silence_timeout_;
  const std::optional<std::chrono::seconds> total_timeout_;
  const std::optional<Clock::time_point> deadline_;
  const std::stop_token stop_;

  ProxySetting proxy_;
  const std::shared_ptr<HttpConnections> connections_;
  CurlMulti multi_;
  CurlList sent_headers_;
  CurlHandle handle_;
  char error_text_[CURL_ERROR_SIZE] = {};

  std::unique_ptr<Source> sent_;  ///< the body of the request
  std::uint64_t unsent_ = 0;      ///< of it, where its size is known
  std::exception_ptr failure_;    ///< of reading it

  Clock::time_point last_sign_ = Clock::now();
  std::optional<Clock::time_point> stop_seen_;
  std::size_t header_bytes_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  bool head_complete_ = false;
  std::string waiting_;   ///< of the body: received and not yet read
  std::size_t used_ = 0;  ///< of `waiting_`
  bool lacks_memory_ = false;
  bool lacks_authorities_ = false;
  bool ended_ = false;
  CURLcode result_ = CURLE_OK;
};

}  // namespace sifkit::net
