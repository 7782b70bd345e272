// SPDX-License-Identifier: Apache-2.0
//
// What is sent to a registry, and everything that a registry can do wrong with it.
#include "registry/blob_upload.h"
#include "registry/repository_writer.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::oci;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;
using Lines = std::vector<std::string>;

namespace {

struct PushFixture : RegistryFixture {
  std::string bytes = random_bytes(300'000, 5);
  std::size_t opened = 0;

  std::string digest() const { return "sha256:" + sha256(bytes); }
  std::string blob_path(const std::string& repository = "app") const {
    return "/v2/" + repository + "/blobs/" + digest();
  }

  ReadableBlob blob() {
    return {Digest::parse(digest()), bytes.size(), [this] {
              ++opened;
              return std::make_unique<MemorySource>(as_bytes(bytes));
            }};
  }

  RegistryName name() const { return RegistryName::parse(server.place() + "/app:1", "app:1"); }

  /// Sends the blob; how many bytes the writer says were sent.
  std::uint64_t push(const std::string& neighbour = "") {
    RepositoryWriter writer(name(), options);
    if (!neighbour.empty()) writer.mount_from(RegistryName::parse(server.place() + "/" + neighbour, neighbour));
    writer.add_blob(blob());
    return writer.sent_bytes();
  }

  std::string push_failure() {
    const auto error = error_of([&] { push(); });
    if (!error) return "none";
    return std::string(to_string(error->kind())) + ": " + error->what() + " | " + error->hint().text();
  }

  bool arrived() const { return server.bytes_of(blob_path()) == bytes; }

  /// Methods and paths, without what an upload is called.
  Lines lines() const {
    Lines out;
    for (const auto& request : server.requests()) {
      const auto end = std::min(request.path.find("/uploads/"), request.path.rfind('/'));
      out.push_back(request.method + " " + request.path.substr(0, end));
    }
    return out;
  }

  std::size_t body_bytes() const {
    std::size_t out = 0;
    for (const auto& request : server.requests()) out += request.body.size();
    return out;
  }
};

}  // namespace

TEST_CASE("a blob is sent in one request, and not at all where it is there", "[oci][registry][push]") {
  PushFixture fixture;
  CHECK(fixture.push() == fixture.bytes.size());
  CHECK(fixture.arrived());
  CHECK(fixture.lines() == Lines{"HEAD /v2/app/blobs", "POST /v2/app/blobs", "PUT /v2/app/blobs"});
  CHECK(fixture.server.requests()[2].header("content-type") == "application/octet-stream");
  CHECK(fixture.body_bytes() == fixture.bytes.size());
  fixture.server.forget();
  CHECK(fixture.push() == 0);
  CHECK(fixture.lines() == Lines{"HEAD /v2/app/blobs"});
  CHECK(fixture.opened == 1);
  // One of another repository is taken from there, if the registry does that.
  fixture.server.forget();
  fixture.bytes = random_bytes(5000, 6);
  fixture.server.put_blob("other/app", fixture.bytes);
  CHECK(fixture.push("other/app") == 0);
  CHECK(fixture.arrived());
  CHECK(fixture.server.lines().back() == "POST /v2/app/blobs/uploads/?mount=" + fixture.digest() + "&from=other/app");
  CHECK(fixture.opened == 1);
  CHECK(fixture.server.uploads() == 0);
  for (const unsigned status : {400u, 401u, 403u, 404u, 405u, 202u}) {
    CAPTURE(status);
    fixture.bytes = random_bytes(5000, 7 + status);
    fixture.server.forget();
    fixture.server.set_fault([&](const Request& request) -> Answer {
      if (request.path.find("?mount=") == std::string::npos || status == 202) return std::nullopt;
      return RegistryServer::failure(status, "DENIED", "project other not found");
    });
    CHECK(fixture.push("other/app") == fixture.bytes.size());
    CHECK(fixture.arrived());
    CHECK(fixture.server.uploads() == 0);
    CHECK(fixture.server.count("POST") == (status == 202 ? 1 : 2));
  }
}

TEST_CASE("an upload that breaks off goes on where it was", "[oci][registry][push]") {
  PushFixture fixture;
  fixture.bytes = random_bytes((9 << 20) + 77, 1);
  const std::size_t after = GENERATE(0u, 1u, 70'000u, 5'000'000u, (9u << 20) + 70);
  CAPTURE(after);
  int cuts = 0;
  fixture.server.set_cut([&](const Request& request) -> std::optional<std::size_t> {
    if (request.method != "PUT" || cuts++ != 0) return std::nullopt;
    return after;
  });
  CHECK(fixture.push() == fixture.bytes.size());
  CHECK(fixture.arrived());
  CHECK(fixture.opened == 2);
  const auto lines = fixture.server.lines();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const auto& line) { return line.starts_with("PATCH"); }) >= 1);
  // Nothing that had come is sent again; "0-0" may be no byte at all, so that one is.
  const std::size_t again = after == 1 ? 1 : 0;
  CHECK(fixture.body_bytes() == fixture.bytes.size() + again);
  for (const auto& request : fixture.server.requests())
    CHECK(request.body.size() <= std::max<std::size_t>(after, BlobUpload::kChunk));
}

