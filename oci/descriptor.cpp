// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/descriptor.h>

namespace sifkit::oci {

std::string Platform::text() const {
  std::string out = os + "/" + architecture;
  if (!variant.empty()) out += "/" + variant;
  return out;
}

}  // namespace sifkit::oci
