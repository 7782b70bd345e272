// SPDX-License-Identifier: Apache-2.0
#include "metadata.h"

#include "fuzz.h"

using namespace sifkit;

/// The document inside a signature.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  trust::ImageMetadata metadata;
  if (!fuzz::accepted([&] { metadata = trust::parse_metadata(fuzz::text_of(data, size)); })) return 0;
  const auto written = trust::write_metadata(metadata);
  fuzz::require(trust::write_metadata(trust::parse_metadata(written)) == written, "metadata that is written and read is the same");
  return 0;
}
