// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

#include <sifkit/core/file.h>

namespace sifkit::testing {

/// A service that gives one answer a connection: all bytes of it, as `answer` says for the path that is asked for.
/// Nothing: it stays silent until the client goes.
class EngineServer {
 public:
  using Answer = std::function<std::optional<std::string>(const std::string& path)>;

  /// On TCP, loopback only.
  explicit EngineServer(Answer answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listen_on(reinterpret_cast<sockaddr*>(&address), sizeof address);
    socklen_t length = sizeof address;
    if (::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) throw std::runtime_error("getsockname");
    place_ = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
    url_ = "tcp://" + place_;
    thread_ = std::jthread([this] { run(); });
  }

  /// On a unix socket.
  EngineServer(Answer answer, const std::filesystem::path& path) : answer_(std::move(answer)), listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) throw std::runtime_error("the socket's path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    listen_on(reinterpret_cast<sockaddr*>(&address), sizeof address);
    place_ = path.native();
    url_ = "unix://" + place_;
    thread_ = std::jthread([this] { run(); });
  }

  ~EngineServer() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
  }

  /// "tcp://127.0.0.1:PORT" or "unix://PATH".
  const std::string& url() const noexcept { return url_; }
  /// "127.0.0.1:PORT" or the path.
  const std::string& place() const noexcept { return place_; }

  /// The paths that were asked for.
  std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  /// What was sent for them, up to the empty line.
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }

  static std::string response(unsigned status, const std::string& body, const std::string& type = "application/json") {
    return fmt::format("HTTP/1.1 {} Reason\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", status, type, body.size()) + body;
  }

  static std::string chunked(const std::string& body, std::size_t piece = 10000) {
    std::string out = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    for (std::size_t at = 0; at < body.size(); at += piece) {
      const auto part = body.substr(at, piece);
      out += fmt::format("{:x}\r\n", part.size()) + part + "\r\n";
    }
    return out + "0\r\n\r\n";
  }

 private:
  void listen_on(const sockaddr* address, socklen_t length) {
    if (!listener_ || ::bind(listener_.get(), address, length) != 0 || ::listen(listener_.get(), 16) != 0) throw std::runtime_error("cannot listen");
  }

  void run() {
    while (!stopping_) {
      const UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (client) serve(client.get());
    }
  }

  void serve(int client) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const auto got = ::recv(client, buffer, sizeof buffer, 0);
      if (got <= 0) return;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    const auto start = request.find(' ') + 1;
    const auto path = request.substr(start, request.find(' ', start) - start);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(path);
      heads_.push_back(request.substr(0, request.find("\r\n\r\n") + 2));
    }
    const auto answer = answer_(path);
    if (!answer) {
      while (::recv(client, buffer, sizeof buffer, 0) > 0) {
      }
      return;
    }
    for (std::size_t at = 0; at < answer->size();) {
      const auto sent = ::send(client, answer->data() + at, answer->size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }

  Answer answer_;
  UniqueFd listener_;
  std::string place_;
  std::string url_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::string> heads_;
  std::jthread thread_;  // last
};

}  // namespace sifkit::testing
