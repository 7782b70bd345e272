// SPDX-License-Identifier: Apache-2.0
//
// Bodies that are read while they are sent, and connections that serve more than one request.
#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>

#include <sifkit/net/http_client.h>
#include <sifkit/net/url.h>

#include "support/catch.h"
#include "support/http_requests.h"
#include "support/registry_server.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::net;
using namespace sifkit::testing;

namespace {

using Answer = std::optional<std::string>;

/// Gives a text again and again, and counts.
struct Body {
  std::string text;
  std::size_t opened = 0;
  std::size_t read = 0;

  HttpBody streamed(bool known = true) {
    return {[this] { return open(); }, known ? std::optional<std::uint64_t>(text.size()) : std::nullopt};
  }

 private:
  class Reader : public Source {
   public:
    explicit Reader(Body& body) : body_(body) {}
    std::size_t read(std::span<std::byte> into) override {
      const auto count = std::min<std::size_t>({into.size(), 70'000, body_.text.size() - at_});
      std::memcpy(into.data(), body_.text.data() + at_, count);
      at_ += count;
      body_.read += count;
      return count;
    }

   private:
    Body& body_;
    std::size_t at_ = 0;
  };

  std::unique_ptr<Source> open() {
    ++opened;
    return std::make_unique<Reader>(*this);
  }
};

std::string text_of(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 >> 2);
  return out;
}

std::optional<std::string> made(const RegistryServer::Request&) { return RegistryServer::response(201, "made"); }

}  // namespace

TEST_CASE("a body is read while it is sent, with its size or in chunks", "[net]") {
  const Environment plain(no_proxies());
  RegistryServer server;
  server.set_fault(made);
  Body body{text_of(3 << 20)};
  for (const bool known : {true, false}) {
    INFO(known);
    server.forget();
    auto response = HttpClient({}).send({.url = server.url("/x"), .method = "PUT", .streamed = body.streamed(known)});
    CHECK(response.status() == 201);
    const auto sent = server.requests();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].method == "PUT");
    CHECK(sent[0].header("content-length") == (known ? std::to_string(body.text.size()) : ""));
    CHECK(sent[0].header("transfer-encoding") == (known ? "" : "chunked"));
    CHECK(sent[0].header("expect") == "100-continue");
  }
  // As fault answers before the body, only what was asked for is sent.
  CHECK(body.read == 0);
  server.set_fault({});
  server.forget();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{HttpBody::kMinExpected - 1},
                                 std::size_t{HttpBody::kMinExpected}, std::size_t{2 << 20}}) {
    Body other{text_of(size)};
    for (const bool known : {true, false}) {
      CAPTURE(size, known);
      server.forget();
      other.read = 0;
      HttpClient({}).send(
          {.url = server.url("/v2/app/blobs/uploads/"), .method = "POST", .streamed = other.streamed(known)});
      const auto sent = server.requests();
      REQUIRE(sent.size() == 1);
      CHECK((sent[0].body == other.text));
      CHECK(sent[0].header("expect") == (known && size < HttpBody::kMinExpected ? "" : "100-continue"));
      CHECK(other.read == size);
    }
  }
}

TEST_CASE("an answer that comes before the end of a body counts", "[net]") {
  const Environment plain(no_proxies());
  EngineServer server([](const std::string&) -> Answer { return EngineServer::response(413, "too much"); });
  // This one never says that it wants the body, and reads none of it.
  Body body{text_of(64 << 20)};
  auto response = HttpClient({}).send({.url = url_of(server), .method = "PUT", .streamed = body.streamed()});
  CHECK(response.status() == 413);
  CHECK(body.read == 0);
  CHECK(response.error_text() == "too much");
  CHECK(body.opened == 1);
}

