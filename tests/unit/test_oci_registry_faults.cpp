// SPDX-License-Identifier: Apache-2.0
//
// Everything that a registry can do wrong while an image is fetched, and what is made of it.
#include <atomic>
#include <filesystem>

#include "registry/layer_fetcher.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

/// An image of one layer, "blob", which the registry has trouble with.
struct OneLayer : RegistryFixture {
  TestImage image;
  std::string path;
  std::atomic<int> tries = 0;

  explicit OneLayer(std::size_t size = 200'000) {
    image.layers = {random_bytes(size, 7)};
    put(image);
    path = "/v2/app/blobs/sha256:" + sha256(image.layers[0]);
  }

  /// `fault` answers the requests for the layer; its number is given, from 0.
  void trouble(std::function<Answer(const Request&, int)> fault) {
    tries = 0;
    server.forget();
    server.set_fault([this, fault = std::move(fault)](const Request& request) -> Answer {
      return request.path == path ? fault(request, tries++) : std::nullopt;
    });
  }

  bool whole() { return layers(*open("app:1")) == image.layers; }
  std::vector<std::string> ranges() const {
    std::vector<std::string> out;
    for (const auto& request : server.requests())
      if (request.path == path) out.push_back(request.header("range"));
    return out;
  }
  /// The right answer, cut after some bytes of its body.
  std::string cut(const Request& request, std::size_t after) {
    const auto answer = server.answer(request);
    return answer.substr(0, answer.find("\r\n\r\n") + 4 + after);
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("what breaks off goes on where it was", "[oci][registry][hostile]") {
  OneLayer registry;
  registry.trouble([&](const Request& request, int n) -> Answer {
    return n < 2 ? Answer(registry.cut(request, 70'000)) : std::nullopt;
  });
  CHECK(registry.whole());
  CHECK(registry.ranges() == Lines{"", "bytes=70000-", "bytes=140000-"});
  // A server that does not know ranges sends all of it, or says so; what is there already is passed over.
  registry.trouble([&](const Request& request, int n) -> Answer {
    if (n == 0) return registry.cut(request, 150'000);
    if (n == 1) return RegistryServer::response(400, "no");
    return RegistryServer::response(200, registry.image.layers[0]);
  });
  CHECK(registry.whole());
  CHECK(registry.ranges() == Lines{"", "bytes=150000-", ""});
  registry.trouble([&](const Request& request, int n) -> Answer {
    return n == 0 ? registry.cut(request, 150'000) : RegistryServer::response(200, registry.image.layers[0]);
  });
  CHECK(registry.whole());
  CHECK(registry.ranges() == Lines{"", "bytes=150000-"});
  // One that sends another range than it was asked for is asked for all of it.
  bool once = true;
  registry.trouble([&](const Request& request, int n) -> Answer {
    if (n == 0) return registry.cut(request, 150'000);
    if (once && n == 2) return std::nullopt;
    return RegistryServer::response(206, registry.image.layers[0].substr(100'000),
                                    "Content-Range: bytes 100000-199999/200000\r\n");
  });
  CHECK(registry.whole());
  CHECK(registry.ranges() == Lines{"", "bytes=150000-", ""});
  once = false;
  registry.tries = 0;
  CHECK_THAT(registry.failure("app:1"),
             ContainsSubstring("network: ") &&
                 ContainsSubstring("asked for all of it, got the range 'bytes 100000-199999/200000'"));
  // Without an end: tries that bring nothing are counted.
  registry.options.registry.retries = 3;
  registry.trouble([&](const Request& request, int) -> Answer { return registry.cut(request, 0); });
  CHECK_THAT(registry.failure("app:1"), StartsWith("network: "));
  CHECK(registry.ranges().size() == 4);
}

TEST_CASE("a body has as many bytes as its descriptor says", "[oci][registry][hostile]") {
  OneLayer registry;
  const auto& layer = registry.image.layers[0];
  registry.trouble([&](const Request&, int) -> Answer { return RegistryServer::response(200, layer + "x"); });
  CHECK_THAT(registry.failure("app:1"),
             StartsWith("integrity: ") && ContainsSubstring("expected 200000 bytes, got 200001"));
  registry.trouble([&](const Request&, int) -> Answer {
    return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + layer + "x";  // its end is that of the connection
  });
  CHECK_THAT(registry.failure("app:1"), StartsWith("integrity: ") && ContainsSubstring("more than 200000 bytes"));
  registry.trouble(
      [&](const Request&, int) -> Answer { return "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + layer; });
  CHECK(registry.whole());
  CHECK(registry.server.requests().size() == 3);
}

TEST_CASE("bytes of another digest are the server's fault", "[oci][registry][hostile]") {
  OneLayer registry;
  auto wrong = registry.image.layers[0];
  wrong[100'000] = static_cast<char>(wrong[100'000] ^ 1);
  registry.trouble([&](const Request&, int) -> Answer { return RegistryServer::response(200, wrong); });
  CHECK_THAT(registry.failure("app:1"),
             StartsWith("integrity: ") && ContainsSubstring("expected sha256:" + sha256(registry.image.layers[0]) +
                                                            ", got sha256:" + sha256(wrong)) &&
                 ContainsSubstring("| the server, or a proxy or cache on the way to it, has sent other bytes"));
  CHECK(registry.tries == 1);
}

TEST_CASE("an answer that is encoded on the way is told as that", "[oci][registry][hostile]") {
  OneLayer registry;
  const auto& layer = registry.image.layers[0];
  const std::string gzip = "Content-Encoding: gzip\r\n";
  const auto told = [&](const std::string& answer) {
    registry.trouble([&](const Request&, int) -> Answer { return answer; });
    CHECK_THAT(registry.failure("app:1"),
               StartsWith("network: ") &&
                   ContainsSubstring(": expected the bytes as they are kept, got Content-Encoding: gzip | a server or a proxy"));
    CHECK(registry.tries == 1);
  };
  told(RegistryServer::response(200, "\x1f\x8b\x08 and less", gzip));
  told("HTTP/1.1 200 OK\r\n" + gzip + "Connection: close\r\n\r\n\x1f\x8b\x08" + layer);
  // A server that only calls so what it keeps sends what was pushed.
  registry.trouble([&](const Request&, int) -> Answer { return RegistryServer::response(200, layer, gzip); });
  CHECK(registry.whole());
  registry.trouble(
      [&](const Request&, int) -> Answer { return RegistryServer::response(200, layer, "Content-Encoding: identity\r\n"); });
  CHECK(registry.whole());
  registry.server.forget();
  registry.server.set_fault([&](const Request& request) -> Answer {
    return request.path.find("/manifests/") == std::string::npos
               ? std::nullopt
               : Answer(RegistryServer::response(200, "\x1f\x8b\x08 and less", gzip));
  });
  CHECK_THAT(registry.failure("app:1"), StartsWith("network: ") &&
                                            ContainsSubstring(": manifest: expected the bytes as they are kept, got "
                                                              "Content-Encoding: gzip |"));
  CHECK(registry.server.requests().at(0).header("accept-encoding") == "identity");
}

TEST_CASE("what may heal is tried again, what will not is told", "[oci][registry]") {
  OneLayer registry;
  for (const unsigned status : {408u, 500u, 502u, 503u, 504u}) {
    registry.trouble([&](const Request&, int n) -> Answer {
      return n == 0 ? Answer(RegistryServer::response(status, "", "Retry-After: 0\r\n")) : std::nullopt;
    });
    CHECK(registry.whole());
    CHECK(registry.tries == 2);
  }
  const auto limit = RegistryServer::failure(429, "TOOMANYREQUESTS", "You have reached your pull rate limit");
  registry.trouble([&](const Request&, int n) -> Answer { return n < 3 ? Answer(limit) : std::nullopt; });
  CHECK(registry.whole());
  // Nobody waits for hours.
  registry.trouble([&](const Request&, int) -> Answer {
    return RegistryServer::failure(429, "TOOMANYREQUESTS", "You have reached your pull rate limit",
                                   "Retry-After: 7200\r\n");
  });
  const auto limited = registry.failure("app:1");
  CHECK_THAT(limited, StartsWith("network: ") &&
                          ContainsSubstring("status 429: toomanyrequests: You have reached your pull rate limit"));
  CHECK_THAT(limited, ContainsSubstring("it may be asked again in 7200 s"));
  CHECK(registry.tries == 1);
  for (const unsigned status : {403u, 404u, 405u, 501u}) {
    registry.trouble([&](const Request&, int) -> Answer {
      return RegistryServer::failure(status, "DENIED", "requested access is denied");
    });
    CHECK_THAT(registry.failure("app:1"), ContainsSubstring("denied: requested access is denied"));
    CHECK(registry.tries == 1);
  }
  registry.trouble(
      [&](const Request&, int) -> Answer { return RegistryServer::response(403, "<html><body>x</body></html>"); });
  CHECK_THAT(registry.failure("app:1"), StartsWith("denied: ") && ContainsSubstring("status 403: no message"));
  registry.trouble([&](const Request&, int) -> Answer { return ""; });
  registry.options.service_timeout = std::chrono::seconds(1);
  registry.options.registry.retries = 1;
  CHECK_THAT(registry.failure("app:1"), StartsWith("network: ") && ContainsSubstring("silent for 1 s"));
  CHECK(registry.tries == 2);
}

TEST_CASE("redirects lead to blobs, credentials stay at home", "[oci][registry][hostile]") {
  OneLayer registry;
  RegistryServer store;
  store.put("/blob?X-Amz-Signature=s1gned", "application/octet-stream", registry.image.layers[0]);
  registry.options.registry.credentials = {
      {.user = "alice", .password = "s3cret", .identity_token = {}, .registry_token = {}, .origin = "--creds"}};
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.header("authorization") != "Basic YWxpY2U6czNjcmV0")
      return RegistryServer::response(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    return request.path == registry.path ? Answer(RegistryServer::redirect(store.url("/blob?X-Amz-Signature=s1gned")))
                                         : std::nullopt;
  });
  CHECK(registry.whole());
  CHECK(store.requests().size() == 1);
  CHECK(store.requests()[0].header("authorization").empty());
  // It breaks off there: the registry is asked once more for a URL that is good.
  std::atomic<int> tries = 0;
  store.set_fault([&](const Request& request) -> Answer {
    if (tries++ != 0) return std::nullopt;
    const auto answer = store.answer(request);
    return answer.substr(0, answer.size() - 1000);
  });
  registry.server.forget();
  CHECK(registry.whole());
  CHECK(registry.server.count(registry.path) == 2);
  CHECK(store.requests().back().header("range") == "bytes=199000-");
  // A challenge that comes from there is not the registry's, and no signature is told.
  store.set_fault([](const Request&) -> Answer {
    return RegistryServer::response(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
  });
  const auto refused = registry.failure("app:1");
  CHECK_THAT(refused, StartsWith("denied: ") && ContainsSubstring("(at http://" + store.place() + "): status 401"));
  CHECK_THAT(refused, !ContainsSubstring("s1gned") && !ContainsSubstring("s3cret"));
  CHECK_THAT(refused, ContainsSubstring("| it was asked without credentials") && !ContainsSubstring("--creds"));
  CHECK_THAT(store.wire(), !ContainsSubstring("YWxpY2U6czNjcmV0"));
  registry.trouble([&](const Request&, int) -> Answer { return RegistryServer::redirect(registry.path); });
  registry.options.registry.credentials.reset();
  CHECK_THAT(registry.failure("app:1"), ContainsSubstring("more than 10 redirects"));
  registry.trouble(
      [&](const Request&, int) -> Answer { return RegistryServer::redirect("file:///etc/passwd?x=s1gned"); });
  CHECK_THAT(registry.failure("app:1"), ContainsSubstring("'file:///etc/passwd', which is not followed"));
}

TEST_CASE("a layer that may not be given away is fetched where its manifest says", "[oci][registry]") {
  OneLayer registry;
  RegistryServer elsewhere;
  elsewhere.put("/layer", "application/octet-stream", registry.image.layers[0]);
  auto manifest = Json::parse(registry.put(registry.image));
  manifest["layers"][0]["urls"] = {"ftp://x/layer", "http://user@" + elsewhere.place() + "/layer",
                                   elsewhere.url("/gone"), elsewhere.url("/layer")};
  registry.server.put_manifest("app", "1", LayoutBuilder::kManifest, manifest.dump());
  registry.options.registry.credentials = {
      {.user = "alice", .password = "s3cret", .identity_token = {}, .registry_token = {}, .origin = "--creds"}};
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.header("authorization").empty())
      return RegistryServer::response(401, "", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    return request.path == registry.path ? Answer(RegistryServer::failure(404, "BLOB_UNKNOWN", "not here"))
                                         : std::nullopt;
  });
  CHECK(registry.whole());
  CHECK(elsewhere.lines() == Lines{"GET /gone", "GET /layer"});
  CHECK_THAT(elsewhere.wire(), !ContainsSubstring("Authorization"));
}

TEST_CASE("layers come over several connections, in order for their reader", "[oci][registry]") {
  TempDir scratch;
  static constexpr std::size_t kSize = 20u << 20;
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  class Generated : public Source {
   public:
    Generated(std::size_t index, std::atomic<int>& running, std::atomic<int>& most) : index_(index), running_(running) {
      const int now = ++running_;
      for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
      }
    }
    ~Generated() override { --running_; }
    std::size_t read(std::span<std::byte> into) override {
      if (index_ == 2 && at_ > 1'000'000) throw Error(ErrorKind::network, "broken");
      const auto count = std::min(into.size(), kSize - at_);
      std::fill_n(into.begin(), count, static_cast<std::byte>(index_));
      at_ += count;
      return count;
    }

   private:
    std::size_t index_;
    std::atomic<int>& running_;
    std::size_t at_ = 0;
  };
  for (const bool room : {true, false}) {
    oci::LayerFetcher fetcher(
        {6, 5, 4, 3, 2, 1, 0}, 3, [&](std::size_t index) { return std::make_unique<Generated>(index, running, most); },
        room ? scratch.path() : scratch / "none");
    CHECK(fetcher.take(0) == nullptr);  // not its turn
    for (std::size_t index = 6; index >= 3; --index) {
      const auto source = fetcher.take(index);
      REQUIRE(source);
      const auto bytes = read_all(*source, kSize, "layer");
      CHECK(bytes.size() == kSize);
      CHECK(std::all_of(bytes.begin(), bytes.end(), [&](std::byte b) { return b == static_cast<std::byte>(index); }));
    }
    const auto broken = error_of([&] { read_all(*fetcher.take(2), kSize, "layer"); });
    REQUIRE(broken);
    CHECK(broken->message() == "broken");
    fetcher.take(1);  // and nobody reads it
  }
  CHECK(running == 0);
  CHECK(most > 1);
  CHECK(most <= 3);
}

TEST_CASE("a host that has never answered is tried as often as is asked for", "[oci][registry]") {
  class Tries : public Logger {
   public:
    void write(LogLevel, std::string_view text) override { count += text.find("trying again") == text.npos ? 0u : 1u; }
    std::atomic<unsigned> count = 0;
  };
  for (const auto& [retries, expected] : {std::pair{0u, 0u}, {1u, 1u}, {4u, 4u}, {5u, 2u}, {7u, 7u}}) {
    CAPTURE(retries);
    Tries tries;
    RegistryFixture fixture;
    fixture.options.registry.retries = retries;
    fixture.options.operation.logger = &tries;
    const auto error = error_of([&] {
      oci::open_image(oci::Reference::parse("docker://127.0.0.1:1/app"), fixture.options, fixture.warnings);
    });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::network);
    CHECK(tries.count == expected);
  }
}

TEST_CASE("a host that nobody knows is told with what may help", "[oci][registry]") {
  RegistryFixture fixture;
  fixture.options.registry.retries = 0;
  const std::string host = std::string(64, 'n') + ".invalid";  // too long a word: no server of names is asked
  const auto error = error_of([&] {
    oci::open_image(oci::Reference::parse("docker://" + host + "/app"), fixture.options, fixture.warnings);
  });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::network);
  CHECK(error->hint().text() ==
        "is " + host + " the name of a registry? where only a proxy knows it, the variable http_proxy names one");
}
