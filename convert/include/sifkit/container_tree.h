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

/// Where the runtime has its scripts and what they read.
inline constexpr std::string_view kRuntimeDirectory = ".singularity.d";

/// Whether a path, which is clean and relative, is that directory or below it.
SIFKIT_API bool is_in_runtime_directory(std::string_view path) noexcept;

/// Whether a file is what a build adds to every image, or what it would have added had the image not had it: all of
/// /.singularity.d, the links at the root, and mount points in which nothing is. `path` is clean and relative.
SIFKIT_API bool is_runtime_file(const layers::Tree& tree, std::string_view path, layers::InodeId inode);

/// Whether a name is the runtime's own, which no image has: /.singularity.d with all below it, and the links at the
/// root that lead into it. `path` is clean and relative.
SIFKIT_API bool is_of_runtime(const layers::Tree& tree, std::string_view path, layers::InodeId inode);

/// Whether the root file system is one that a runtime starts as it is: it has the runtime's actions and environment.
SIFKIT_API bool is_container(const layers::Tree& tree);

/// Whether the runtime sets a variable itself, whatever an image says.
SIFKIT_API bool is_reserved_variable(std::string_view name) noexcept;

}  // namespace sifkit
