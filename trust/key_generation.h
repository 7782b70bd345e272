// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/trust/key_store.h>

#include "key_blocks.h"

namespace sifkit::trust {

struct KeyPair {
  KeyBlock secret;         ///< locked by the passphrase
  std::string revocation;  ///< armored certificate
};

/// Makes a primary key that certifies and signs. It has no subkey: signatures are made by the primary key, and nothing
/// is encrypted to it.
KeyPair generate_key_pair(const NewPgpKey& wanted);

}  // namespace sifkit::trust
