// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include <sifkit/sif/integrity.h>

#include "pem.h"
#include "pgp.h"

namespace sifkit::sif {

struct TrustedKeys::Impl {
  std::vector<std::shared_ptr<const AsymmetricKey>> asymmetric;
  std::vector<PgpKeyring> rings;
};

}  // namespace sifkit::sif
