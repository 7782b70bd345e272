// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <sifkit/trust/trusted_keys.h>

#include "ocsp.h"
#include "trusted_keys_impl.h"

namespace sifkit::trust {

/// The certificate's key, once its chain holds; see TrustedKeys::add_certificate. `at` as there; `ask` reaches OCSP
/// responders, whose answers are about now.
TrustedKey checked_certificate(const CertificateFiles& files, std::optional<std::int64_t> at, const OcspTransport& ask = post_to_responder);

}  // namespace sifkit::trust
