// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/layers/tree.h>
#include <sifkit/oci/contents.h>

namespace sifkit {

/// What the names in a merged tree say it is, by the rule for archives and directories.
oci::ContentsVerdict contents_of(const layers::Tree& tree);

}  // namespace sifkit
