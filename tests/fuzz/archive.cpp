// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/stream.h>
#include <sifkit/oci/source.h>

#include "fuzz.h"

using namespace sifkit;

/// An archive of images as `sifkit images` and `sifkit build` open it.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  oci::Reference reference;
  reference.location = fuzz::path_of(fuzz::text_of(data, size));
  oci::SourceOptions options;
  options.limits = fuzz::small_limits();
  WarningList warnings;
  fuzz::accepted([&] {
    reference.transport = oci::identify(reference.location, options.limits).transport();
    if (reference.transport == oci::Transport::sif || reference.transport == oci::Transport::squashfs) return;
    if (reference.transport != oci::Transport::tar) oci::list_images(reference, options, warnings);
    const auto image = oci::open_image(reference, options, warnings);
    for (std::size_t i = 0; i < image->layers().size(); ++i) {
      read_all(*image->open_layer(i), options.limits.stream_bytes, "layer");
    }
  });
  return 0;
}
