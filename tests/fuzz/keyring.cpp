// SPDX-License-Identifier: Apache-2.0
#include "key_blocks.h"

#include "fuzz.h"
#include "pgp.h"

using namespace sifkit;

/// Rings of OpenPGP keys, armored or binary, as `key import` and `verify` read them.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto packets = trust::without_armor(bytes, "ring");
    trust::is_lone_signature(packets);
    Bytes joined;
    for (const auto& block : trust::split_keys(packets, "ring")) {
      joined.insert(joined.end(), block.bytes.begin(), block.bytes.end());
      fuzz::require(block.info.fingerprint.empty() || block.info.fingerprint.size() == 40, "a fingerprint has 20 bytes");
      if (block.info.fingerprint.empty()) continue;
      const auto again = trust::without_armor(as_bytes(trust::armored(block)), "armored");
      fuzz::require(again == block.bytes, "armor keeps a key's bytes");
      fuzz::accepted([&] { fuzz::require(trust::public_half(block).info.fingerprint == block.info.fingerprint, "a key and its public half are one"); });
    }
    fuzz::require(joined.size() <= packets.size(), "keys are parts of their ring");
  });
  fuzz::accepted([&] { trust::PgpKeyring ring(bytes, "ring"); });
  return 0;
}
