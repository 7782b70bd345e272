// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/sif/integrity.h>

#include "ocsp.h"
#include "trusted_keys.h"

namespace sifkit::sif {

/// The certificate's key, once its chain holds; see TrustedKeys::add_certificate. `ask` reaches OCSP responders.
TrustedKey checked_certificate(const CertificateFiles& files, const OcspTransport& ask = post_to_responder);

}  // namespace sifkit::sif