TEST_CASE("chunks are what the registry takes", "[oci][registry][push]") {
  PushFixture fixture;
  fixture.bytes = random_bytes((9 << 20) + 77, 2);
  std::atomic<int> broken = 0;
  const auto ranges = [&] {
    Lines out;
    for (const auto& request : fixture.server.requests())
      if (request.method == "PATCH") out.push_back(request.header("content-range"));
    return out;
  };
  SECTION("what is too large in one piece") {
    fixture.server.set_fault([&](const Request& request) -> Answer {
      if (request.method != "PUT" || std::stoull(request.header("content-length")) < 5'000'000) return std::nullopt;
      return "HTTP/1.1 413 Too Large\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: "
             "close\r\n\r\n<html>";
    });
    fixture.options.registry.retries = 0;  // it is no failure
    CHECK(fixture.push() == fixture.bytes.size());
    CHECK(ranges() == Lines{"0-4194303", "4194304-8388607", "8388608-9437260"});
    CHECK(fixture.body_bytes() == fixture.bytes.size());
  }
  SECTION("a floor for the size of a chunk") {
    fixture.server.set_fault([&](const Request& request) -> Answer {
      if (request.method == "POST") {
        auto answer = fixture.server.answer(request);
        return answer.insert(answer.find("\r\n") + 2, "OCI-Chunk-Min-Length: 5000000\r\n");
      }
      if (request.method == "PUT" && broken++ == 0) return RegistryServer::failure(503, "", "busy");
      return std::nullopt;
    });
    CHECK(fixture.push() == fixture.bytes.size());
    CHECK(ranges() == Lines{"0-4999999", "5000000-9437260"});
  }
  SECTION("a floor that is out of all bounds") {
    fixture.server.set_fault([&](const Request& request) -> Answer {
      if (request.method == "PUT") return RegistryServer::failure(413, "", "too large");
      if (request.method != "POST") return std::nullopt;
      auto answer = fixture.server.answer(request);
      return answer.insert(answer.find("\r\n") + 2, "OCI-Chunk-Min-Length: 100000000\r\n");
    });
    CHECK_THAT(fixture.push_failure(),
               ContainsSubstring("it wants chunks of 100000000 bytes, over the limit of 67108864"));
    return;
  }
  SECTION("a chunk that fails") {
    std::atomic<int> patches = 0;
    fixture.server.set_fault([&](const Request& request) -> Answer {
      if (request.method == "PUT" && broken++ == 0) return RegistryServer::failure(502, "", "gone");
      if (request.method == "PATCH" && patches++ == 1) return RegistryServer::failure(500, "", "no");
      return std::nullopt;
    });
    CHECK(fixture.push() == fixture.bytes.size());
    // The second one did not count: it is sent again, from where the upload is.
    CHECK(ranges() == Lines{"0-4194303", "4194304-8388607", "4194304-8388607", "8388608-9437260"});
  }
  CHECK(fixture.arrived());
}