TEST_CASE("what goes wrong with a body is told", "[net]") {
  const Environment plain(no_proxies());
  RegistryServer server;
  const std::string upload = server.url("/v2/app/blobs/uploads/");
  Body body{text_of(100'000)};
  HttpRequest request{.url = upload, .method = "POST", .streamed = body.streamed()};
  SECTION("it is shorter than its size") {
    request.streamed.size = body.text.size() + 5;
    const auto error = failure_of({}, request);
    CHECK(error.kind() == ErrorKind::integrity);
    CHECK(error.message() == "5 bytes are missing at the end of what is sent");
  }
  SECTION("it is longer: only its size is sent") {
    request.streamed.size = 1000;
    CHECK(HttpClient({}).send(request).status() == 202);
    CHECK((server.requests().back().body == body.text.substr(0, 1000)));
  }
  SECTION("it cannot be read") {
    class Broken : public Source {
      std::size_t read(std::span<std::byte>) override { throw Error(ErrorKind::io, "the disk is gone"); }
    };
    request.streamed.open = [] { return std::make_unique<Broken>(); };
    const auto error = failure_of({}, request);
    CHECK(error.kind() == ErrorKind::io);
    CHECK(error.message() == "the disk is gone");
  }
  SECTION("the connection breaks off") {
    server.set_cut([](const RegistryServer::Request&) { return std::optional<std::size_t>(10'000); });
    const auto error = error_of([&] { HttpClient({}).send(request); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::network);
    CHECK(server.requests().size() == 1);
  }
  SECTION("a stop ends it") {
    std::stop_source stop;
    class Stopping : public Source {
     public:
      explicit Stopping(std::stop_source& stop) : stop_(stop) {}
      std::size_t read(std::span<std::byte> into) override {
        stop_.request_stop();
        return into.size();
      }

     private:
      std::stop_source& stop_;
    };
    request.streamed = {[&] { return std::make_unique<Stopping>(stop); }, std::nullopt};
    OperationContext operation;
    operation.stop = stop.get_token();
    CHECK(failure_of({}, request, operation).kind() == ErrorKind::cancelled);
  }
}

TEST_CASE("a connection serves request after request, where clients share one", "[net]") {
  const Environment plain(no_proxies());
  RegistryServer server;
  server.keep_connections();
  server.put("/a", "text/plain", "hello");
  HttpOptions options;
  const auto get = [&](const std::string& path) {
    auto response = HttpClient(options).send({.url = server.url(path)});
    return fmt::format("{} {}", response.status(), response.status() == 200 ? response.text(10) : "");
  };
  CHECK(get("/a") == "200 hello");
  CHECK(get("/a") == "200 hello");
  CHECK(server.connections() == 2);
  options.connections = std::make_shared<HttpConnections>();
  for (int i = 0; i < 3; ++i) CHECK(get("/a") == "200 hello");
  CHECK(get("/none") == "404 ");  // whose text nobody has read
  CHECK(HttpClient(options).send({.url = server.url("/a"), .method = "HEAD"}).status() == 200);
  CHECK(get("/a") == "200 hello");
  CHECK(server.connections() == 3);
  // Two at once; then there are two to choose from.
  {
    auto first = HttpClient(options).send({.url = server.url("/a")});
    CHECK(get("/a") == "200 hello");
    CHECK(first.text(10) == "hello");
  }
  CHECK(get("/a") == "200 hello");
  CHECK(server.connections() == 4);
}

TEST_CASE("a connection that was closed meanwhile costs a new one, and a body is sent again", "[net]") {
  const Environment plain(no_proxies());
  RegistryServer server;
  server.keep_connections(2);
  HttpOptions options;
  options.connections = std::make_shared<HttpConnections>();
  unsigned opened = 0;
  const std::string bytes(5000, 'x');
  for (unsigned i = 1; i <= 5; ++i) {
    const auto response =
        HttpClient(options).send({.url = server.url("/v2/app/blobs/uploads/"),
                                  .method = "POST",
                                  .streamed = {[&] {
                                                 ++opened;
                                                 return std::make_unique<MemorySource>(as_bytes(bytes));
                                               },
                                               bytes.size()}});
    CHECK(response.status() == 202);
    CHECK(server.requests().size() == i);
    CHECK(server.requests().back().body == bytes);
  }
  CHECK(opened >= 5);
  CHECK(server.connections() == 3);
}

TEST_CASE("no program that is started meanwhile gets a connection", "[net]") {
  const Environment plain(no_proxies());
  RegistryServer server;
  // More than goes into the buffers of both ends.
  server.put("/a", "text/plain", std::string(std::size_t{8} << 20, 'x'));
  auto response = HttpClient({}).send({.url = server.url("/a")});
  CHECK(response.status() == 200);
  unsigned found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(entry.path().filename().native());
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0 || peer.sin_family != AF_INET) continue;
    if (fmt::format("127.0.0.1:{}", ntohs(peer.sin_port)) != server.place()) continue;
    ++found;
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK(found == 1);
}
