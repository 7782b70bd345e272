// SPDX-License-Identifier: Apache-2.0
//
// Which authorities a server's certificate is checked against: the variables, the system's places, and what a caller adds.
#include <csignal>
#include <memory>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <sifkit/core/freed_by.h>
#include <sifkit/net/http_client.h>

#include "authorities.h"
#include "support/catch.h"
#include "support/environment.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::net;
using namespace sifkit::testing;

namespace {

/// Answers over TLS, with a certificate that it has made itself.
class TlsServer {
 public:
  /// `asks` for a certificate of the client, and takes none.
  explicit TlsServer(const char* name, bool asks = false)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()), context_(SSL_CTX_new(TLS_server_method())) {
    X509* const made = certificate_.get();
    X509_NAME* const subject = X509_get_subject_name(made);
    const auto* const text = reinterpret_cast<const unsigned char*>(name);
    REQUIRE(X509_set_version(made, 2) == 1);
    REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(made), 1) == 1);
    REQUIRE(X509_gmtime_adj(X509_getm_notBefore(made), -3600) != nullptr);
    REQUIRE(X509_gmtime_adj(X509_getm_notAfter(made), 86400) != nullptr);
    REQUIRE(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
    REQUIRE(X509_set_issuer_name(made, subject) == 1);
    REQUIRE(X509_set_pubkey(made, key_.get()) == 1);
    const std::unique_ptr<X509_EXTENSION, FreedBy<X509_EXTENSION_free>> address(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1"));
    REQUIRE(X509_add_ext(made, address.get(), -1) == 1);
    REQUIRE(X509_sign(made, key_.get(), EVP_sha256()) > 0);
    REQUIRE(SSL_CTX_use_certificate(context_.get(), made) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context_.get(), key_.get()) == 1);
    if (asks) SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);

    sockaddr_in address_of{};
    address_of.sin_family = AF_INET;
    address_of.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_of;
    auto* const place = reinterpret_cast<sockaddr*>(&address_of);
    listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listening_, place, size) == 0);
    REQUIRE(::listen(listening_, 8) == 0);
    REQUIRE(::getsockname(listening_, place, &size) == 0);
    url = "https://127.0.0.1:" + std::to_string(::ntohs(address_of.sin_port)) + "/";
    thread_ = std::jthread([this] { serve(); });
  }
  ~TlsServer() {
    ::shutdown(listening_, SHUT_RDWR);
    thread_.join();
    ::close(listening_);
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string pem() const {
    const std::unique_ptr<BIO, FreedBy<BIO_free>> out(BIO_new(BIO_s_mem()));
    REQUIRE(PEM_write_bio_X509(out.get(), certificate_.get()) == 1);
    char* text = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
  /// What a directory of certificates calls it.
  std::string hash_name() const { return fmt::format("{:08x}.0", X509_subject_name_hash(certificate_.get())); }

  std::string url;

 private:
  void serve() {
    for (int client; (client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(client)) {
      const std::unique_ptr<SSL, FreedBy<SSL_free>> session(SSL_new(context_.get()));
      SSL_set_fd(session.get(), client);
      char request[4096];
      if (SSL_accept(session.get()) != 1) {
        // What the client has sent by now must not make the system drop the alert.
        ::shutdown(client, SHUT_WR);
        while (::recv(client, request, sizeof request, 0) > 0) {
        }
        continue;
      }
      if (SSL_read(session.get(), request, sizeof request) <= 0) continue;
      constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
      SSL_write(session.get(), kAnswer.data(), static_cast<int>(kAnswer.size()));
      SSL_shutdown(session.get());
    }
  }

  std::unique_ptr<EVP_PKEY, FreedBy<EVP_PKEY_free>> key_;
  std::unique_ptr<X509, FreedBy<X509_free>> certificate_;
  std::unique_ptr<SSL_CTX, FreedBy<SSL_CTX_free>> context_;
  int listening_ = -1;
  std::jthread thread_;
};

std::string asked(const TlsServer& server, const TlsOptions& tls = {}) {
  HttpOptions options;
  options.proxy = Proxy::none;
  options.tls = tls;
  options.hints.other = "the caller's";
  HttpClient client(options);
  std::string text;
  const auto error = error_of([&] { text = client.send({.url = server.url}).text(100); });
  if (!error) return text;
  CHECK(error->kind() == ErrorKind::network);
  CHECK(error->hint().text() == "the caller's");
  return error->message().substr(server.url.size());
}

constexpr const char* kUnknown = ": SSL certificate problem: self-signed certificate";

}  // namespace

TEST_CASE("authorities are the system's, or those that the environment names", "[net]") {
  ::signal(SIGPIPE, SIG_IGN);
  TempDir directory;
  const TlsServer ours("ours");
  const TlsServer other("other");
  write_file(directory / "ours.pem", ours.pem());
  write_file(directory / "other.pem", other.pem());
  std::filesystem::create_directory(directory / "hashed");
  write_file(directory / "hashed" / ours.hash_name(), ours.pem());
  std::filesystem::create_directory(directory / "empty");
  const std::string file = directory / "ours.pem";
  const std::string empty = directory / "empty";

  const Environment none({{"SSL_CERT_FILE", std::nullopt}, {"SSL_CERT_DIR", std::nullopt}});
  CHECK(asked(ours) == kUnknown);
  {
    const Environment named({{"SSL_CERT_FILE", file}, {"SSL_CERT_DIR", empty}});
    CHECK(asked(ours) == "ok");
    CHECK(asked(other) == kUnknown);
    // What a caller adds stands beside that, and what a caller names stands in for it.
    TlsOptions more;
    more.more_authorities = other.pem();
    CHECK(asked(ours, more) == "ok");
    CHECK(asked(other, more) == "ok");
    TlsOptions only;
    only.authorities = directory / "other.pem";
    CHECK(asked(ours, only) == kUnknown);
    CHECK(asked(other, only) == "ok");
  }
  {
    const Environment named({{"SSL_CERT_FILE", directory / "other.pem"}, {"SSL_CERT_DIR", directory / "hashed"}});
    CHECK(asked(ours) == "ok");
    CHECK(asked(other) == "ok");
  }
  {
    const Environment absent("SSL_CERT_FILE", directory / "absent.pem");
    CHECK_THAT(asked(ours), ContainsSubstring("absent.pem"));
  }
}

TEST_CASE("an empty variable names no authorities", "[net]") {
  const Environment none({{"SSL_CERT_FILE", std::nullopt}, {"SSL_CERT_DIR", std::nullopt}});
  const auto found = system_authorities();
  const Environment empty({{"SSL_CERT_FILE", ""}, {"SSL_CERT_DIR", ""}});
  CHECK(system_authorities().file == found.file);
  CHECK(system_authorities().directory == found.directory);
  CHECK(authorities_hint() ==
        "this system has no certificates of authorities at /etc/ssl/certs/ca-certificates.crt, "
        "/etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/ca-bundle.pem, "
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem, /etc/pki/tls/cacert.pem, /etc/ssl/cert.pem; SSL_CERT_FILE "
        "names a file of them");
}

TEST_CASE("what helps against a failure of TLS is said of those alone", "[net]") {
  ::signal(SIGPIPE, SIG_IGN);
  TempDir directory;
  const TlsServer ours("ours");
  const TlsServer other("other");
  const TlsServer asking("asking", true);
  write_file(directory / "ours.pem", ours.pem());
  write_file(directory / "asking.pem", asking.pem());
  HttpOptions options;
  options.proxy = Proxy::none;
  options.hints = {.tls = "of TLS", .certificate = "of the client", .other = "other"};
  const auto hint = [&](const std::string& url, const std::string& authorities) {
    options.tls.authorities = directory / authorities;
    try {
      HttpClient(options).send({.url = url}).text(100);
    } catch (const TransientError& error) {
      return "once more: " + error.hint().text();
    } catch (const Error& error) {
      return error.hint().text();
    }
    return std::string("nothing");
  };
  CHECK(hint(ours.url, "ours.pem") == "nothing");
  CHECK(hint(other.url, "ours.pem") == "of TLS");
  CHECK(hint(asking.url, "asking.pem") == "of the client");
  CHECK(hint("https://registry.invalid/", "ours.pem") == "once more: other");
  options.hints.certificate = {};
  options.hints.tls = {};
  CHECK(hint(other.url, "ours.pem") == "other");
}
