// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

inline constexpr std::string_view kRealCapability = "security.capability";

/// The same bytes, under a name that no kernel acts on. It is short: squashfuse up to 0.6.1 copies the name of each
/// user. attribute into room for the one that is asked for, and an overlay in a user namespace asks for
/// user.overlay.opaque.
inline constexpr std::string_view kStoredCapability = "user.sifkit.cap";

/// Whether a file is what a build adds to every image, or what it would have added had the image not had it: all of
/// /.singularity.d, the links at the root, and mount points in which nothing is. `path` is clean and relative.
SIFKIT_API bool is_runtime_file(const layers::Tree& tree, std::string_view path, layers::InodeId inode);

}  // namespace sifkit
