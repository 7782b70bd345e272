// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/tar_reader.h>
#include <sifkit/layers/entry.h>
#include <sifkit/layers/layer_reader.h>

namespace sifkit::layers {

/// What a tar member does to the image. Throws for members that no layer may hold; what is dropped or bent to what an
/// image can hold becomes a warning.
Entry entry_from_tar(TarMember& member, bool is_layer, const LayerOptions& options, const Limits& limits,
                     WarningList& warnings);

/// Sorts, applies the policy and drops what a squashfs of a container must not or cannot hold.
void filter_xattrs(Xattrs& xattrs, std::string_view path, EntryType type, XattrPolicy policy, WarningList& warnings);

/// Whole seconds as squashfs holds them; a warning where that changes the time.
std::uint32_t clamp_mtime(std::int64_t seconds, std::string_view path, WarningList& warnings);

}  // namespace sifkit::layers
