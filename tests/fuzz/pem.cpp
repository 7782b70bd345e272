// SPDX-License-Identifier: Apache-2.0
#include "pem.h"

#include "fuzz.h"

using namespace sifkit;

/// Public and private keys in PEM, locked ones too.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  fuzz::accepted([&] { fuzz::require(trust::read_public_pem(text, "key").key_id().starts_with("SHA256:"), "a key has an id"); });
  fuzz::accepted([&] { trust::read_private_pem(text, "key", [](std::string_view) { return std::string("secret"); }); });
  return 0;
}
