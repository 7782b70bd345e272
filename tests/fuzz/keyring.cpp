// SPDX-License-Identifier: Apache-2.0
#include "key_blocks.h"

#include "fuzz.h"
#include "pgp.h"

using namespace sifkit;

/// Rings of OpenPGP keys, armored or binary, as `key import` and `verify` read them.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto packets = sif::without_armor(bytes, "ring");
    sif::is_lone_signature(packets);
    Bytes joined;
    for (const auto& block : sif::split_keys(packets, "ring")) {
      joined.insert(joined.end(), block.bytes.begin(), block.bytes.end());
      fuzz::require(block.info.fingerprint.empty() || block.info.fingerprint.size() == 40, "a fingerprint has 20 bytes");
      if (block.info.fingerprint.empty()) continue;
      const auto again = sif::without_armor(as_bytes(sif::armored(block)), "armored");
      fuzz::require(again == block.bytes, "armor keeps a key's bytes");
      fuzz::accepted([&] { fuzz::require(sif::public_half(block).info.fingerprint == block.info.fingerprint, "a key and its public half are one"); });
    }
    fuzz::require(joined.size() <= packets.size(), "keys are parts of their ring");
  });
  fuzz::accepted([&] { sif::PgpKeyring ring(bytes, "ring"); });
  return 0;
}
