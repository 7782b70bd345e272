// SPDX-License-Identifier: Apache-2.0
//
// Certificates and what OCSP responders may say of them. tests/interop/certificates.sh asks openssl's own responder.
#include "support/certificates.h"
#include "support/engine_server.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

/// A root, two authorities below each other and a leaf, each with a responder of its own.
struct Chain {
  Party root;
  Party upper;
  Party lower;
  Party leaf;
  std::map<std::string, OcspAnswer> answers;
  std::vector<std::string> asked;
  TempDir directory;

  explicit Chain(Validity upper_validity = {}, Validity leaf_validity = {}) {
    root = certified("root", kAuthority, nullptr);
    upper = certified("upper", kAuthority, &root, upper_validity);
    lower = certified("lower", kAuthority, &upper);
    leaf = certified("leaf", kCodeSigner, &lower, leaf_validity);
    answers = {{"http://leaf.example/", {&lower}}, {"http://lower.example/", {&upper}}, {"http://upper.example/", {&root}}};
  }

  OcspAnswer& of_leaf() { return answers.at("http://leaf.example/"); }

  TrustedKey checked(const OcspTransport& ask, bool ocsp = true, std::optional<std::int64_t> at = std::nullopt) const {
    write_pem("leaf.pem", {&leaf, &lower, &upper});
    write_pem("root.pem", {&root});
    return checked_certificate({directory / "leaf.pem", {}, directory / "root.pem", ocsp}, at, ask);
  }

  std::optional<Error> refusal(const OcspTransport& ask) const {
    return error_of([&] { checked(ask); });
  }
  /// Why the chain is refused with these answers; empty where it is not.
  std::string refusal() {
    const auto error = refusal([&](const std::string& url, ByteView request) {
      asked.push_back(url);
      return answers.at(url).to(request);
    });
    if (!error) return {};
    CHECK(error->kind() == ErrorKind::untrusted);
    return error->what();
  }

 private:
  void write_pem(const char* name, const std::vector<const Party*>& parties) const {
    const OsslBio bio(BIO_new_file((directory / name).c_str(), "w"));
    for (const auto* party : parties) REQUIRE(PEM_write_bio_X509(bio.get(), party->certificate.get()) == 1);
  }
};

}  // namespace

TEST_CASE("every certificate below the root is asked for, at its own responder", "[trust][certificate]") {
  Chain chain;
  CHECK(chain.refusal().empty());
  CHECK(chain.asked == std::vector<std::string>{"http://leaf.example/", "http://lower.example/", "http://upper.example/"});
}

TEST_CASE("nobody is asked without --ocsp-verify, nor of a chain that does not hold anyway", "[trust][certificate]") {
  const auto ask = [](const std::string&, ByteView) -> Bytes { throw std::logic_error("asked"); };
  Chain chain;
  const auto trusted = chain.checked(ask, false);
  CHECK(trusted.name == "CN=leaf");
  CHECK(trusted.expires);
  chain.lower = certified("lower", {{NID_basic_constraints, "critical,CA:FALSE"}}, &chain.upper);
  chain.leaf = certified("leaf", kCodeSigner, &chain.lower);
  CHECK_THAT(chain.refusal(ask)->what(), ContainsSubstring("CN=lower") && ContainsSubstring("invalid CA certificate"));
}

TEST_CASE("a certificate anywhere in the chain that is revoked or unknown is refused by name", "[trust][certificate]") {
  Chain chain;
  const std::string name = GENERATE("leaf", "lower", "upper");
  auto& answer = chain.answers.at("http://" + name + ".example/");
  answer.status = V_OCSP_CERTSTATUS_REVOKED;
  CHECK_THAT(chain.refusal(), ContainsSubstring("CN=" + name) && ContainsSubstring("OCSP: revoked since 20") && ContainsSubstring(" UTC: keyCompromise"));
  answer.status = V_OCSP_CERTSTATUS_UNKNOWN;
  CHECK_THAT(chain.refusal(), ContainsSubstring("CN=" + name) && ContainsSubstring("OCSP: the responder does not know the certificate"));
}

TEST_CASE("an OCSP answer counts at its time only", "[trust][certificate]") {
  Chain chain;
  auto& answer = chain.of_leaf();
  const auto [from, until, counts] = GENERATE(table<long, std::optional<long>, bool>({{-7200, -3600, false},
                                                                                      {-60, -10, true},  // within the slack of clocks
                                                                                      {3600, 7200, false},
                                                                                      {100, 7200, true},
                                                                                      {-60, std::nullopt, true},
                                                                                      {-3 * 86400, std::nullopt, false},
                                                                                      {3600, -3600, false}}));
  answer.from = from;
  answer.until = until;
  INFO(from);
  if (counts) {
    CHECK(chain.refusal().empty());
  } else {
    CHECK_THAT(chain.refusal(), ContainsSubstring("CN=leaf") && ContainsSubstring("OCSP: the answer does not count at this time"));
  }
}

