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

#include "registry_uploads.h"

namespace sifkit::testing {

/// A registry in this process, on loopback, that answers each connection once, unless it keeps them, and does wrong what a
/// test wants it to.
class RegistryServer {
 public:
  struct Request {
    std::string method;
    std::string path;
    std::string head;  ///< all of it
    std::string body;  ///< none yet where the client waits for a word before it sends it

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

  /// Answers as many requests as come over one connection, or `most` of them; then it is closed without a word.
  void keep_connections(std::size_t most = 1000) { requests_a_connection_ = most; }
  std::size_t connections() const { return connections_; }

  /// How much of a request's body is read, before the connection is closed; nothing: all of it.
  using Cut = std::function<std::optional<std::size_t>(const Request&)>;
  void set_cut(Cut cut) {
    const std::lock_guard lock(mutex_);
    cut_ = std::move(cut);
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
  /// What is there under a path.
  std::optional<std::string> bytes_of(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = documents_.find(path);
    return found == documents_.end() ? std::nullopt : std::optional(found->second.bytes);
  }
  std::size_t uploads() const {
    const std::lock_guard lock(mutex_);
    return uploads_.size();
  }
  /// As when they have expired.
  void forget_uploads() {
    const std::lock_guard lock(mutex_);
    uploads_.forget_all();
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

  /// The right answer to a request.
  std::string answer(const Request& request) {
    const std::lock_guard lock(mutex_);
    if (request.method == "HEAD") {
      const auto whole = given(request);
      return whole.substr(0, whole.find("\r\n\r\n") + 4);
    }
    if (request.path.find("/blobs/uploads/") != std::string::npos) return taken(request);
    if (request.method == "PUT") return taken_manifest(request);
    return given(request);
  }

 private:
  std::string taken(const Request& request) {
    const auto repository = RegistryUploads::repository_of(request.path);
    if (request.method == "POST") {
      const auto mounted = RegistryUploads::parameter(request.path, "mount");
      const auto from = documents_.find("/v2/" + RegistryUploads::parameter(request.path, "from") + "/blobs/" + mounted);
      if (!mounted.empty() && from != documents_.end()) {
        const auto document = from->second;
        documents_["/v2/" + repository + "/blobs/" + mounted] = document;
        return response(201, "", fmt::format("Location: /v2/{}/blobs/{}\r\n", repository, mounted));
      }
      return response(202, "", uploads_.begin(repository).headers());
    }
    auto* const upload = uploads_.find(request.path);
    if (upload == nullptr) return failure(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
    if (request.method == "GET") return response(204, "", upload->headers());
    const bool current = std::stoull(RegistryUploads::parameter(request.path, "_state")) == upload->bytes.size();
    if (request.method == "DELETE" && current) {
      uploads_.forget(*upload);
      return response(204, "");
    }
    if (!current) return failure(404, "BLOB_UPLOAD_INVALID", "blob upload invalid");
    upload->bytes += request.body;
    if (request.method == "PATCH") return response(202, "", upload->headers());
    const auto digest = RegistryUploads::parameter(request.path, "digest");
    const auto bytes = upload->bytes;
    uploads_.forget(*upload);
    if (digest_of(as_bytes(bytes)).text() != digest)
      return failure(400, "DIGEST_INVALID", "provided digest did not match uploaded content");
    documents_["/v2/" + repository + "/blobs/" + digest] = {"application/octet-stream", bytes};
    return response(201, "", "Docker-Content-Digest: " + digest + "\r\n");
  }

  std::string taken_manifest(const Request& request) {
    const auto repository = "/v2/" + RegistryUploads::repository_of(request.path);
    const Json manifest = Json::parse(request.body);
    std::vector<std::string> needed;
    if (manifest.contains("config")) needed.push_back(manifest["config"]["digest"]);
    for (const auto& layer : manifest.value("layers", Json::array())) needed.push_back(layer["digest"]);
    for (const auto& digest : needed) {
      if (!documents_.contains(repository + "/blobs/" + digest))
        return failure(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
    }
    for (const auto& child : manifest.value("manifests", Json::array())) {
      if (!documents_.contains(repository + "/manifests/" + child["digest"].get<std::string>()))
        return failure(400, "MANIFEST_BLOB_UNKNOWN", "manifest unknown to registry");
    }
    const auto digest = digest_of(as_bytes(request.body)).text();
    for (const auto& path : {request.path, repository + "/manifests/" + digest})
      documents_[path] = {request.header("content-type"), request.body};
    return response(201, "", "Docker-Content-Digest: " + digest + "\r\n");
  }

  std::string given(const Request& request) const {
    const auto found = documents_.find(request.path);
    if (found == documents_.end())
      return failure(404,
                     request.path.find("/blobs/") != std::string::npos       ? "BLOB_UNKNOWN"
                     : request.path.find("/tags/list") != std::string::npos ? "NAME_UNKNOWN"
                                                                             : "MANIFEST_UNKNOWN",
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

  void run() {
    std::list<std::jthread> servers;
    while (!stopping_) {
      UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      ++connections_;
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
    for (std::size_t i = 0; i < std::max<std::size_t>(requests_a_connection_, 1) && answer_one(client); ++i) {
    }
    ::shutdown(client, SHUT_RDWR);
    const std::lock_guard lock(mutex_);
    std::erase(clients_, client);
  }

  /// Whether the connection may be used again.
  bool answer_one(int client) {
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
      if (!more()) return false;
    }
    Request request;
    const auto end = text.find("\r\n\r\n");
    request.head = text.substr(0, end + 2);
    const auto space = text.find(' ');
    request.method = text.substr(0, space);
    request.path = text.substr(space + 1, text.find(' ', space + 1) - space - 1);
    text.erase(0, end + 4);
    const auto length = request.header("content-length");
    const std::size_t size = length.empty() ? 0 : std::stoull(length);
    const bool chunked = request.header("transfer-encoding") == "chunked";
    const bool waits = request.header("expect") == "100-continue";
    Fault fault;
    std::optional<std::size_t> cut;
    std::size_t number = 0;
    {
      const std::lock_guard lock(mutex_);
      number = requests_.size();
      requests_.push_back(request);
      fault = fault_;
      if (cut_) cut = cut_(request);
    }
    auto wrong = fault && waits ? fault(request) : std::nullopt;
    if (waits && !wrong) send(client, "HTTP/1.1 100 Continue\r\n\r\n");
    if (!waits || !wrong) {
      const auto enough = [&] { return chunked ? text.ends_with("0\r\n\r\n") : text.size() >= cut.value_or(size); };
      while (!enough()) {
        if (!more()) return false;
      }
      request.body = chunked ? unchunked(text) : text.substr(0, cut.value_or(size));
      const std::lock_guard lock(mutex_);
      if (number < requests_.size()) requests_[number].body = request.body;
    }
    if (cut) {
      request.method = "PATCH";  // what has come counts, and is not the end
      answer(request);
      return false;
    }
    if (fault && !waits) wrong = fault(request);
    auto reply = wrong ? *wrong : answer(request);
    while (reply.empty() && more()) {
    }
    static constexpr std::string_view kClose = "Connection: close\r\n";
    const auto close = reply.find(kClose);
    if (requests_a_connection_ != 0 && close != std::string::npos) reply.erase(close, kClose.size());
    send(client, reply);
    return requests_a_connection_ != 0;
  }

  static std::string unchunked(std::string_view text) {
    std::string out;
    while (!text.empty()) {
      const auto size = std::stoull(std::string(text.substr(0, text.find('\r'))), nullptr, 16);
      text.remove_prefix(text.find('\n') + 1);
      out += text.substr(0, size);
      text.remove_prefix(size + 2);
    }
    return out;
  }

  static void send(int client, std::string_view reply) {
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
  std::atomic<std::size_t> requests_a_connection_ = 0;  ///< 0: one, and that is said
  std::atomic<std::size_t> connections_ = 0;
  mutable std::mutex mutex_;
  Fault fault_;
  Cut cut_;
  RegistryUploads uploads_;
  std::map<std::string, Document> documents_;
  std::vector<Request> requests_;
  std::vector<int> clients_;
  std::jthread thread_;
};

}  // namespace sifkit::testing
