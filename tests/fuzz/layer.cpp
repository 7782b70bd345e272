// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include "support/flatten.h"

using namespace sifkit;

/// Two layers, compressed or not, decompressed and flattened. The first two bytes say where the second begins.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto text = fuzz::text_of(data + 2, size - 2);
  const auto cut = std::min<std::size_t>(text.size(), data[0] * 256u + data[1]);
  Limits limits = fuzz::small_limits();
  limits.path_depth = 64;
  fuzz::accepted([&] {
    const auto flat = testing::flatten({std::string(text.substr(0, cut)), std::string(text.substr(cut))}, {}, limits);
    for (const auto& [path, what] : flat->listing()) {
      fuzz::require(!path.empty() && path.front() != '/' && ("/" + path + "/").find("/../") == std::string::npos, "paths are clean");
    }
  });
  return 0;
}