TEST_CASE("an OCSP answer is about the certificate and to the request", "[trust][certificate]") {
  Chain chain;
  auto& answer = chain.of_leaf();
  const Party other = certified("other", kCodeSigner, &chain.lower);
  answer.about = &other;
  CHECK_THAT(chain.refusal(), ContainsSubstring("OCSP: the answer says nothing of the certificate"));
  answer.about = nullptr;
  answer.nonce = OcspAnswer::Nonce::other;
  CHECK_THAT(chain.refusal(), ContainsSubstring("OCSP: the answer is to another request"));
  // Responders that make their answers beforehand leave it out (RFC 8954, section 2.1).
  answer.nonce = OcspAnswer::Nonce::absent;
  CHECK(chain.refusal().empty());
}

TEST_CASE("an OCSP answer is signed by the issuer or by whom it has named for that", "[trust][certificate]") {
  Chain chain;
  auto& answer = chain.of_leaf();
  const auto signed_by = [&](const Party& signer) {
    answer.signer = &signer;
    return chain.refusal();
  };
  CHECK(signed_by(certified("delegate", kOcspSigner, &chain.lower)).empty());
  CHECK_THAT(signed_by(certified("delegate", kCodeSigner, &chain.lower)), ContainsSubstring("OCSP: the answer's signature does not hold"));
  CHECK_THAT(signed_by(certified("delegate", {}, &chain.lower)), ContainsSubstring("OCSP: the answer's signature does not hold"));
  CHECK_THAT(signed_by(certified("delegate", kOcspSigner, &chain.lower, {-7200, -3600})), ContainsSubstring("OCSP: the answer's signature does not hold"));
  // Named by another authority of the same chain, or that authority itself.
  CHECK_THAT(signed_by(certified("delegate", kOcspSigner, &chain.upper)), ContainsSubstring("OCSP: the answer's signature does not hold"));
  CHECK_THAT(signed_by(chain.upper), ContainsSubstring("OCSP: the answer's signature does not hold"));
  CHECK_THAT(signed_by(chain.leaf), ContainsSubstring("OCSP: the answer's signature does not hold"));
  // A stranger, who even bears the issuer's name.
  const Party stranger_root = certified("root", kAuthority, nullptr);
  CHECK_THAT(signed_by(certified("lower", kAuthority, &stranger_root)), ContainsSubstring("OCSP: the answer's signature does not hold"));
  CHECK_THAT(signed_by(certified("delegate", kOcspSigner, &stranger_root)), ContainsSubstring("OCSP: the answer's signature does not hold"));
}

TEST_CASE("an OCSP answer signed over SHA-1 is refused", "[trust][certificate]") {
  Chain chain;
  auto& answer = chain.of_leaf();
  answer.hash = EVP_sha1();
  CHECK_THAT(chain.refusal(), ContainsSubstring("OCSP: the answer is signed over SHA1, which is too weak"));
  answer.hash = EVP_sha384();
  CHECK(chain.refusal().empty());
  // RSA-PSS has its hash among its parameters, and SHA-1 where there is none.
  const Party delegate = certified("delegate", kOcspSigner, &chain.lower, {}, EVP_RSA_gen(2048));
  answer.signer = &delegate;
  answer.pss = GENERATE(false, true);
  answer.hash = EVP_sha1();
  CHECK_THAT(chain.refusal(), ContainsSubstring("OCSP: the answer is signed over SHA1, which is too weak"));
  answer.hash = EVP_sha256();
  CHECK(chain.refusal().empty());
}

