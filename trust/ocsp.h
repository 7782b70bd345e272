// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <sifkit/core/bytes.h>

#include "x509.h"

namespace sifkit::trust {

/// Sends a request (DER) to a responder's address and returns its answer (DER).
using OcspTransport = std::function<Bytes(const std::string& url, ByteView request)>;

/// By HTTP POST (RFC 6960 appendix A). Throws network, and limit for more than 1 MiB of answer or 256 KiB of headers.
Bytes post_to_responder(const std::string& url, ByteView request);

/// Asks the responder that a certificate names. Throws untrusted (revoked, unknown, stale, not signed as it must be, no
/// responder named) and what `ask` throws.
void ask_ocsp(X509* certificate, X509* issuer, X509_STORE* roots, STACK_OF(X509) * chain, const OcspTransport& ask);

}  // namespace sifkit::trust
