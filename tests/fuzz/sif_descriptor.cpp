// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/descriptor.h>

#include "fuzz.h"

using namespace sifkit;

/// The fixed records of the format: header and descriptor, read and written again.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto descriptor = sif::Descriptor::decode(bytes);
    const auto written = descriptor.encode();
    fuzz::require(sif::Descriptor::decode(written).encode() == written, "a descriptor that is written and read is the same");
    descriptor.partition();
    descriptor.signature();
    descriptor.crypto();
    descriptor.sbom();
    descriptor.oci_digest();
    descriptor.is_primary();
    descriptor.integrity_bytes(descriptor.id);
  });
  fuzz::accepted([&] {
    const auto header = sif::Header::decode(bytes);
    const auto written = header.encode();
    fuzz::require(sif::Header::decode(written).encode() == written, "a header that is written and read is the same");
    header.launch_text();
    header.uuid_text();
    header.integrity_bytes();
  });
  return 0;
}
