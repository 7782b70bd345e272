// SPDX-License-Identifier: Apache-2.0
//
// One set of rules for every server: what an answer is, how far a redirect leads, what ends a request.
#include <chrono>
#include <thread>

#include <sifkit/net/http_client.h>
#include <sifkit/net/url.h>

#include "proxy.h"
#include "support/catch.h"
#include "support/http_requests.h"
#include "support/registry_server.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::net;
using namespace sifkit::testing;

namespace {

using Answer = std::optional<std::string>;
using Seconds = std::chrono::seconds;

}  // namespace

TEST_CASE("an answer is its status, its headers and its body", "[net]") {
  const Environment plain(no_proxies());
  EngineServer server([](const std::string&) -> Answer {
    return "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\nHTTP/1.1 201 Made\r\nX-Two-Words:  a b \r\nx-two-words: "
           "second\r\nEmpty:\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  });
  auto response = HttpClient({}).send({.url = url_of(server, "/a/../b?c"), .headers = {{"X-Asked", "yes"}}});
  CHECK(response.status() == 201);
  CHECK(response.header("x-two-words") == "a b");
  CHECK(response.header("empty") == "");
  CHECK_FALSE(response.header("x-interim"));
  CHECK(response.text(5) == "hello");
  CHECK(server.requests() == std::vector<std::string>{"/a/../b?c"});
  CHECK_THAT(server.heads().front(),
             ContainsSubstring("\r\nX-Asked: yes\r\n") && ContainsSubstring("\r\nUser-Agent: sifkit\r\n"));
  auto head = HttpClient({}).send({.url = url_of(server), .method = "HEAD"});
  CHECK(head.status() == 201);
  CHECK(head.text(0).empty());
  auto body = HttpClient({}).send(
      {.url = url_of(server), .method = "POST", .headers = {{"Content-Type", "text/x"}}, .body = "abc"});
  CHECK_THAT(server.heads().back(), ContainsSubstring("POST / HTTP/1.1\r\n") &&
                                        ContainsSubstring("Content-Type: text/x\r\n") &&
                                        ContainsSubstring("Content-Length: 3\r\n"));
}

TEST_CASE("a body is read as it comes, in parts of any size", "[net]") {
  const Environment plain(no_proxies());
  std::string sent(3 << 20, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 31 >> 3);
  EngineServer server([&](const std::string&) -> Answer { return EngineServer::chunked(sent, 70'000); });
  const auto body = HttpClient({}).send({.url = url_of(server)}).take_body();
  std::string got;
  Bytes piece(1);
  while (const auto count = body->read(piece)) {
    got += as_text(ByteView(piece).first(count));
    piece.resize(std::min<std::size_t>(piece.size() * 3, 1 << 20));
  }
  CHECK(got == sent);
  CHECK(body->read(piece) == 0);
}

TEST_CASE("a unix socket stands in for a host", "[net]") {
  TempDir directory;
  const Environment proxies(no_proxies({{"http_proxy", "http://127.0.0.1:1"}}));
  EngineServer server([](const std::string&) -> Answer { return EngineServer::response(200, "local"); }, directory / "s");
  CHECK(HttpClient({.unix_socket = directory / "s"}).send({.url = "http://localhost/x"}).text(100) == "local");
  const auto error =
      failure_of({.name = "the service", .unix_socket = directory / "none", .hints = {.connect = "start it"}},
                 {.url = "http://localhost/x"});
  CHECK(error.kind() == ErrorKind::network);
  CHECK(error.message() == "cannot connect to the service: No such file or directory");
  CHECK(error.hint().text() == "start it");
}

TEST_CASE("a proxy is what the environment names, where one is wanted", "[net]") {
  EngineServer proxy([](const std::string&) -> Answer { return EngineServer::response(200, "by proxy"); });
  EngineServer server([](const std::string&) -> Answer { return EngineServer::response(200, "straight"); });
  const auto by_proxy = [&](const std::string& url, const std::string& none) {
    const Environment proxies(no_proxies({{"HTTP_PROXY", "http://" + proxy.place()}, {"NO_PROXY", none}}));
    const auto before = proxy.requests().size();
    // A name that nobody has is not looked up where a proxy is asked.
    error_of([&] { HttpClient({.connect_timeout = Seconds(1)}).send({.url = url}).text(100); });
    return proxy.requests().size() != before;
  };
  CHECK(by_proxy("http://registry.invalid/v2/", ""));
  CHECK(proxy.requests().back() == "http://registry.invalid/v2/");
  CHECK(by_proxy("http://registry.invalid:81/", "other.invalid, registry.invalid:80, .registry.invalid"));
  for (const char* none : {"*", "invalid", "registry.invalid", "x, Registry.Invalid:80", ".invalid", "*.invalid"}) {
    CAPTURE(none);
    CHECK_FALSE(by_proxy("http://registry.invalid/", none));
  }
  CHECK(by_proxy("http://192.0.2.7/", "192.0.2.8, 192.0.2.0/29x, 198.51.100.0/24, 2001:db8::/32"));
  CHECK(by_proxy("http://[2001:db8::7]/", "2001:db8::8, 2001:db9::/32"));
  // What is on this machine needs none, whatever the variables say.
  CHECK_FALSE(by_proxy(url_of(server), ""));
  CHECK_FALSE(by_proxy("http://localhost:1/", ""));
  const Environment proxies(no_proxies({{"http_proxy", "http://" + proxy.place()}}));
  CHECK(HttpClient({}).send({.url = "http://registry.invalid/"}).text(100) == "by proxy");
  const auto straight = error_of([&] { HttpClient({.proxy = Proxy::none}).send({.url = "http://registry.invalid/"}); });
  REQUIRE(straight);
  CHECK(straight->kind() == ErrorKind::network);
  CHECK(HttpClient({.proxy = Proxy::none}).send({.url = url_of(server)}).text(100) == "straight");
}

TEST_CASE("a proxy's password is in no message", "[net][hostile]") {
  const auto refusal = [](const std::string& proxy) {
    const Environment proxies(no_proxies({{"http_proxy", proxy}}));
    return failure_of({.name = "it"}, {.url = "http://registry.invalid/"});
  };
  for (const auto& [proxy, shown] : std::vector<std::pair<std::string, std::string>>{
           {"http://user:s3cret@proxy.invalid:notaport", "http://proxy.invalid:notaport"},
           {"user:s3cret@proxy.invalid:70000", "proxy.invalid:70000"},
           {"http://user:s3cret/x@proxy.invalid:80", "http://proxy.invalid:80"},
           {"http://user:12/s3cret@proxy.invalid", "http://proxy.invalid"},
           {"http://user:#s3cret@proxy.invalid", "http://proxy.invalid"},
           {"user:s3cret://x@proxy.invalid:80", "proxy.invalid:80"},
           {"ftp://user:s3cret@proxy.invalid", "ftp://proxy.invalid"},
           {"http://user:s3cret@:80", "http://:80"}}) {
    INFO(proxy);
    const auto error = refusal(proxy);
    CHECK(error.kind() == ErrorKind::usage);
    CHECK(error.message() == "proxy '" + shown + "': expected http://[USER:PASSWORD@]HOST[:PORT]");
    CHECK_THAT(error.hint().text(), !ContainsSubstring("s3cret"));
  }
  for (const char* sound : {"proxy.invalid", "proxy.invalid:3128/", "https://u:p%40w@proxy.invalid:",
                            "SOCKS5h://[2001:db8::1]:1"}) {
    INFO(sound);
    const Environment proxies(no_proxies({{"http_proxy", sound}}));
    CHECK(proxy_for("http://registry.invalid/") == sound);
  }
  // What libcurl says is not passed on where it has any of it.
  CHECK(has_secrets_of("http://user:s3%40cret@proxy", "no proxy 'user:s3%40cret@proxy'"));
  CHECK(has_secrets_of("user:s3%40cret@proxy", "bad password s3@cret"));
  CHECK_FALSE(has_secrets_of("http://user:s3cret@proxy", "Could not resolve proxy: proxy"));
  CHECK_FALSE(has_secrets_of("http://proxy:80", "proxy:80"));
}

TEST_CASE("what may be a password is in no URL that is shown, and a digest stays", "[net]") {
  using net::url_without_secrets;
  CHECK(url_without_secrets("https://u:p@h.io/x?token=1#f") == "https://h.io/x");
  CHECK(url_without_secrets("u:p@h.io/x") == "h.io/x");
  CHECK(url_without_secrets("u:p@h.io") == "h.io");
  const auto digest = "sha256:" + std::string(64, 'a');
  for (const auto& name : {"x@" + digest, "x:1@" + digest, "h.io/x@" + digest, std::string("./a@b"), std::string("x")}) {
    CHECK(url_without_secrets(name) == name);
  }
}

TEST_CASE("a proxy that fails is named, with the variable that names it", "[net]") {
  const HttpHints hints{.connect = "of the server", .tls = "of TLS", .other = "other"};
  // What is thrown, and whether once more may help.
  const auto failure = [&](const char* variable, const std::string& proxy, const std::string& url) {
    const Environment proxies(no_proxies({{variable, proxy}}));
    try {
      HttpClient({.name = "it", .hints = hints}).send({.url = url});
    } catch (const TransientError& error) {
      return std::pair<Error, bool>(error, true);
    } catch (const Error& error) {
      return std::pair<Error, bool>(error, false);
    }
    throw std::runtime_error("nothing has failed");
  };
  const auto [closed, again] = failure("HTTPS_PROXY", "http://user:s3cret@127.0.0.1:1", "https://registry.invalid/");
  CHECK(again);
  CHECK(closed.message() == "cannot connect to the proxy http://127.0.0.1:1 for it: Connection refused");
  CHECK(closed.hint().text() ==
        "the variable HTTPS_PROXY names the proxy http://127.0.0.1:1; NO_PROXY lists hosts that need none");
  const auto unknown = failure("all_proxy", "http://user:s3cret@proxy.invalid", "http://registry.invalid/").first;
  CHECK_THAT(unknown.hint().text(), ContainsSubstring("the variable all_proxy names the proxy http://proxy.invalid;"));
  CHECK_THAT(std::string(unknown.what()), !ContainsSubstring("s3cret"));
  // It refuses to lead on, and so it will the next time.
  unsigned status = 407;
  EngineServer proxy([&](const std::string&) -> Answer { return EngineServer::response(status, ""); });
  for (const bool transient : {false, true}) {
    status = transient ? 503 : 407;
    const auto [refusal, retried] = failure("https_proxy", "http://" + proxy.place(), "https://registry.invalid/");
    CHECK(retried == transient);
    CHECK(refusal.kind() == ErrorKind::network);
    CHECK(refusal.message() ==
          fmt::format("it: status {} of the proxy http://{}", status, proxy.place()));
    CHECK_THAT(refusal.hint().text(), ContainsSubstring("the variable https_proxy"));
  }
}

TEST_CASE("an address of a private network is one however it is written", "[net][hostile]") {
  const auto is_local = [](const std::string& host) { return Url::parse("https://" + host + "/x")->is_local(); };
  for (const char* host :
       {"127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0x7f000001", "10.1", "192.168.257",
        "169.254.169.254", "0", "localhost", "LocalHost.", "x.localhost", "a.b.LOCALHOST", "[::1]",
        "[::ffff:10.0.0.1]", "[fe80::1%25eth0]", "[fd00::1]", "%31%32%37.0.0.1",
        "\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.0.0.1"}) {
    INFO(host);
    CHECK(is_local(host));
  }
  for (const char* host : {"192.0.2.1", "8.8.8.8", "134744072", "registry.example", "notlocalhost", "localhost.example",
                           "10.example", "0x7f.example", "[2001:db8::1]"}) {
    INFO(host);
    CHECK_FALSE(is_local(host));
  }
}

TEST_CASE("a redirect does not lead from elsewhere into this network", "[net][hostile]") {
  EngineServer inner([](const std::string&) -> Answer { return EngineServer::response(200, "inner"); });
  const auto port = inner.place().substr(inner.place().find(':'));
  std::string target;
  // Through it, names that nobody has are elsewhere.
  EngineServer proxy([&](const std::string& path) -> Answer {
    return path == "http://other.invalid/" ? EngineServer::response(200, "other") : moved(target);
  });
  const Environment proxies(no_proxies({{"http_proxy", "http://" + proxy.place()}}));
  for (const std::string host : {"127.0.0.1", "127.1", "2130706433", "localhost", "x.localhost"}) {
    target = "http://" + host + port + "/secret";
    INFO(target);
    for (const char* method : {"GET", "HEAD"}) {
      const auto error =
          failure_of({.name = "it", .redirects = 3}, {.url = "http://registry.invalid/", .method = method});
      CHECK(error.kind() == ErrorKind::network);
      CHECK_THAT(error.message(), ContainsSubstring("it: it points to 'http://") &&
                                      ContainsSubstring(", on this network, which is not followed"));
    }
  }
  CHECK(inner.requests().empty());
  target = "http://other.invalid/";
  CHECK(HttpClient({.redirects = 3}).send({.url = "http://registry.invalid/"}).text(100) == "other");
  // Who is there already may lead on.
  EngineServer near([&](const std::string&) -> Answer { return moved(url_of(inner)); });
  CHECK(HttpClient({.redirects = 3}).send({.url = url_of(near)}).text(100) == "inner");
}

TEST_CASE("redirects are told, or followed as far as the options say", "[net]") {
  const Environment plain(no_proxies());
  EngineServer server([](const std::string& path) -> Answer {
    if (path == "/here") return EngineServer::response(200, "here");
    return moved(path == "/1" ? "here" : path == "/2" ? "/1" : path == "/file" ? "file:///etc/passwd" : path);
  });
  auto told = HttpClient({}).send({.url = url_of(server, "/1")});
  CHECK(told.status() == 302);
  CHECK(told.header("location") == "here");
  CHECK(told.error_text() == "gone");
  CHECK(HttpClient({.redirects = 2}).send({.url = url_of(server, "/2")}).text(100) == "here");
  CHECK(HttpClient({.redirects = 2}).send({.url = url_of(server, "/2"), .method = "POST"}).status() == 302);
  const auto far = failure_of({.redirects = 1}, {.url = url_of(server, "/2")});
  CHECK(far.kind() == ErrorKind::network);
  CHECK(far.message() == url_of(server, "/1") + ": more than 1 redirects");
  CHECK_THAT(failure_of({.redirects = 3}, {.url = url_of(server, "/loop")}).message(),
             ContainsSubstring("more than 3 redirects"));
  const auto file = failure_of({.redirects = 3}, {.url = url_of(server, "/file")});
  CHECK(file.kind() == ErrorKind::network);
  CHECK_THAT(file.message(), ContainsSubstring("it points to 'file:///etc/passwd', which is not followed"));
}

TEST_CASE("credentials stay with the host they are meant for", "[net]") {
  const Environment plain(no_proxies());
  EngineServer other([](const std::string&) -> Answer { return EngineServer::response(200, "other"); });
  EngineServer server([&](const std::string& path) -> Answer {
    return path == "/near" ? moved("/end") : path == "/end" ? EngineServer::response(200, "end") : moved(url_of(other));
  });
  const HttpRequest request{.url = url_of(server, "/near"),
                            .headers = {{"AUTHORIZATION", "Bearer x"}, {"Cookie", "a=b"}, {"Accept", "text/plain"}}};
  HttpClient({.redirects = 1}).send(request);
  CHECK_THAT(server.heads().back(), ContainsSubstring("/end") && ContainsSubstring("AUTHORIZATION: Bearer x\r\n") &&
                                        ContainsSubstring("Cookie: a=b\r\n"));
  auto away = request;
  away.url = url_of(server, "/far");
  CHECK(HttpClient({.redirects = 1}).send(away).text(100) == "other");
  CHECK_THAT(other.heads().back(),
             ContainsSubstring("Accept: text/plain\r\n") && !ContainsSubstring("Bearer") && !ContainsSubstring("a=b"));
}

TEST_CASE("headers and documents are bounded", "[net][hostile]") {
  const Environment plain(no_proxies());
  std::string headers;
  while (headers.size() < 1 << 20) headers += "X: " + std::string(100, 'x') + "\r\n";
  EngineServer server([&](const std::string& path) -> Answer {
    if (path == "/head") return "HTTP/1.1 200 OK\r\n" + headers;
    if (path == "/interim")
      return "HTTP/1.1 103 Early\r\n" + headers.substr(0, 200'000) + "\r\n\r\nHTTP/1.1 200 OK\r\n" +
             headers.substr(0, 200'000) + "\r\n\r\n";
    if (path == "/trailer") return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + headers;
    return EngineServer::response(path == "/error" ? 500 : 200, std::string(1 << 20, 'x'));
  });
  for (const char* path : {"/head", "/interim", "/trailer"}) {
    INFO(path);
    const auto error = failure_of({.name = "it"}, {.url = url_of(server, path)});
    CHECK(error.kind() == ErrorKind::limit);
    CHECK(error.message() == "it: the headers of the answer are over the limit of 262144 bytes");
  }
  auto long_text = HttpClient({.name = "it"}).send({.url = url_of(server)});
  const auto error = error_of([&] { long_text.text(1000); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK(error->message() == "it: the answer is over the limit of 1000 bytes");
  auto failed = HttpClient({}).send({.url = url_of(server, "/error")});
  CHECK(failed.error_text() == std::string(64 << 10, 'x'));
}

TEST_CASE("silence, slowness and a stop end a request in time", "[net]") {
  const Environment plain(no_proxies());
  EngineServer deaf([](const std::string&) -> Answer { return std::nullopt; });
  const auto silent =
      failure_of({.name = "it", .hints = {.silent = "wait"}, .silence_timeout = Seconds(1)}, {.url = url_of(deaf)});
  CHECK(silent.kind() == ErrorKind::network);
  CHECK(silent.message() == "it: the server has been silent for 1 s");
  CHECK(silent.hint().text() == "wait");
  const auto slow =
      failure_of({.name = "it", .silence_timeout = Seconds(20), .total_timeout = Seconds(1)}, {.url = url_of(deaf)});
  CHECK(slow.message() == "it: the answer was not complete after 1 s");

  std::stop_source stop;
  OperationContext operation;
  operation.stop = stop.get_token();
  const auto began = std::chrono::steady_clock::now();
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  CHECK(failure_of({}, {.url = url_of(deaf)}, operation).kind() == ErrorKind::cancelled);
  CHECK(std::chrono::steady_clock::now() - began < Seconds(1));
  CHECK(failure_of({}, {.url = url_of(deaf)}, operation).kind() == ErrorKind::cancelled);  // not even begun
}

TEST_CASE("an answer that is none or breaks off is an error of the network", "[net][hostile]") {
  const Environment plain(no_proxies());
  for (const auto& [answer, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "Empty reply"},
           {"220 mail ESMTP\r\n", "it: "},
           {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "7 bytes remaining"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "it: "}}) {
    INFO(answer);
    EngineServer server([&](const std::string&) -> Answer { return answer; });
    const auto error = failure_of({.name = "it"}, {.url = url_of(server)});
    CHECK(error.kind() == ErrorKind::network);
    CHECK_THAT(error.message(), ContainsSubstring(part));
  }
  CHECK(failure_of({}, {.url = "ftp://127.0.0.1/"}).kind() == ErrorKind::network);
}

TEST_CASE("a Location is what it means where it was given", "[net]") {
  const std::string base = "https://h:5000/v2/app/uploads/1?x=y";
  CHECK(resolved_url(base, "http://other/a") == "http://other/a");
  CHECK(resolved_url(base, "//other/a?b") == "https://other/a?b");
  CHECK(resolved_url(base, "/a:b?c=d") == "https://h:5000/a:b?c=d");
  CHECK(resolved_url(base, "2?z=/:") == "https://h:5000/v2/app/uploads/2?z=/:");
  CHECK(resolved_url(base, "?z") == "https://h:5000/v2/app/uploads/1?z");
  CHECK(resolved_url(base, "") == "https://h:5000/v2/app/uploads/1");
  CHECK(resolved_url("https://h", "a") == "https://h/a");
  CHECK(resolved_url("https://h", "/a") == "https://h/a");
  // Dots in a path are steps; behind a question mark they are what they are.
  CHECK(resolved_url(base, "../uploads/2?z=/../a") == "https://h:5000/v2/app/uploads/2?z=/../a");
  CHECK(resolved_url(base, "./2") == "https://h:5000/v2/app/uploads/2");
  CHECK(resolved_url(base, "/a/./b/../c/..") == "https://h:5000/a/");
  CHECK(resolved_url(base, "../../../../../x/..y/.z") == "https://h:5000/x/..y/.z");
  CHECK(resolved_url("https://h", "../a") == "https://h/a");
  CHECK(resolved_url(base, "file:/etc/passwd") == "file:/etc/passwd");
}

TEST_CASE("a connection that is reset in the middle of a handshake may be tried again", "[net]") {
  const Environment plain(no_proxies());
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener.get(), raw, length) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), raw, &length) == 0);
  const std::jthread server([&] {
    const UniqueFd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    char hello[16];
    ::recv(client.get(), hello, sizeof hello, 0);
    const linger at_once{1, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  });
  const HttpRequest request{.url = fmt::format("https://127.0.0.1:{}/", ntohs(address.sin_port))};
  CHECK_THROWS_AS(HttpClient({}).send(request), TransientError);
}
