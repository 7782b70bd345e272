// SPDX-License-Identifier: Apache-2.0
#include "dsse.h"

#include "fuzz.h"

using namespace sifkit;

namespace {

constexpr std::size_t kMaxSignatures = 64;

}  // namespace

/// A DSSE envelope.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = fuzz::text_of(data, size);
  trust::DsseEnvelope envelope;
  if (!fuzz::accepted([&] { envelope = trust::parse_envelope(text, kMaxSignatures); })) return 0;
  fuzz::require(trust::looks_like_envelope(text), "what is read is recognised");
  fuzz::require(envelope.payload_type == trust::kDssePayloadType, "the payload is of our type");
  fuzz::require(!envelope.signatures.empty() && envelope.signatures.size() <= kMaxSignatures, "there are signatures, and not too many");
  return 0;
}
