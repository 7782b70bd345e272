// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>
#include <sifkit/core/text.h>

namespace sifkit::testing {

/// A registry in this process, on loopback, that answers each connection once and does wrong what a test wants it to.
class RegistryServer {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::string head;  ///< all of it
    std::string body;

    std::string header(std::string_view name) const {
      for (std::size_t at = head.find("\r\n"); at + 2 < head.size();) {
        const auto end = std::min(head.find("\r\n", at + 2), head.size());
        const auto line = head.substr(at + 2, end - at - 2);
        const auto colon = std::min(line.find(':'), line.size());
        if (equal_ignoring_case(line.substr(0, colon), name))
          return std::string(trimmed(line.substr(std::min(colon + 1, line.size()))));
        at = end;
      }
      return {};
    }
  };

  /// What is sent in place of the right answer; nothing: that one. An empty text: silence until the client goes.
  using Fault = std::function<std::optional<std::string>(const Request&)>;

  RegistryServer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (!listener_ || ::bind(listener_.get(), raw, length) != 0 || ::listen(listener_.get(), 64) != 0 ||
        ::getsockname(listener_.get(), raw, &length) != 0)
      throw std::runtime_error("cannot listen");
    place_ = fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
    thread_ = std::jthread([this] { run(); });
  }

  ~RegistryServer() {
    stopping_ = true;
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
    const std::lock_guard lock(mutex_);
    for (const int client : clients_) ::shutdown(client, SHUT_RDWR);
  }

  /// "127.0.0.1:PORT"
  const std::string& place() const noexcept { return place_; }
  std::string url(const std::string& path) const { return "http://" + place_ + path; }
  std::string image(const std::string& name) const { return "docker://" + place_ + "/" + name; }

  void set_fault(Fault fault) {
    const std::lock_guard lock(mutex_);
    fault_ = std::move(fault);
  }

  /// Under its path ("/v2/app/manifests/1"); blobs under those of all repositories.
  void put(const std::string& path, const std::string& type, const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    documents_[path] = {type, bytes};
  }
  void put_manifest(const std::string& repository, const std::string& tag, const std::string& type,
                    const std::string& text) {
    const auto prefix = "/v2/" + repository + "/manifests/";
    put(prefix + digest_of(as_bytes(text)).text(), type, text);
    if (!tag.empty()) put(prefix + tag, type, text);
  }
  void put_blob(const std::string& repository, const std::string& bytes) {
    put("/v2/" + repository + "/blobs/" + digest_of(as_bytes(bytes)).text(), "application/octet-stream", bytes);
  }

  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  /// "GET /path", in order.
  std::vector<std::string> lines() const {
    std::vector<std::string> out;
    for (const auto& request : requests()) out.push_back(request.method + " " + request.path);
    return out;
  }
  std::size_t count(const std::string& part) const {
    std::size_t out = 0;
    for (const auto& line : lines()) out += line.find(part) != std::string::npos;
    return out;
  }
  /// Everything that has come over the wire.
  std::string wire() const {
    std::string out;
    for (const auto& request : requests()) out += request.head + request.body;
    return out;
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    requests_.clear();
  }

  static std::string response(unsigned status, const std::string& body,
                              const std::string& headers = "Content-Type: application/json\r\n") {
    return fmt::format("HTTP/1.1 {} Reason\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n", status, headers,
                       body.size()) +
           body;
  }
  static std::string redirect(const std::string& to, unsigned status = 307) {
    return response(status, "", "Location: " + to + "\r\n");
  }
  static std::string failure(unsigned status, const std::string& code, const std::string& message,
                             const std::string& headers = "") {
    return response(status, fmt::format(R"({{"errors":[{{"code":"{}","message":"{}"}}]}})", code, message),
                    "Content-Type: application/json\r\n" + headers);
  }

  /// The right answer to a request for what was put here.
  std::string answer(const Request& request) const {
    const std::lock_guard lock(mutex_);
    const auto found = documents_.find(request.path);
    if (found == documents_.end())
      return failure(404, request.path.find("/blobs/") != std::string::npos ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN",
                     "unknown here");
    const auto& [type, bytes] = found->second;
    const auto range = request.header("range");
    if (!range.starts_with("bytes=")) return response(200, bytes, "Content-Type: " + type + "\r\n");
    const auto start = std::stoull(range.substr(6));
    if (start >= bytes.size())
      return response(416, "invalid range", fmt::format("Content-Range: bytes */{}\r\n", bytes.size()));
    return response(206, bytes.substr(start),
                    fmt::format("Content-Range: bytes {}-{}/{}\r\n", start, bytes.size() - 1, bytes.size()));
  }

 private:
  void run() {
    std::list<std::jthread> servers;
    while (!stopping_) {
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      servers.emplace_back([this, fd = std::move(client)] { serve(fd.get()); });
    }
    const std::lock_guard lock(mutex_);
    for (const int client : clients_) ::shutdown(client, SHUT_RDWR);
  }

  void serve(int client) {
    {
      const std::lock_guard lock(mutex_);
      clients_.push_back(client);
    }
    answer_one(client);
    const std::lock_guard lock(mutex_);
    std::erase(clients_, client);
  }

  void answer_one(int client) {
    std::string text;
    char buffer[16384];
    const auto more = [&] {
      const auto got = ::recv(client, buffer, sizeof buffer, 0);
      if (got > 0 && text.empty() && buffer[0] == '\x16') {  // a client that speaks TLS
        static constexpr std::string_view kPlain = "HTTP/1.1 400 Bad Request\r\n\r\n";
        ::send(client, kPlain.data(), kPlain.size(), MSG_NOSIGNAL);
        return false;
      }
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      return got > 0;
    };
    while (text.find("\r\n\r\n") == std::string::npos) {
      if (!more()) return;
    }
    Request request;
    const auto end = text.find("\r\n\r\n");
    request.head = text.substr(0, end + 2);
    const auto space = text.find(' ');
    request.method = text.substr(0, space);
    request.path = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
    const auto length = request.header("content-length");
    const std::size_t size = length.empty() ? 0 : std::stoull(length);
    while (text.size() < end + 4 + size) {
      if (!more()) return;
    }
    request.body = text.substr(end + 4);
    Fault fault;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
      fault = fault_;
    }
    const auto wrong = fault ? fault(request) : std::nullopt;
    const auto reply = wrong ? *wrong : answer(request);
    while (reply.empty() && more()) {
    }
    for (std::size_t at = 0; at < reply.size();) {
      const auto sent = ::send(client, reply.data() + at, reply.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;
      at += static_cast<std::size_t>(sent);
    }
  }

  struct Document {
    std::string type;
    std::string bytes;
  };

  UniqueFd listener_;
  std::string place_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  Fault fault_;
  std::map<std::string, Document> documents_;
  std::vector<Request> requests_;
  std::vector<int> clients_;
  std::jthread thread_;
};

}  // namespace sifkit::testing
