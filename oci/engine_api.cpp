// SPDX-License-Identifier: Apache-2.0
#include "engine_api.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/curl.h>
#include <sifkit/core/error.h>

namespace sifkit::oci {

namespace {

constexpr std::size_t kQueueBytes = 8u << 20;      ///< received and not yet read
constexpr std::size_t kErrorBytes = 64u << 10;     ///< of an error's body
constexpr long kConnectSeconds = 20;

/// One request that runs on its own thread and hands its body over in pieces.
class Transfer : public Source {
 public:
  Transfer(const EngineAddress& address, const std::string& path, std::chrono::seconds patience, std::stop_token stop)
      : address_(address), patience_(patience), stop_(std::move(stop)), handle_(new_curl_handle()), multi_(curl_multi_init()) {
    if (!multi_) throw std::bad_alloc();
    CURL* curl = handle_.get();
    set_option(curl, CURLOPT_URL, (address_.base_url + path).c_str());
    if (!address_.socket.empty()) set_option(curl, CURLOPT_UNIX_SOCKET_PATH, address_.socket.c_str());
    // A name such as "../info" is the service's to refuse.
    set_option(curl, CURLOPT_PATH_AS_IS, 1L);
    set_option(curl, CURLOPT_NOSIGNAL, 1L);
    set_option(curl, CURLOPT_NOPROXY, "*");
    set_option(curl, CURLOPT_CONNECTTIMEOUT, std::min<long>(kConnectSeconds, patience_.count()));
    set_option(curl, CURLOPT_ERRORBUFFER, error_text_);
    headers_.bound(curl);
    set_option(curl, CURLOPT_WRITEFUNCTION, &Transfer::take);
    set_option(curl, CURLOPT_WRITEDATA, this);
    set_option(curl, CURLOPT_NOPROGRESS, 0L);
    set_option(curl, CURLOPT_XFERINFOFUNCTION, &Transfer::watch);
    set_option(curl, CURLOPT_XFERINFODATA, this);
    if (address_.secure()) secure(curl);
    thread_ = std::jthread([this] { run(); });
  }

  ~Transfer() override {
    {
      const std::lock_guard lock(mutex_);
      abandoned_ = true;
    }
    changed_.notify_all();
    curl_multi_wakeup(multi_.get());
  }

