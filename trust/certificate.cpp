// SPDX-License-Identifier: Apache-2.0
#include "certificate.h"

#include <ctime>
#include <new>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/in_file.h>

#include "key_format.h"
#include "pem.h"
#include "x509.h"

namespace sifkit::trust {

namespace {

constexpr std::uint64_t kMaxCertificateBytes = 4u << 20;
constexpr std::string_view kReading = "read certificates";
constexpr int kSecurityLevel = 2;  ///< RSA of 2048 bits and more, no SHA-1; of OCSP responders, too

std::string text_of(const std::filesystem::path& path) {
  const Bytes bytes = read_all(*open_source(path), kMaxCertificateBytes, path.native());
  refuse_other_key_formats(bytes, path.native());
  return std::string(as_text(bytes));
}

/// Every PEM block of the file, which are certificates and nothing else; text between them is for people.
std::vector<Certificate> read_certificates(const std::filesystem::path& path) {
  const std::string text = text_of(path);
  return in_file(path.native(), [&] {
    std::string_view left = text;
    std::vector<Certificate> out;
    while (const auto block = take_pem_block(left)) {
      if (block->label != "CERTIFICATE") {
        throw Error(ErrorKind::malformed,
                    fmt::format("expected a certificate in PEM form (-----BEGIN CERTIFICATE-----) as block {}, "
                                "found {}",
                                out.size() + 1, in_quotes(block->label)));
      }
      const OsslBio bio(BIO_new_mem_buf(block->text.data(), int_size(block->text.size())));
      out.emplace_back(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
      if (!out.back()) throw Error(ErrorKind::malformed, fmt::format("certificate {} cannot be read: {}", out.size(), crypto_reason()));
    }
    if (out.empty()) throw Error(ErrorKind::malformed, "there is no certificate in it");
    return out;
  });
}

void push(STACK_OF(X509) * stack, const Certificate& certificate) {
  check_crypto(sk_X509_push(stack, certificate.get()) > 0, kReading);
  X509_up_ref(certificate.get());
}

CertificateStore root_store(const std::filesystem::path& path) {
  CertificateStore store(X509_STORE_new());
  check_crypto(store != nullptr, kReading);
  // What is given as a root is one, whoever has signed it.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store.get()), kSecurityLevel);
  if (path.empty()) {
    check_crypto(X509_STORE_set_default_paths(store.get()) == 1, kReading);
  } else {
    for (const auto& root : read_certificates(path)) check_crypto(X509_STORE_add_cert(store.get(), root.get()) == 1, kReading);
  }
  return store;
}

/// Every certificate of the chain that restricts its use must allow code signing.
void require_code_signing(X509* certificate, bool leaf) {
  const auto refuse = [&](std::string_view what) {
    throw Error(ErrorKind::untrusted, fmt::format("certificate {}: {}", in_quotes(subject_of(certificate)), what));
  };
  const auto uses = X509_get_extended_key_usage(certificate);
  if (uses != UINT32_MAX && (uses & (XKU_CODE_SIGN | XKU_ANYEKU)) == 0) refuse("code signing is not among its extended key usages");
  const auto basic = X509_get_key_usage(certificate);
  if (leaf && basic != UINT32_MAX && (basic & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) refuse("signing is not among its key usages");
}

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  check_crypto(ASN1_TIME_to_tm(time, &parts) == 1, kReading);
  return ::timegm(&parts);
}

/// Whoever breaks any key of a chain can certify what they like.
std::vector<KeySize> sizes_of(STACK_OF(X509) * chain) {
  std::vector<KeySize> sizes;
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const auto* const key = X509_get0_pubkey(sk_X509_value(chain, i));
    if (key == nullptr) crypto_reason();  // a lack of memory is no verdict
    sizes.push_back(key == nullptr ? KeySize{} : size_of(key));
  }
  return sizes;
}

}  // namespace

std::string subject_of(const X509* certificate) {
  const OsslBio bio(BIO_new(BIO_s_mem()));
  check_crypto(bio != nullptr && X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0, kReading);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TrustedKey checked_certificate(const CertificateFiles& files, std::optional<std::int64_t> at, const OcspTransport& ask) {
  prepare_crypto();
  const auto given = read_certificates(files.certificate);
  X509* const leaf = given.front().get();
  const CertificateStack others(sk_X509_new_null());
  check_crypto(others != nullptr, kReading);
  for (std::size_t i = 1; i < given.size(); ++i) push(others.get(), given[i]);
  if (!files.intermediates.empty()) {
    for (const auto& certificate : read_certificates(files.intermediates)) push(others.get(), certificate);
  }
  const auto roots = root_store(files.roots);
  const std::unique_ptr<X509_STORE_CTX, FreedBy<X509_STORE_CTX_free>> context(X509_STORE_CTX_new());
  check_crypto(context != nullptr && X509_STORE_CTX_init(context.get(), roots.get(), leaf, others.get()) == 1, kReading);
  if (at) X509_STORE_CTX_set_time(context.get(), 0, static_cast<std::time_t>(*at));

  return in_file(files.certificate.native(), [&] {
    if (X509_verify_cert(context.get()) != 1) {
      const int code = X509_STORE_CTX_get_error(context.get());
      const X509* where = X509_STORE_CTX_get_current_cert(context.get());
      crypto_reason();  // a lack of memory is no verdict
      if (code == X509_V_ERR_OUT_OF_MEM) throw std::bad_alloc();
      throw Error(ErrorKind::untrusted, fmt::format("certificate {}: {}", in_quotes(where == nullptr ? "" : subject_of(where)), X509_verify_cert_error_string(code)));
    }
    STACK_OF(X509)* const chain = X509_STORE_CTX_get0_chain(context.get());
    const int length = sk_X509_num(chain);
    for (int i = 0; i < length; ++i) require_code_signing(sk_X509_value(chain, i), i == 0);
    if (files.ocsp) {
      if (length < 2) throw Error(ErrorKind::untrusted, "the certificate is its own root, so nobody can say whether it is revoked");
      for (int i = 0; i + 1 < length; ++i) ask_ocsp(sk_X509_value(chain, i), sk_X509_value(chain, i + 1), roots.get(), chain, ask);
    }
    OsslKey key(X509_get_pubkey(leaf));
    if (!key) throw Error(ErrorKind::unsupported, fmt::format("the certificate's key cannot be used: {}", crypto_reason()));
    return TrustedKey{AsymmetricKey(std::move(key)), files.certificate.native(), subject_of(leaf), seconds_of(X509_get0_notAfter(leaf)), true, sizes_of(chain)};
  });
}

}  // namespace sifkit::trust