TEST_CASE("what is lost is sent anew, and what cannot heal is told", "[oci][registry][push]") {
  PushFixture fixture;
  std::atomic<int> tries = 0;
  const auto trouble = [&](std::string method, std::function<Answer(const Request&, int)> fault) {
    tries = 0;
    fixture.server.forget();
    fixture.server.set_fault([&, method, fault](const Request& request) -> Answer {
      return request.method == method ? fault(request, tries++) : std::nullopt;
    });
  };
  SECTION("an upload that has expired") {
    trouble("PUT", [&](const Request&, int number) -> Answer {
      if (number == 0) fixture.server.forget_uploads();
      return std::nullopt;
    });
    CHECK(fixture.push() == fixture.bytes.size());
    CHECK(fixture.arrived());
    CHECK(fixture.server.count("POST") == 2);
  }
  SECTION("an answer that got lost") {
    trouble("PUT", [&](const Request& request, int number) -> Answer {
      if (number == 0) fixture.server.answer(request);
      return number == 0 ? Answer("HTTP/1.1 2") : std::nullopt;
    });
    CHECK(fixture.push() == fixture.bytes.size());
    CHECK(fixture.server.count("PUT") == 1);
    CHECK(fixture.arrived());
  }
  SECTION("too many requests") {
    trouble("PUT", [](const Request&, int number) -> Answer {
      return number == 0 ? Answer(RegistryServer::failure(429, "TOOMANYREQUESTS", "slow down", "Retry-After: 0\r\n"))
                         : std::nullopt;
    });
    CHECK(fixture.push() == fixture.bytes.size());
    trouble("PUT", [](const Request&, int) -> Answer {
      return RegistryServer::failure(429, "TOOMANYREQUESTS", "slow down", "Retry-After: 999\r\n");
    });
    fixture.bytes += "other";
    CHECK_THAT(fixture.push_failure(), StartsWith("network: ") && ContainsSubstring("toomanyrequests: slow down") &&
                                           ContainsSubstring("asked again in 999 s"));
    CHECK(fixture.server.count("PUT") == 1);
  }
  SECTION("a registry that never takes it") {
    fixture.server.set_fault([](const Request& request) -> Answer {
      if (request.method != "PUT" && request.method != "PATCH") return std::nullopt;
      return RegistryServer::failure(503, "UNAVAILABLE", "no disk");
    });
    CHECK_THAT(fixture.push_failure(),
               StartsWith("network: ") && ContainsSubstring("status 503: unavailable: no disk"));
    CHECK(fixture.server.count("PUT") + fixture.server.count("PATCH") == fixture.options.registry.retries + 1);
    trouble("POST",
            [](const Request&, int) -> Answer { return RegistryServer::failure(503, "UNAVAILABLE", "no disk"); });
    CHECK_THAT(fixture.push_failure(),
               StartsWith("network: ") && ContainsSubstring("status 503: unavailable: no disk"));
    CHECK(fixture.server.count("POST") == fixture.options.registry.retries + 1);
  }
  SECTION("another digest") {
    trouble("PUT",
            [](const Request&, int) -> Answer { return RegistryServer::failure(400, "DIGEST_INVALID", "no match"); });
    CHECK_THAT(fixture.push_failure(),
               StartsWith("network: ") && ContainsSubstring("status 400: digest invalid: no match"));
    trouble("PUT", [](const Request&, int) -> Answer {
      return RegistryServer::response(201, "", "Docker-Content-Digest: sha256:" + std::string(64, 'b') + "\r\n");
    });
    CHECK_THAT(fixture.push_failure(), StartsWith("integrity: ") && ContainsSubstring("found 'sha256:bbbb"));
  }
  SECTION("bytes that are not the blob's") {
    auto wrong = fixture.blob();
    const std::string other = random_bytes(300'000, 99);
    wrong.open = [&] { return std::make_unique<MemorySource>(as_bytes(other)); };
    const auto sent = [&] { return error_of([&] { RepositoryWriter(fixture.name(), fixture.options).add_blob(wrong); }); };
    const auto error = sent();
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::integrity);
    CHECK_FALSE(fixture.arrived());
    wrong.size -= 1;
    const auto longer = sent();
    REQUIRE(longer);
    CHECK_THAT(longer->what(), ContainsSubstring("more than 299999 bytes"));
  }
  SECTION("nothing may be pushed") {
    trouble("POST",
            [](const Request&, int) -> Answer { return RegistryServer::failure(403, "DENIED", "access denied"); });
    CHECK_THAT(fixture.push_failure(),
               StartsWith("denied: ") && ContainsSubstring("status 403: denied: access denied"));
    CHECK(fixture.opened == 0);
  }
}

