// SPDX-License-Identifier: Apache-2.0
//
// Showing a registry who is asking: what is sent to whom, and what never is.
#include <atomic>

#include <sifkit/core/base64.h>

#include "registry/registry_client.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

const std::string kSecret = "s3cret:p w";

std::string basic(const std::string& user, const std::string& password) {
  return "Basic " + base64_encode(as_bytes(user + ":" + password));
}

/// A registry with a token service at /token, whose tokens are good for so many requests.
struct WithTokens : RegistryFixture {
  std::atomic<int> given = 0;
  std::atomic<int> uses_left = 0;
  int good_for = 1000;
  std::string member = "token";
  std::string realm;
  std::function<Answer(const Request&)> token_fault;

  WithTokens() {
    put(small_image(), "team/app");
    realm = server.url("/token?kept=1");
    server.set_fault([this](const Request& request) -> Answer { return answer(request); });
  }

  Answer answer(const Request& request) {
    if (request.path.starts_with("/token")) {
      if (token_fault) {
        if (auto wrong = token_fault(request)) return wrong;
      }
      uses_left = good_for;
      return RegistryServer::response(200, Json{{member, "t" + std::to_string(++given)}, {"expires_in", 5}}.dump());
    }
    if (request.header("authorization") == "Bearer t" + std::to_string(given) && uses_left-- > 0) return std::nullopt;
    return RegistryServer::response(
        401, R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})",
        "WWW-Authenticate: Bearer realm=\"" + realm +
            "\",service=\"the registry\",scope=\"repository:other:*\"\r\nContent-Type: application/json\r\n");
  }

  void log_in(oci::RegistryCredentials credentials) {
    credentials.origin = "'auth.json'";
    options.registry.credentials = std::move(credentials);
  }

  std::vector<Request> token_requests() const {
    auto out = server.requests();
    std::erase_if(out, [](const Request& request) { return !request.path.starts_with("/token"); });
    return out;
  }
};

}  // namespace

TEST_CASE("a token is fetched as the challenge says", "[oci][registry][auth]") {
  WithTokens registry;
  CHECK(registry.failure("team/app:1") == "none");
  REQUIRE(registry.token_requests().size() == 1);
  const auto anonymous = registry.token_requests()[0];
  // The scope is ours: what a registry asks for could be more.
  CHECK(anonymous.path == "/token?kept=1&service=the%20registry&scope=repository:team/app:pull");
  CHECK(anonymous.header("authorization").empty());
  CHECK(registry.server.count("/manifests/") == 2);

  registry.log_in({.user = "robot$a+b", .password = kSecret, .identity_token = {}, .registry_token = {}, .origin = {}});
  registry.server.forget();
  registry.member = "access_token";
  CHECK(registry.failure("team/app:1") == "none");
  const auto known = registry.token_requests().at(0);
  CHECK(known.header("authorization") == basic("robot$a+b", kSecret));
  CHECK_THAT(known.path, ContainsSubstring("&account=robot%24a%2Bb"));
  // The password goes to the token service and nowhere else.
  for (const auto& request : registry.server.requests()) {
    if (!request.path.starts_with("/token")) CHECK_THAT(request.header("authorization"), !StartsWith("Basic"));
  }

  registry.log_in({.user = {}, .password = {}, .identity_token = "refresh+1", .registry_token = {}, .origin = {}});
  registry.server.forget();
  CHECK(registry.failure("team/app:1") == "none");
  const auto exchanged = registry.token_requests().at(0);
  CHECK(exchanged.method == "POST");
  CHECK(exchanged.header("content-type") == "application/x-www-form-urlencoded");
  CHECK(exchanged.body ==
        "grant_type=refresh_token&refresh_token=refresh%2B1&service=the%20registry&"
        "scope=repository%3Ateam%2Fapp%3Apull&client_id=sifkit");
  // Where that is not known, the other way is.
  registry.token_fault = [](const Request& request) -> Answer {
    return request.method == "POST" ? Answer(RegistryServer::response(404, "")) : std::nullopt;
  };
  CHECK(registry.failure("team/app:1") == "none");

  registry.given = 7;
  registry.uses_left = 1000;
  registry.server.forget();
  registry.log_in({.user = {}, .password = {}, .identity_token = {}, .registry_token = "t7", .origin = {}});
  CHECK(registry.failure("team/app:1") == "none");
  CHECK(registry.token_requests().empty());
}

