// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>
#include <sifkit/oci/image_config.h>

#include "fuzz.h"

using namespace sifkit;

/// An image's configuration, and what Apptainer would store of it.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  WarningList warnings;
  oci::ImageConfig config;
  if (!fuzz::accepted([&] { config = oci::ImageConfig::parse(fuzz::text_of(data, size), {}, warnings); })) return 0;
  const auto written = config.go_config_json();
  fuzz::require(parse_json(written, "what was written").is_object(), "what is written is JSON");
  return 0;
}