TEST_CASE("what is not an OCSP answer is refused", "[trust][certificate]") {
  Chain chain;
  for (const int result : {OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, OCSP_RESPONSE_STATUS_INTERNALERROR, OCSP_RESPONSE_STATUS_TRYLATER, OCSP_RESPONSE_STATUS_SIGREQUIRED,
                           OCSP_RESPONSE_STATUS_UNAUTHORIZED}) {
    chain.of_leaf().result = result;
    CHECK_THAT(chain.refusal(), ContainsSubstring(std::string("OCSP: the responder says: ") + OCSP_response_status_str(result)));
  }
  const auto answered = [&](auto change) {
    Bytes sent;
    const auto error = chain.refusal([&](const std::string&, ByteView request) {
      sent = OcspAnswer{&chain.lower}.to(request);
      change(sent);
      return sent;
    });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::untrusted);
    CHECK_THAT(error->what(), ContainsSubstring("CN=leaf") && ContainsSubstring("OCSP: "));
  };
  answered([](Bytes& sent) { sent.clear(); });
  answered([](Bytes& sent) { sent.pop_back(); });
  answered([](Bytes& sent) { sent.push_back(std::byte{0}); });
  answered([](Bytes& sent) { sent.assign(100'000, std::byte{0x30}); });
  // Behind these bytes comes the responder's certificate, which need not be there.
  constexpr std::size_t kSignedBytes = 200;
  for (std::size_t at = 0; at < kSignedBytes; ++at) {
    INFO(at);
    answered([at](Bytes& sent) { sent.at(at) ^= std::byte{1}; });
  }
}

TEST_CASE("a responder that cannot be reached is an error of the network", "[trust][certificate]") {
  Chain chain;
  const auto failing = [](const std::string&, ByteView) -> Bytes { throw Error(ErrorKind::network, "no route"); };
  const auto error = chain.refusal(failing);
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::network);
  CHECK_THAT(error->what(), ContainsSubstring("CN=leaf") && ContainsSubstring("no route"));
  // Nothing but http and https is spoken, wherever a certificate points.
  for (const char* url : {"file:///etc/passwd", "ftp://localhost/", "ldap://localhost/", "nonsense"}) {
    CHECK(error_of([&] { post_to_responder(url, as_bytes("request")); })->kind() == ErrorKind::network);
  }
}

TEST_CASE("a responder's answer is bounded, its headers and trailers, too", "[trust][certificate]") {
  const auto outcome = [](const std::string& answer) {
    const EngineServer server([&](const std::string&) { return answer; });
    const std::string url = "http://" + server.place() + "/";
    Bytes body;
    const auto error = error_of([&] { body = post_to_responder(url, as_bytes("request")); });
    if (!error) return fmt::format("{} bytes", body.size());
    if (error->kind() == ErrorKind::network) return std::string("network");
    CHECK(error->kind() == ErrorKind::limit);
    return error->message().substr(fmt::format("OCSP: '{}': ", url).size());
  };
  std::string headers;
  while (headers.size() < 300'000) headers += "X: " + std::string(100, 'x') + "\r\n";
  const std::string most(1u << 20, 'x');
  CHECK(outcome(EngineServer::response(200, most)) == "1048576 bytes");
  CHECK(outcome(EngineServer::chunked(most)) == "1048576 bytes");
  CHECK(outcome(EngineServer::response(200, most + 'x')) == "the answer is over the limit of 1048576 bytes");
  CHECK(outcome(EngineServer::chunked(most + 'x')) == "the answer is over the limit of 1048576 bytes");
  CHECK(outcome("HTTP/1.1 200 OK\r\n" + headers + "\r\n") == "the headers of the answer are over the limit of 262144 bytes");
  // Each interim answer has headers of its own.
  std::string interim;
  while (interim.size() < 300'000) interim += "HTTP/1.1 103 Early Hints\r\nX: " + std::string(100, 'x') + "\r\n\r\n";
  CHECK(outcome(interim + EngineServer::response(200, "x")) == "the headers of the answer are over the limit of 262144 bytes");
  CHECK(outcome("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + headers + "\r\n") == "the headers of the answer are over the limit of 262144 bytes");
  CHECK(outcome("HTTP/1.1 200 OK\r\nX: " + std::string(2u << 20, 'x')) == "network");
  CHECK(outcome(EngineServer::response(404, "no")) == "network");
  CHECK(outcome("nonsense\r\n\r\n") == "network");
}

TEST_CASE("every certificate of the chain must be valid now", "[trust][certificate]") {
  // Expired authorities were accepted elsewhere (CVE-2026-24122).
  const auto ask = [](const std::string&, ByteView) -> Bytes { throw std::logic_error("asked"); };
  const auto [upper, leaf, reason] = GENERATE(table<Validity, Validity, std::string>({{{-7200, -3600}, {}, "CN=upper': certificate has expired"},
                                                                                      {{3600, 7200}, {}, "CN=upper': certificate is not yet valid"},
                                                                                      {{}, {-7200, -3600}, "CN=leaf': certificate has expired"},
                                                                                      {{}, {3600, 7200}, "CN=leaf': certificate is not yet valid"}}));
  const Chain chain(upper, leaf);
  const auto error = chain.refusal(ask);
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::untrusted);
  CHECK_THAT(error->what(), ContainsSubstring(reason));
}

TEST_CASE("for an audit the chain must have been valid then", "[trust][certificate]") {
  const auto ask = [](const std::string&, ByteView) -> Bytes { throw std::logic_error("asked"); };
  const Chain chain({-7200, 86400}, {-7200, -5400});
  const auto at = [&](long seconds) {
    return error_of([&] { chain.checked(ask, false, std::time(nullptr) + seconds); });
  };
  CHECK_FALSE(chain.refusal(ask) == std::nullopt);
  // The others are valid from an hour ago.
  CHECK_THAT(at(-6000)->what(), ContainsSubstring("certificate is not yet valid"));
  CHECK_THAT(at(-1800)->what(), ContainsSubstring("CN=leaf': certificate has expired"));
  const Chain young({-7200, 86400}, {-3000, -2000});
  CHECK_NOTHROW(young.checked(ask, false, std::time(nullptr) - 2500));
  CHECK(error_of([&] { young.checked(ask, false); })->kind() == ErrorKind::untrusted);
}
