// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/sif/integrity.h>

#include "trusted_keys.h"

namespace sifkit::sif {

/// The certificate's key, once its chain holds; see TrustedKeys::add_certificate.
TrustedKey checked_certificate(const CertificateFiles& files);

}  // namespace sifkit::sif
