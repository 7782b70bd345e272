// SPDX-License-Identifier: Apache-2.0
#include "ocsp.h"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/net/http_client.h>

namespace sifkit::trust {

namespace {

constexpr std::string_view kAsking = "make an OCSP request";
constexpr std::size_t kMaxResponseBytes = 1u << 20;
constexpr std::chrono::seconds kResponderConnectTimeout{10};
constexpr std::chrono::seconds kResponderTimeout{30};
constexpr long kClockSlack = 300;           ///< seconds that a responder's clock may differ
constexpr int kMinHashBytes = 32;
constexpr long kOldestWithoutEnd = 86400;   ///< seconds that an answer counts which does not say for how long

using Request = std::unique_ptr<OCSP_REQUEST, FreedBy<OCSP_REQUEST_free>>;
using Response = std::unique_ptr<OCSP_RESPONSE, FreedBy<OCSP_RESPONSE_free>>;
using BasicResponse = std::unique_ptr<OCSP_BASICRESP, FreedBy<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, FreedBy<OCSP_CERTID_free>>;

[[noreturn]] void refuse(std::string_view why) { throw Error(ErrorKind::untrusted, fmt::format("OCSP: {}", why)); }

std::string responder_of(X509* certificate) {
  STACK_OF(OPENSSL_STRING)* const all = X509_get1_ocsp(certificate);
  const std::string first = sk_OPENSSL_STRING_num(all) > 0 ? sk_OPENSSL_STRING_value(all, 0) : "";
  X509_email_free(all);
  if (first.empty()) refuse("the certificate names no responder");
  return first;
}

Bytes encoded(OCSP_REQUEST* request) {
  const int size = i2d_OCSP_REQUEST(request, nullptr);
  check_crypto(size > 0, kAsking);
  Bytes out(static_cast<std::size_t>(size));
  unsigned char* at = octets(out);
  i2d_OCSP_REQUEST(request, &at);
  return out;
}

BasicResponse parse(ByteView bytes) {
  const unsigned char* at = octets(bytes);
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
  if (!response || at != octets(bytes) + bytes.size()) refuse("the answer is not an OCSP response");
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    refuse(fmt::format("the responder says: {}", OCSP_response_status_str(status)));
  }
  BasicResponse basic(OCSP_response_get1_basic(response.get()));
  if (!basic) refuse(fmt::format("the answer cannot be read: {}", crypto_reason()));
  return basic;
}

/// RSA-PSS names its hash in its parameters; where it does not, it is SHA-1 (RFC 4055, section 3.1).
int hash_of_pss(const X509_ALGOR* algorithm) {
  int kind = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(nullptr, &kind, &value, algorithm);
  if (kind != V_ASN1_SEQUENCE) return NID_undef;
  const std::unique_ptr<RSA_PSS_PARAMS, FreedBy<RSA_PSS_PARAMS_free>> pss(
      static_cast<RSA_PSS_PARAMS*>(ASN1_item_unpack(static_cast<const ASN1_STRING*>(value), ASN1_ITEM_rptr(RSA_PSS_PARAMS))));
  if (!pss) return NID_undef;
  if (pss->hashAlgorithm == nullptr) return NID_sha1;
  const ASN1_OBJECT* name = nullptr;
  X509_ALGOR_get0(&name, nullptr, nullptr, pss->hashAlgorithm);
  return OBJ_obj2nid(name);
}

/// Whoever asks chooses a part of what is signed (the nonce), as collisions need.
void refuse_weak_hash(OCSP_BASICRESP* answer) {
  const X509_ALGOR* const algorithm = OCSP_resp_get0_tbs_sigalg(answer);
  const ASN1_OBJECT* name = nullptr;
  X509_ALGOR_get0(&name, nullptr, nullptr, algorithm);
  const int scheme = OBJ_obj2nid(name);
  int hash = NID_undef;
  if (scheme == NID_ED25519 || scheme == NID_ED448) return;  // with a hash of their own
  if (scheme == NID_rsassaPss) {
    hash = hash_of_pss(algorithm);
  } else {
    OBJ_find_sigid_algs(scheme, &hash, nullptr);
  }
  if (hash == NID_undef) refuse("the answer is signed in a way that is not known here");
  const EVP_MD* const known = EVP_get_digestbynid(hash);
  if (known == nullptr || EVP_MD_get_size(known) < kMinHashBytes) refuse(fmt::format("the answer is signed over {}, which is too weak", OBJ_nid2sn(hash)));
}

}  // namespace

Bytes post_to_responder(const std::string& url, ByteView request) {
  net::HttpOptions options;
  options.name = fmt::format("OCSP: {}", in_quotes(url));
  options.connect_timeout = kResponderConnectTimeout;
  options.total_timeout = kResponderTimeout;
  auto response = net::HttpClient(options).send({.url = url,
                                                 .method = "POST",
                                                 .headers = {{"Content-Type", "application/ocsp-request"}},
                                                 .body = std::string(as_text(request))});
  if (response.status() < 200 || response.status() > 299)
    throw Error(ErrorKind::network, fmt::format("{}: status {}", options.name, response.status()));
  const std::string body = response.text(kMaxResponseBytes);
  const auto bytes = as_bytes(body);
  return {bytes.begin(), bytes.end()};
}

void ask_ocsp(X509* certificate, X509* issuer, X509_STORE* roots, STACK_OF(X509) * chain, const OcspTransport& ask) {
  in_context([&] { return fmt::format("certificate {}", in_quotes(subject_of(certificate))); }, [&] {
    const std::string url = responder_of(certificate);
    const CertificateId id(OCSP_cert_to_id(EVP_sha1(), certificate, issuer));
    const Request request(OCSP_REQUEST_new());
    check_crypto(id != nullptr && request != nullptr && OCSP_request_add0_id(request.get(), OCSP_CERTID_dup(id.get())) != nullptr &&
                     OCSP_request_add1_nonce(request.get(), nullptr, -1) == 1,
                 kAsking);
    const auto answer = parse(ask(url, encoded(request.get())));
    // Responders may leave the nonce out; a wrong one is a replay.
    if (OCSP_check_nonce(request.get(), answer.get()) == 0) refuse("the answer is to another request");
    if (OCSP_basic_verify(answer.get(), chain, roots, OCSP_PARTIAL_CHAIN) != 1) refuse(fmt::format("the answer's signature does not hold: {}", crypto_reason()));
    refuse_weak_hash(answer.get());
    int status = 0;
    int reason = 0;
    ASN1_GENERALIZEDTIME* revoked = nullptr;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    if (OCSP_resp_find_status(answer.get(), id.get(), &status, &reason, &revoked, &from, &until) != 1) refuse("the answer says nothing of the certificate");
    if (OCSP_check_validity(from, until, kClockSlack, until == nullptr ? kOldestWithoutEnd : -1) != 1) {
      refuse(fmt::format("the answer does not count at this time: {}", crypto_reason()));
    }
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
      std::tm since{};
      const bool dated = revoked != nullptr && ASN1_TIME_to_tm(revoked, &since) == 1;
      refuse(fmt::format("revoked{}{}{}", dated ? fmt::format(" since {:%Y-%m-%d %H:%M:%S} UTC", since) : "", reason >= 0 ? ": " : "", reason >= 0 ? OCSP_crl_reason_str(reason) : ""));
    }
    if (status != V_OCSP_CERTSTATUS_GOOD) refuse("the responder does not know the certificate");
  });
}

}  // namespace sifkit::trust