TEST_CASE("a token that expires on the way is renewed, once a request", "[oci][registry][auth]") {
  WithTokens registry;
  registry.good_for = 1;
  registry.options.registry.connections = 1;
  CHECK(registry.failure("team/app:1") == "none");
  CHECK(registry.given == 4);  // a manifest, a configuration, two layers
  registry.good_for = 0;
  registry.server.forget();
  CHECK_THAT(registry.failure("team/app:1"),
             StartsWith("denied: ") && ContainsSubstring("status 401: unauthorized: authentication required"));
  CHECK(registry.token_requests().size() == 1);
}

TEST_CASE("a registry that wants more is given it once", "[oci][registry][auth]") {
  WithTokens registry;
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.path.starts_with("/token") || registry.given == 0) return registry.answer(request);
    if (registry.given == 1) {
      return RegistryServer::response(401, "",
                                      "WWW-Authenticate: Bearer realm=\"" + registry.realm +
                                          "\",error=\"insufficient_scope\",scope=\"repository:base:pull\"\r\n");
    }
    return registry.answer(request);
  });
  CHECK(registry.failure("team/app:1") == "none");
  CHECK_THAT(registry.token_requests().at(1).path,
             ContainsSubstring("scope=repository:team/app:pull&scope=repository:base:pull"));
}

TEST_CASE("a registry that never has enough is left", "[oci][registry][auth][hostile]") {
  WithTokens registry;
  std::atomic<int> asked = 0;
  std::atomic<int> patience = 1'000'000;  // how many rights it asks for before it gives a thing
  const auto wants_more = [&] {
    return RegistryServer::response(401, "",
                                    "WWW-Authenticate: Bearer realm=\"" + registry.realm +
                                        "\",error=\"insufficient_scope\",scope=\"repository:x" +
                                        std::to_string(++asked) + ":pull\"\r\n");
  };
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.path.starts_with("/token")) return registry.answer(request);
    return patience-- > 0 ? Answer(wants_more()) : std::nullopt;
  });
  CHECK_THAT(registry.failure("team/app:1"),
             StartsWith("denied: ") && ContainsSubstring(": more than 3 challenges for one request"));
  CHECK(registry.server.count("/manifests/") == 4);
  CHECK(registry.token_requests().size() == 3);
  // Little by little it gets no further.
  oci::SourceOptions options = registry.options;
  oci::RegistryClient client(oci::RegistryName::parse(registry.server.place() + "/team/app:1", "app"), options);
  int sent = 0;
  const auto error = error_of([&] {
    for (; sent < 100; ++sent) {
      patience = 2;
      client.send({.url = "/manifests/1"});
    }
  });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::denied);
  CHECK_THAT(error->what(), ContainsSubstring(": it asks for more than 16 scopes"));
  CHECK(sent == 7);
}

TEST_CASE("a password is sent when it is asked for, and not twice", "[oci][registry][auth]") {
  WithTokens registry;
  std::string challenge = "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: BASIC realm=\"x\"\r\n";
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.header("authorization") == basic("alice", kSecret)) return std::nullopt;
    return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required", challenge);
  });
  CHECK_THAT(registry.failure("team/app:1"),
             StartsWith("denied: ") && ContainsSubstring("the repository may be private, or not exist"));
  CHECK(registry.server.requests().size() == 1);
  registry.log_in({.user = "alice", .password = kSecret, .identity_token = {}, .registry_token = {}, .origin = {}});
  registry.server.forget();
  CHECK(registry.failure("team/app:1") == "none");
  CHECK(registry.server.requests().front().header("authorization").empty());
  CHECK(registry.server.requests().size() == 5);  // the first one twice
  registry.log_in({.user = "alice", .password = "wrong", .identity_token = {}, .registry_token = {}, .origin = {}});
  registry.server.forget();
  const auto refused = registry.failure("team/app:1");
  CHECK_THAT(refused, StartsWith("denied: ") && ContainsSubstring("the credentials are from 'auth.json'") &&
                          !ContainsSubstring("wrong"));
  CHECK(registry.server.requests().size() == 2);
  challenge = "WWW-Authenticate: Negotiate\r\n";
  registry.server.forget();
  CHECK_THAT(registry.failure("team/app:1"), StartsWith("denied: "));
  CHECK(registry.server.requests().size() == 1);
}

TEST_CASE("a challenge that cannot be answered does not hide the next one", "[oci][registry][auth]") {
  WithTokens registry;
  bool one_header = false;
  registry.server.set_fault([&](const Request& request) -> Answer {
    const auto right = registry.answer(request);
    if (!right || request.path.starts_with("/token")) return right;
    const auto bearer = "Bearer realm=\"" + registry.realm + "\",service=\"x\"\r\n";
    return RegistryServer::response(401, "", "WWW-Authenticate: Basic realm=\"x\"" +
                                                 (one_header ? ", " + bearer : "\r\nWWW-Authenticate: " + bearer));
  });
  CHECK(registry.failure("team/app:1") == "none");
  REQUIRE(registry.token_requests().size() == 1);
  CHECK(registry.token_requests()[0].header("authorization").empty());
  one_header = true;
  registry.log_in({.user = {}, .password = {}, .identity_token = "refresh", .registry_token = {}, .origin = {}});
  registry.server.forget();
  CHECK(registry.failure("team/app:1") == "none");
  REQUIRE(registry.token_requests().size() == 1);
  CHECK(registry.token_requests()[0].method == "POST");
}

