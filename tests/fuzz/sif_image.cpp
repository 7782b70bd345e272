// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image.h>
#include <sifkit/trust/verify.h>

#include "fuzz.h"
#include "sif_text.h"

using namespace sifkit;

/// A SIF file: what `sif list` and `info` print, every object's bytes, and verification with no key at all.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto path = fuzz::path_of(fuzz::text_of(data, size));
  fuzz::accepted([&] {
    const auto image = sif::Image::open(path);
    cli::header_text(image);
    cli::list_text(image);
    fuzz::accepted([&] { image.primary_partition(); });
    for (const auto* object : image.objects()) {
      cli::info_text(*object);
      cli::object_record(*object);
      Bytes bytes;
      if (fuzz::accepted([&] { bytes = image.read_data(*object, size); })) {
        fuzz::require(bytes.size() == static_cast<std::uint64_t>(object->size), "an object is as long as its descriptor says");
      }
    }
    const auto report = trust::verify(image, trust::TrustedKeys(), {});
    fuzz::require(report.failure.has_value(), "nothing is trusted without a key");
  });
  return 0;
}
