// SPDX-License-Identifier: Apache-2.0
//
// Whether an output can get its name once it is complete, asked before it is made.
#pragma once

#include <filesystem>

#include <sifkit/core/export.h>

namespace sifkit {

/// Throws usage when a path ends in no name of its own, as "", ".", ".." and "/" do. `what` is for the error.
SIFKIT_API void expect_own_name(const std::filesystem::path& target, const char* what);

/// The mode (stat(2)) of what has the name of `target` in the open directory, 0 for nothing. Throws what the file system says
/// against the name.
SIFKIT_API unsigned mode_in(int directory, const std::filesystem::path& target);

/// Throws denied when another file or directory cannot take the place of `target`, as far as that can be told: what chattr(1)
/// protects, a mount point, and what is another user's in a directory of all (sticky).
SIFKIT_API void expect_replaceable(int directory, const std::filesystem::path& target);

/// Where a file is written that its owner may keep elsewhere, behind a link, which stays: the path itself where it is no
/// link. Throws not_found for a link that leads nowhere.
SIFKIT_API std::filesystem::path behind_links(const std::filesystem::path& path);

/// Whether a file without a name can get one, which takes a mounted /proc.
SIFKIT_API bool can_name(int fd);

}  // namespace sifkit