TEST_CASE("what a server repeats of a secret is not told", "[oci][registry][auth][hostile]") {
  WithTokens registry;
  const auto told = [&](const std::string& user, const std::string& password, const std::string& challenge) {
    registry.log_in({.user = user, .password = password, .identity_token = {}, .registry_token = {}, .origin = {}});
    registry.server.set_fault([&, challenge](const Request& request) -> Answer {
      const auto sent = request.header("authorization");
      const auto pair = base64_decode(sent.substr(std::min<std::size_t>(sent.find(' ') + 1, sent.size())));
      const auto echo = "you sent " + sent + " and " + std::string(pair ? as_text(*pair) : "") + ", " + password + "!";
      return RegistryServer::failure(request.path.starts_with("/token") ? 403 : 401, "DENIED", sent.empty() ? "who?" : echo,
                                     "WWW-Authenticate: " + challenge + "\r\n");
    });
    return registry.failure("team/app:1");
  };
  for (const auto& challenge : {std::string("Basic realm=\"x\""), "Bearer realm=\"" + registry.realm + "\""}) {
    const auto text = told("alice", "s3cret", challenge);
    CHECK_THAT(text, StartsWith("denied: ") && ContainsSubstring("you sent Basic *** and ***, ***!"));
    CHECK_THAT(text, !ContainsSubstring("s3cret") && !ContainsSubstring(base64_encode(as_bytes(std::string("alice:s3cret")))));
    CHECK_THAT(told("u", "p", challenge), ContainsSubstring("you sent Basic *** and ***, p!"));
  }
}

TEST_CASE("token services that are none, refuse or lie", "[oci][registry][auth][hostile]") {
  WithTokens registry;
  registry.log_in({.user = "alice", .password = kSecret, .identity_token = {}, .registry_token = {}, .origin = {}});
  const auto answered = [&](const std::string& text) {
    registry.token_fault = [text](const Request&) -> Answer { return text; };
    const auto failure = registry.failure("team/app:1");
    CHECK_THAT(failure, !ContainsSubstring(kSecret) && !ContainsSubstring("t0ken"));
    return failure;
  };
  CHECK_THAT(answered(RegistryServer::response(401, R"({"details":"incorrect username or password"})")),
             StartsWith("denied: ") && ContainsSubstring("status 401: incorrect username or password") &&
                 ContainsSubstring("the credentials are from 'auth.json'"));
  CHECK_THAT(answered(RegistryServer::failure(403, "DENIED", "denied")), ContainsSubstring("status 403: denied |"));
  CHECK_THAT(answered(RegistryServer::response(200, "t0ken")), ContainsSubstring("the answer is no JSON document"));
  CHECK_THAT(answered(RegistryServer::response(200, "{}")), ContainsSubstring("the answer has no token"));
  CHECK_THAT(answered(RegistryServer::response(200, R"({"token":"t0ken\r\nX-Evil: 1"})")),
             ContainsSubstring("the answer has no token"));
  CHECK_THAT(registry.server.wire(), !ContainsSubstring("X-Evil"));
  CHECK_THAT(answered(RegistryServer::response(200, R"({"token":7})")), StartsWith("malformed: "));
  CHECK_THAT(answered(RegistryServer::response(200, std::string((1u << 20) + 1, ' '))), StartsWith("limit: "));
  registry.token_fault = nullptr;
  const auto with_realm = [&](const std::string& realm) {
    registry.realm = realm;
    return registry.failure("team/app:1");
  };
  CHECK_THAT(with_realm("ftp://x/token"), StartsWith("denied: ") && ContainsSubstring("expected a URL with https://"));
  CHECK_THAT(with_realm("http://alice@" + registry.server.place() + "/token"), ContainsSubstring("expected a URL"));
  // Whom a redirect of the realm leads to gets no password.
  RegistryServer other;
  registry.realm = registry.server.url("/token");
  registry.token_fault = [&](const Request&) -> Answer { return RegistryServer::redirect(other.url("/steal")); };
  CHECK_THAT(registry.failure("team/app:1"), StartsWith("network: "));
  CHECK(other.count("/steal") >= 1);
  CHECK_THAT(other.wire(), !ContainsSubstring("Authorization"));
}