TEST_CASE("credentials go to the registry only, wherever it has blobs sent", "[oci][registry][push]") {
  PushFixture fixture;
  RegistryServer elsewhere;
  fixture.options.registry.credentials = RegistryCredentials{"alice", "s3cret", "", "", "the test"};
  std::atomic<int> refused = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path.starts_with("/token")) return RegistryServer::response(200, R"({"token":"t0ken"})");
    if (request.header("authorization") != "Bearer t0ken") {
      ++refused;
      return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                     "WWW-Authenticate: Bearer realm=\"" + fixture.server.url("/token") +
                                         "\",service=\"r\",scope=\"repository:app:pull,push\"\r\n");
    }
    if (request.method == "POST")
      return RegistryServer::response(202, "", "Location: " + elsewhere.url("/store/1?signature=x") + "\r\n");
    return std::nullopt;
  });
  elsewhere.set_fault([](const Request&) -> Answer { return RegistryServer::response(201, ""); });
  CHECK(fixture.push() == fixture.bytes.size());
  CHECK(refused == 1);
  CHECK(fixture.server.count("scope=repository:app:pull,push") == 1);
  REQUIRE(elsewhere.requests().size() == 1);
  CHECK(elsewhere.requests()[0].path == "/store/1?signature=x&digest=" + fixture.digest());
  CHECK((elsewhere.requests()[0].body == fixture.bytes));
  for (const std::string secret : {"t0ken", "s3cret", "YWxpY2U6czNjcmV0"})
    CHECK(elsewhere.wire().find(secret) == std::string::npos);
  // A challenge from there is no reason to show anything.
  fixture.bytes += "x";
  elsewhere.forget();
  elsewhere.set_fault([](const Request&) -> Answer {
    return RegistryServer::failure(401, "UNAUTHORIZED", "who?", "WWW-Authenticate: Basic realm=\"x\"\r\n");
  });
  CHECK_THAT(fixture.push_failure(), StartsWith("denied: ") && ContainsSubstring("status 401: unauthorized: who?"));
  CHECK(elsewhere.wire().find("Authorization") == std::string::npos);
}

TEST_CASE("an upload goes where the registry sends it", "[oci][registry][push]") {
  PushFixture fixture;
  RegistryServer elsewhere;
  fixture.options.registry.credentials = RegistryCredentials{"alice", "s3cret", "", "", "the test"};
  elsewhere.set_fault([](const Request&) -> Answer { return RegistryServer::response(201, ""); });
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.header("authorization") != "Basic YWxpY2U6czNjcmV0")
      return RegistryServer::failure(401, "UNAUTHORIZED", "who?", "WWW-Authenticate: Basic realm=\"x\"\r\n");
    if (request.method == "POST" && request.path.find("moved") == std::string::npos)
      return RegistryServer::redirect("/v2/app/blobs/uploads/?moved=yes", 308);
    if (request.method == "PUT") return RegistryServer::redirect(elsewhere.url("/s3/1?signature=x"));
    return std::nullopt;
  });
  CHECK(fixture.push() == fixture.bytes.size());
  REQUIRE(elsewhere.requests().size() == 1);
  CHECK(elsewhere.requests()[0].path == "/s3/1?signature=x");
  CHECK((elsewhere.requests()[0].body == fixture.bytes));
  CHECK(elsewhere.wire().find("Authorization") == std::string::npos);
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (request.method != "POST") return std::nullopt;
    return RegistryServer::redirect(request.path);
  });
  CHECK_THAT(fixture.push_failure(), StartsWith("network: ") && ContainsSubstring("status 307"));
}

