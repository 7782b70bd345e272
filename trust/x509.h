// SPDX-License-Identifier: Apache-2.0
#pragma once

// OpenSSL's certificates, for this module's sources only.
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "ossl.h"

namespace sifkit::trust {

struct X509StackFree {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_pop_free(stack, X509_free); }
};

using Certificate = std::unique_ptr<X509, FreedBy<X509_free>>;
using CertificateStack = std::unique_ptr<STACK_OF(X509), X509StackFree>;
using CertificateStore = std::unique_ptr<X509_STORE, FreedBy<X509_STORE_free>>;

/// "CN=leaf,O=Example", as RFC 2253 writes names.
std::string subject_of(const X509* certificate);

}  // namespace sifkit::trust
