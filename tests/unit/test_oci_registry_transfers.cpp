// SPDX-License-Identifier: Apache-2.0
//
// Several requests at once, one after another over one connection, and those that are given up.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "registry/repository_writer.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::oci;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

/// Counts what is shown, which one thread does.
class CountedProgress : public Progress {
 public:
  void stage(std::string_view, std::uint64_t) override { check(); }
  void advance(std::uint64_t bytes) override {
    check();
    bytes_ += bytes;
  }
  std::uint64_t bytes() const { return bytes_; }
  bool by_one_thread() const { return one_thread_; }

 private:
  void check() { one_thread_ = one_thread_ && std::this_thread::get_id() == thread_; }

  const std::thread::id thread_ = std::this_thread::get_id();
  bool one_thread_ = true;
  std::uint64_t bytes_ = 0;
};

struct TransferFixture : RegistryFixture {
  std::vector<std::string> texts{random_bytes(200'000, 1), random_bytes(200'000, 2), random_bytes(200'000, 3)};
  CountedProgress progress;

  TransferFixture() { options.operation.progress = &progress; }

  RegistryName name() const { return RegistryName::parse(server.place() + "/app:1", "app"); }
  ReadableBlob blob(const std::string& text) const {
    ReadableBlob out;
    out.digest = digest_of(as_bytes(text));
    out.size = text.size();
    out.open = [&text] { return std::make_unique<MemorySource>(as_bytes(text)); };
    out.context = "blob " + std::to_string(text.size());
    return out;
  }
  bool is_there(const std::string& text) const {
    return server.bytes_of("/v2/app/blobs/sha256:" + sha256(text)) == text;
  }
  void send_all() {
    RepositoryWriter writer(name(), options);
    for (const auto& text : texts) writer.send_blob(blob(text));
    writer.put_manifest(R"({"schemaVersion":2})", LayoutBuilder::kManifest, "1");
  }
};

}  // namespace

TEST_CASE("blobs are sent side by side, and shown by one thread", "[oci][registry][push]") {
  TransferFixture fixture;
  fixture.options.registry.connections = 2;
  std::mutex mutex;
  std::condition_variable changed;
  unsigned now = 0;
  unsigned most = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.method != "PUT" || request.path.find("/blobs/") == std::string::npos) return std::nullopt;
    std::unique_lock lock(mutex);
    most = std::max(most, ++now);
    changed.notify_all();
    if (most < 2) changed.wait_for(lock, std::chrono::seconds(10), [&] { return most >= 2; });
    --now;
    return std::nullopt;
  });
  fixture.send_all();
  CHECK(most == 2);
  for (const auto& text : fixture.texts) CHECK(fixture.is_there(text));
  CHECK(fixture.server.lines().back() == "PUT /v2/app/manifests/1");
  CHECK(fixture.progress.bytes() == 600'000);
  CHECK(fixture.progress.by_one_thread());
}

TEST_CASE("one upload that fails ends the others, and nothing waits for them there", "[oci][registry][push]") {
  TransferFixture fixture;
  const auto digest = sha256(fixture.texts[1]);
  std::mutex mutex;
  std::condition_variable changed;
  unsigned silent = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.method != "PUT") return std::nullopt;
    std::unique_lock lock(mutex);
    if (request.path.find(digest) != std::string::npos) {
      changed.wait_for(lock, std::chrono::seconds(10), [&] { return silent == 2; });
      return RegistryServer::failure(403, "DENIED", "not this one");
    }
    ++silent;
    changed.notify_all();
    return "";
  });
  const auto error = error_of([&] { fixture.send_all(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::denied);
  CHECK_THAT(error->what(),
             ContainsSubstring("blob 200000: ") && ContainsSubstring("status 403: denied: not this one"));
  CHECK(fixture.server.uploads() == 0);
  CHECK(fixture.server.count("manifests") == 0);
}

TEST_CASE("a registry that loses what it has taken is given no more tries", "[oci][registry][push][hostile]") {
  TransferFixture fixture;
  fixture.texts = {random_bytes(std::size_t{3} << 20, 4)};
  fixture.options.registry.connections = 1;
  std::atomic<unsigned> sent = 0;
  std::atomic<unsigned> asked = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    static constexpr unsigned kEndless = 100;
    if (request.method == "PUT" || request.method == "PATCH") {
      if (++sent == kEndless) return RegistryServer::failure(403, "DENIED", "it would go on for ever");
      return RegistryServer::failure(503, "UNAVAILABLE", "no disk");
    }
    if (request.method != "GET" || request.path.find("/uploads/") == std::string::npos) return std::nullopt;
    if (asked++ % 2 == 0) return RegistryServer::response(204, "", "Range: 0-2097151\r\n");
    return RegistryServer::failure(404, "BLOB_UPLOAD_UNKNOWN", "lost");
  });
  const auto error = error_of([&] { fixture.send_all(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::network);
  CHECK(sent == fixture.options.registry.retries + 1);
}

TEST_CASE("a stop cancels what a registry waits for", "[oci][registry][push]") {
  TransferFixture fixture;
  std::stop_source stop;
  fixture.options.operation.stop = stop.get_token();
  fixture.options.registry.connections = 1;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.method != "PUT") return std::nullopt;
    stop.request_stop();
    return "";
  });
  const auto error = error_of([&] { fixture.send_all(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::cancelled);
  CHECK(fixture.server.uploads() == 0);
  CHECK(fixture.server.count("DELETE /v2/app/blobs/uploads/") >= 1);
  // Where some of it has arrived the registry waits for it elsewhere.
  stop = {};
  fixture.options.operation.stop = stop.get_token();
  fixture.server.set_fault({});
  fixture.server.set_cut([&](const Request& request) -> std::optional<std::size_t> {
    if (request.method != "PUT") return std::nullopt;
    stop.request_stop();
    return 1000;
  });
  CHECK(error_of([&] { fixture.send_all(); }));
  CHECK(fixture.server.uploads() == 0);
  fixture.server.set_cut({});
  // One that was begun to see whether that is allowed, and then not needed.
  fixture.options.operation.stop = {};
  fixture.server.set_fault({});
  {
    RepositoryWriter writer(fixture.name(), fixture.options);
    writer.expect_welcome();
    CHECK(fixture.server.uploads() == 1);
  }
  CHECK(fixture.server.uploads() == 0);
}

TEST_CASE("one connection serves one request after another", "[oci][registry]") {
  TransferFixture fixture;
  fixture.server.keep_connections();
  fixture.options.registry.connections = 1;
  fixture.options.registry.credentials = RegistryCredentials{.user = "ada", .password = "secret"};
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (!request.header("authorization").empty()) return std::nullopt;
    return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                   "WWW-Authenticate: Basic realm=\"x\"\r\n");
  });
  fixture.send_all();
  CHECK(fixture.server.requests().size() ==
        11);  // HEAD, POST and PUT of each blob; the manifest; and one that is refused
  CHECK(fixture.server.connections() == 1);
  fixture.put(small_image(), "image");
  const auto image = fixture.open("image:1");
  CHECK(fixture.layers(*image).size() == small_image().layers.size());
  CHECK(fixture.server.connections() == 2);
}
