// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "certificate.h"

#include "support/catch.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

/// Who holds a certificate.
struct Party {
  trust::OsslKey key;
  trust::Certificate certificate;
};

using Extensions = std::vector<std::pair<int, std::string>>;

inline const Extensions kAuthority{{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}};
inline const Extensions kCodeSigner{{NID_key_usage, "critical,digitalSignature"}, {NID_ext_key_usage, "codeSigning"}};
inline const Extensions kOcspSigner{{NID_ext_key_usage, "OCSPSigning"}};

struct Validity {
  long from = -3600;   ///< seconds from now
  long until = 86400;
};

/// A certificate by `issuer`, or by itself, for `key` or a new one. Its responder's address is "http://NAME.example/" where there is an issuer.
inline Party certified(const std::string& name, Extensions extensions, const Party* issuer, Validity validity = {}, EVP_PKEY* key = nullptr) {
  static long serial = 0;
  Party party{trust::OsslKey(key != nullptr ? key : EVP_EC_gen("P-256")), trust::Certificate(X509_new())};
  X509* const made = party.certificate.get();
  const Party& signer = issuer == nullptr ? party : *issuer;
  REQUIRE(X509_set_version(made, 2) == 1);
  REQUIRE(ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial) == 1);
  REQUIRE(X509_gmtime_adj(X509_getm_notBefore(made), validity.from) != nullptr);
  REQUIRE(X509_gmtime_adj(X509_getm_notAfter(made), validity.until) != nullptr);
  REQUIRE(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0) == 1);
  REQUIRE(X509_set_issuer_name(made, X509_get_subject_name(signer.certificate.get())) == 1);
  REQUIRE(X509_set_pubkey(made, party.key.get()) == 1);
  if (issuer != nullptr) extensions.emplace_back(NID_info_access, "OCSP;URI:http://" + name + ".example/");
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer.certificate.get(), made, nullptr, nullptr, 0);
  for (const auto& [kind, value] : extensions) {
    const std::unique_ptr<X509_EXTENSION, FreedBy<X509_EXTENSION_free>> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
    REQUIRE(extension);
    REQUIRE(X509_add_ext(made, extension.get(), -1) == 1);
  }
  REQUIRE(X509_sign(made, signer.key.get(), EVP_sha256()) > 0);
  return party;
}

/// What a responder answers.
struct OcspAnswer {
  enum class Nonce { same, absent, other };

  const Party* issuer;               ///< of the certificate that is asked for
  const Party* signer = issuer;
  int status = V_OCSP_CERTSTATUS_GOOD;
  long from = -60;                   ///< thisUpdate, seconds from now
  std::optional<long> until = 3600;  ///< nextUpdate
  const Party* about = nullptr;      ///< in place of the certificate that is asked for
  Nonce nonce = Nonce::same;
  const EVP_MD* hash = EVP_sha256();
  bool pss = false;                  ///< RSA-PSS, for RSA keys
  int result = OCSP_RESPONSE_STATUS_SUCCESSFUL;

  Bytes to(ByteView request_bytes) const {
    using Time = std::unique_ptr<ASN1_TIME, FreedBy<ASN1_TIME_free>>;
    const unsigned char* at = trust::octets(request_bytes);
    const std::unique_ptr<OCSP_REQUEST, FreedBy<OCSP_REQUEST_free>> request(d2i_OCSP_REQUEST(nullptr, &at, static_cast<long>(request_bytes.size())));
    REQUIRE(request);
    REQUIRE(OCSP_request_onereq_count(request.get()) == 1);
    const std::unique_ptr<OCSP_BASICRESP, FreedBy<OCSP_BASICRESP_free>> basic(OCSP_BASICRESP_new());
    const std::unique_ptr<OCSP_CERTID, FreedBy<OCSP_CERTID_free>> id(
        about != nullptr ? OCSP_cert_to_id(nullptr, about->certificate.get(), issuer->certificate.get())
                         : OCSP_CERTID_dup(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request.get(), 0))));
    const Time this_update(X509_gmtime_adj(nullptr, from));
    const Time next_update(until ? X509_gmtime_adj(nullptr, *until) : nullptr);
    const Time revoked(status == V_OCSP_CERTSTATUS_REVOKED ? X509_gmtime_adj(nullptr, -120) : nullptr);
    REQUIRE(OCSP_basic_add1_status(basic.get(), id.get(), status, OCSP_REVOKED_STATUS_KEYCOMPROMISE, revoked.get(), this_update.get(), next_update.get()) != nullptr);
    if (nonce == Nonce::same) REQUIRE(OCSP_copy_nonce(basic.get(), request.get()) == 1);
    if (nonce == Nonce::other) REQUIRE(OCSP_basic_add1_nonce(basic.get(), nullptr, 16) == 1);
    const trust::OsslDigestContext signing(EVP_MD_CTX_new());
    EVP_PKEY_CTX* scheme = nullptr;
    REQUIRE(EVP_DigestSignInit(signing.get(), &scheme, hash, nullptr, signer->key.get()) == 1);
    if (pss) REQUIRE(EVP_PKEY_CTX_set_rsa_padding(scheme, RSA_PKCS1_PSS_PADDING) == 1);
    REQUIRE(OCSP_basic_sign_ctx(basic.get(), signer->certificate.get(), signing.get(), nullptr, 0) == 1);
    const std::unique_ptr<OCSP_RESPONSE, FreedBy<OCSP_RESPONSE_free>> response(OCSP_response_create(result, result == OCSP_RESPONSE_STATUS_SUCCESSFUL ? basic.get() : nullptr));
    Bytes out(static_cast<std::size_t>(i2d_OCSP_RESPONSE(response.get(), nullptr)));
    unsigned char* to = trust::octets(out);
    i2d_OCSP_RESPONSE(response.get(), &to);
    return out;
  }
};

}  // namespace sifkit::testing