TEST_CASE("a token that expires in the middle is renewed, and the blob sent once", "[oci][registry][push]") {
  PushFixture fixture;
  fixture.bytes = random_bytes(2 << 20, 3);  // it is asked for first
  std::atomic<int> tokens = 0;
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path.starts_with("/token"))
      return RegistryServer::response(200, fmt::format(R"({{"token":"t{}"}})", ++tokens));
    const auto wanted = request.method == "PUT" ? "Bearer t2" : "Bearer t1";
    if (request.header("authorization") == wanted) return std::nullopt;
    return RegistryServer::failure(401, "UNAUTHORIZED", "expired",
                                   "WWW-Authenticate: Bearer realm=\"" + fixture.server.url("/token") + "\"\r\n");
  });
  CHECK(fixture.push() == fixture.bytes.size());
  CHECK(fixture.arrived());
  CHECK(tokens == 2);
  CHECK(fixture.body_bytes() == fixture.bytes.size());
}

TEST_CASE("a Location that leads astray is not followed", "[oci][registry][push]") {
  PushFixture fixture;
  const auto with = [&](const std::string& location) {
    fixture.server.forget();
    fixture.server.set_fault([&, location](const Request& request) -> Answer {
      if (request.method != "POST") return std::nullopt;
      return RegistryServer::response(202, "", location.empty() ? "" : "Location: " + location + "\r\n");
    });
    return fixture.push_failure();
  };
  CHECK_THAT(with(""), ContainsSubstring("status 202: it has no Location header"));
  CHECK_THAT(with("file:///etc/passwd"), ContainsSubstring("its Location 'file:///etc/passwd' is no URL"));
  CHECK_THAT(with("http://user:word@127.0.0.1/x"), ContainsSubstring("is no URL") && !ContainsSubstring("word"));
  CHECK(fixture.server.count("PUT") == 0);
}

TEST_CASE("a manifest is put under its name once its blobs are there", "[oci][registry][push]") {
  PushFixture fixture;
  RepositoryWriter writer(fixture.name(), fixture.options);
  const std::string text = R"({"schemaVersion":2,"config":{"digest":")" + fixture.digest() + R"("},"layers":[]})";
  const std::string type = LayoutBuilder::kManifest;
  const auto missing = error_of([&] { writer.put_manifest(text, type, "1"); });
  REQUIRE(missing);
  CHECK_THAT(missing->what(), ContainsSubstring("status 400: manifest blob unknown: blob unknown to registry"));
  writer.add_blob(fixture.blob());
  CHECK(writer.put_manifest(text, type, "1").hex() == sha256(text));
  CHECK(fixture.server.bytes_of("/v2/app/manifests/1") == text);
  CHECK(fixture.server.requests().back().header("content-type") == type);
  const auto other = error_of([&] { writer.put_manifest(text, type, "sha256:" + std::string(64, 'a')); });
  REQUIRE(other);
  CHECK(other->kind() == ErrorKind::usage);
  fixture.server.set_fault([](const Request&) -> Answer {
    return RegistryServer::response(201, "", "Docker-Content-Digest: sha256:" + std::string(64, 'c') + "\r\n");
  });
  const auto lying = error_of([&] { writer.put_manifest(text, type, "1"); });
  REQUIRE(lying);
  CHECK(lying->kind() == ErrorKind::integrity);
  CHECK_THAT(lying->what(), ContainsSubstring("manifest: expected sha256:" + sha256(text)));
}
