// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/core/export.h>

namespace sifkit {

/// Changes a SIF or a squashfs image: what `options` says (labels, env, excludes, compression, `before_commit`) and what
/// `options.edit` adds to that. The file appears changed as a whole or stays as it is; what was packed and does not change is
/// copied. It is locked meanwhile, as by sif::ImageEditor, and another editor is waited for. A link to the image stays one.
/// `same_packing`: compressor and block size are those of the image, whatever `options.squashfs` says.
///
/// Throws not_found for a pattern of `excludes`, a label, a variable or a file that is not there, usage for files of the
/// runtime, which have options of their own, unsupported for an image with partitions that a new file system would not fit (overlays), io
/// where another program keeps the lock or replaces the file.
SIFKIT_API ConvertReport edit_image(const std::filesystem::path& image, ConvertOptions options, bool same_packing,
                                    WarningList& warnings);

}  // namespace sifkit
