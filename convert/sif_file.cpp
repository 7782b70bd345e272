// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif_file.h>

#include <sifkit/oci/source.h>

namespace sifkit {

void expect_no_other_image(const std::filesystem::path& path) {
  const auto identity = oci::identify(path);
  if (!identity.contents && identity.compression == Compression::none) return;
  Error error = identity.unexpected(in_quotes(path.native()), "a SIF image");
  if (identity.transport() != oci::Transport::automatic) error.set_hint(Advice::convert);
  throw error;
}

}  // namespace sifkit
