// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/content.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

ContentId ContentSink::take(const PackedBlocks&, std::uint32_t) {
  throw Error(ErrorKind::internal, "a file of an older image was given to what has no base");
}

}  // namespace sifkit::layers
