// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/trust/verify.h>

#include "pem.h"
#include "pgp.h"

namespace sifkit::trust {

/// A public key for DSSE signatures, and where it is from.
struct TrustedKey {
  AsymmetricKey key;
  std::string ring;
  std::string name;                     ///< subject of a certificate
  std::optional<std::int64_t> expires;  ///< of a certificate
  bool certified = false;               ///< by a certificate
  std::vector<KeySize> sizes;           ///< of the key and, for a certificate, of every other key of its chain
};

struct TrustedKeys::Impl {
  std::optional<std::int64_t> at;  ///< absent: now
  std::vector<TrustedKey> asymmetric;
  std::vector<PgpKeyring> rings;
};

}  // namespace sifkit::trust
