// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/sif/image.h>

namespace sifkit::trust {

/// A signature whose text does not say any more what is in the image, whoever has made it.
struct StaleSignature {
  std::uint32_t id = 0;     ///< of the signature object
  std::uint32_t group = 0;  ///< that it signs; 0 for a legacy signature of an object
  std::string reason;       ///< "the descriptor of object 2 has changed"
};

/// Signatures that an edit has made void: they were not stale in `before`, and are in `after`, the same image. Needs no
/// key and reads no data of other objects. Images that are damaged have none: nothing can be said of them.
SIFKIT_API std::vector<StaleSignature> signatures_broken_by_edit(const sif::Image& before, const sif::Image& after,
                                                                 const Limits& limits = {});

}  // namespace sifkit::trust
