// SPDX-License-Identifier: Apache-2.0
#include "metadata.h"

#include "fuzz.h"

using namespace sifkit;

/// The document inside a signature.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sif::ImageMetadata metadata;
  if (!fuzz::accepted([&] { metadata = sif::parse_metadata(fuzz::text_of(data, size)); })) return 0;
  const auto written = sif::write_metadata(metadata);
  fuzz::require(sif::write_metadata(sif::parse_metadata(written)) == written, "metadata that is written and read is the same");
  return 0;
}