  std::size_t read(std::span<std::byte> into) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !pieces_.empty() || ended_; });
    if (pieces_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return 0;
    }
    const std::string& piece = pieces_.front();
    const auto count = std::min(into.size(), piece.size() - used_);
    std::memcpy(into.data(), piece.data() + used_, count);
    used_ += count;
    waiting_ -= count;
    if (used_ == piece.size()) {
      pieces_.pop_front();
      used_ = 0;
    }
    lock.unlock();
    changed_.notify_all();
    return count;
  }

 private:
  void secure(CURL* curl) const {
    const auto give = [&](CURLoption option, const char* name) {
      const auto path = address_.certificates / name;
      if (::access(path.c_str(), F_OK) == 0) set_option(curl, option, path.c_str());
    };
    give(CURLOPT_CAINFO, "ca.pem");
    give(CURLOPT_SSLCERT, "cert.pem");
    give(CURLOPT_SSLKEY, "key.pem");
    set_option(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_option(curl, CURLOPT_SSL_VERIFYPEER, address_.verified ? 1L : 0L);
    set_option(curl, CURLOPT_SSL_VERIFYHOST, address_.verified ? 2L : 0L);
  }

  static std::size_t take(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.callback_failure_.guard<std::size_t>(CURL_WRITEFUNC_ERROR, [&]() -> std::size_t {
      return transfer.accept({bytes, count}) ? count : CURL_WRITEFUNC_ERROR;
    });
  }

  static int watch(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::lock_guard lock(transfer.mutex_);
    return transfer.abandoned_ || transfer.stop_.stop_requested() ? 1 : 0;
  }

  bool accept(std::string_view bytes) {
    if (status() != 200) {  // does not count as life: an error without an end is one that is long enough
      error_body_.append(bytes.substr(0, kErrorBytes - error_body_.size()));
      return error_body_.size() < kErrorBytes;
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ < kQueueBytes || abandoned_; });
    if (abandoned_) return false;
    pieces_.emplace_back(bytes);
    waiting_ += bytes.size();
    changed_.notify_all();
    last_sign_ = Clock::now();  // a reader that takes its time is not the service's silence
    return true;
  }

  long status() const {
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

  /// As curl_easy_perform, but awake at once when it is to stop, and with a clock of its own: libcurl's counts an average.
  CURLcode perform() {
    static constexpr std::chrono::milliseconds kLongestWait{1000};
    const std::stop_callback wake(stop_, [this] { curl_multi_wakeup(multi_.get()); });
    expect_done(curl_multi_add_handle(multi_.get(), handle_.get()));
    last_sign_ = Clock::now();
    for (int running = 1;;) {
      CallbackFailure::expect_memory();
      expect_done(curl_multi_perform(multi_.get(), &running));
      if (running == 0) break;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(last_sign_ + patience_ - Clock::now());
      silent_ = left.count() <= 0;
      if (silent_) break;
      curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(std::min(left, kLongestWait).count()), nullptr);
    }
    int waiting = 0;
    const CURLMsg* message = curl_multi_info_read(multi_.get(), &waiting);
    const CURLcode result = silent_ ? CURLE_OPERATION_TIMEDOUT : message == nullptr ? CURLE_FAILED_INIT : message->data.result;
    if (!silent_) callback_failure_.check(result);
    curl_multi_remove_handle(multi_.get(), handle_.get());
    return result;
  }

  static void expect_done(CURLMcode code) {
    if (code == CURLM_OUT_OF_MEMORY) throw std::bad_alloc();
    if (code != CURLM_OK) throw Error(ErrorKind::internal, fmt::format("libcurl: code {}", static_cast<int>(code)));
  }

  void run() noexcept {
    std::exception_ptr failure;
    try {
      check(perform());
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    ended_ = true;
    changed_.notify_all();
  }

  void check(CURLcode result) const {
    if (stop_.stop_requested()) OperationContext::throw_cancelled();
    // Time runs out for a connection, too.
    if (result == CURLE_COULDNT_CONNECT || (result == CURLE_OPERATION_TIMEDOUT && !silent_)) fail_to_connect();
    const long code = status();
    if (code != 0 && code != 200 && (result == CURLE_OK || !error_body_.empty())) fail_with_status(code);
    if (silent_) {
      throw Error(ErrorKind::network, fmt::format("{}: the service has been silent for {} s", address_.where, patience_.count()),
                  "it may be busy: --service-timeout waits longer");
    }
    if (headers_.exceeded()) throw Error(ErrorKind::network, fmt::format("{}: more than {} bytes of headers", address_.where, HeaderBudget::kMostBytes));
    // Where it is not memory.
    if (result == CURLE_OUT_OF_MEMORY)
      throw Error(ErrorKind::network, fmt::format("{}: a line of the headers is too long", address_.where));
    if (result != CURLE_OK) {
      throw Error(ErrorKind::network, fmt::format("{}: {}", address_.where, error_text_[0] != '\0' ? error_text_ : curl_easy_strerror(result)),
                  address_.secure() ? fmt::format("the certificates for it are ca.pem, cert.pem and key.pem in {}", in_quotes(address_.certificates.native())) : "");
    }
  }

  [[noreturn]] void fail_to_connect() const {
    long os_error = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_OS_ERRNO, &os_error);
    const bool refused = os_error == EACCES || os_error == EPERM;
    const bool known = os_error != 0 && os_error != EINPROGRESS;
    throw Error(refused ? ErrorKind::denied : ErrorKind::network,
                fmt::format("cannot connect to {}: {}", address_.where, known ? std::strerror(static_cast<int>(os_error)) : error_text_),
                refused ? "your account may not use this socket; 'docker save' by someone who may, then docker-archive:"
                        : "is the service running? DOCKER_HOST (CONTAINER_HOST for podman) or --docker-host names another address");
  }

  [[noreturn]] void fail_with_status(long code) const {
    const char* elsewhere = nullptr;
    curl_easy_getinfo(handle_.get(), CURLINFO_REDIRECT_URL, &elsewhere);
    const auto kind = code == 404 ? ErrorKind::not_found : code == 401 || code == 403 ? ErrorKind::denied : ErrorKind::network;
    throw Error(kind, fmt::format("{}: status {}: {}", address_.where, code,
                                  elsewhere != nullptr ? fmt::format("it points to {}, which is not followed", in_quotes(elsewhere)) : printable(message_of(error_body_))));
  }

  static std::string message_of(const std::string& body) {
    const Json document = Json::parse(body, nullptr, false);
    if (document.is_object() && document.contains("message") && document["message"].is_string()) return document["message"];
    return body.empty() ? "no message" : body;
  }

  const EngineAddress address_;
  std::chrono::seconds patience_;
  std::stop_token stop_;
  CurlHandle handle_;
  CurlMulti multi_;
  char error_text_[CURL_ERROR_SIZE] = {};

  // Of the transfer's thread.
  using Clock = std::chrono::steady_clock;
  std::string error_body_;
  HeaderBudget headers_;
  CallbackFailure callback_failure_;
  Clock::time_point last_sign_;
  bool silent_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> pieces_;
  std::size_t used_ = 0;
  std::size_t waiting_ = 0;
  std::exception_ptr failure_;
  bool ended_ = false;
  bool abandoned_ = false;

  std::jthread thread_;  // last
};

}  // namespace

EngineApi::EngineApi(Transport transport, const SourceOptions& options)
    : address_(find_engine(transport, options)), patience_(options.service_timeout), operation_(options.operation) {
  if (!address_.verified) operation_.logger->write(LogLevel::warning, fmt::format("{}: who answers there is not verified", address_.where));
}

std::string EngineApi::escaped(std::string_view text) {
  static constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::unique_ptr<Source> EngineApi::stream(const std::string& path) {
  operation_.logger->write(LogLevel::debug, fmt::format("{}: GET {}", address_.where, path));
  return std::make_unique<Transfer>(address_, path, patience_, operation_.stop);
}

Json EngineApi::get(const std::string& path, const Limits& limits) {
  const auto body = read_all(*stream(path), limits.json_bytes, path);
  return parse_json(as_text(body), path, limits);
}

}  // namespace sifkit::oci
