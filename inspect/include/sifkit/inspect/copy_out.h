// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

/// The attributes that a copy of a file has (`attributes_outside`).
using CopiedAttributes = std::function<layers::Xattrs(const layers::Inode&, const layers::Xattrs&)>;

/// Copies a file, a symbolic link (with `follow`, what it leads to) or a directory with all that is in it out of an image;
/// throws not_found where the image has no such path. `target` appears whole or not at
/// all, and nothing is written elsewhere, whatever the image says. Modes, times and attributes are kept, and owners by
/// root; what cannot be becomes a warning. An ordinary user's copy of a file is never setuid. Throws exists where
/// `target` is there and `overwrite` is no, unsupported for a device, a pipe or a socket by itself.
SIFKIT_API void copy_out(layers::FileSystem& files, std::string_view path, bool follow, const std::filesystem::path& target,
                         Overwrite overwrite, const CopiedAttributes& attributes, WarningList& warnings,
                         const OperationContext& operation);

}  // namespace sifkit::inspect
