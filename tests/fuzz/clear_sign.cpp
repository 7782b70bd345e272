// SPDX-License-Identifier: Apache-2.0
#include "clearsign.h"

#include "fuzz.h"

using namespace sifkit;

/// A clear-signed message: what is shown is what is verified, and it survives being written and read.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  trust::ClearSigned message;
  if (!fuzz::accepted([&] { message = trust::parse_clear_signed(text); })) return 0;
  fuzz::require(trust::looks_clear_signed(text), "what is read is recognised");
  fuzz::require(trust::canonical_text(message.text) == message.canonical, "the text shown is the text verified");
  fuzz::accepted([&] {
    const auto again = trust::parse_clear_signed(trust::write_clear_signed(message.text, "SHA256", message.packets));
    fuzz::require(again.text == message.text && again.canonical == message.canonical && again.packets == message.packets,
                  "a message that is written and read is the same");
  });
  return 0;
}
