// SPDX-License-Identifier: Apache-2.0
#include "pgp_packet.h"

#include "fuzz.h"
#include "pgp_key_packet.h"

using namespace sifkit;

/// OpenPGP packets, of signatures and of secret keys.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto signature = trust::parse_signature_packet(bytes);
    fuzz::require(signature.issuer_fingerprint.empty() || signature.issuer_fingerprint.size() == 40, "a fingerprint has 20 bytes");
    fuzz::require(signature.issuer_key_id.empty() || signature.issuer_key_id.size() == 16, "a key ID has 8 bytes");
    trust::pgp_hash_name(signature.hash);
  });
  fuzz::accepted([&] { trust::parse_secret_key_packet(bytes); });
  return 0;
}
