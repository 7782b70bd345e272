// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/tree.h>

namespace sifkit {

/// Relative and clean, as trees have paths; throws usage for one that leads elsewhere or is longer than readers take.
std::string place_in_image(std::string_view path, const Limits& limits);

/// A file or a link by itself; a directory with all that is in it, itself first, links not followed. Throws unsupported
/// for what is of another kind.
std::vector<AddedFile> files_to_add(const AddedFile& added, const Limits& limits);

/// Puts what `files_to_add` gave into a tree, root's, with modes and times. A directory goes into one that is there, which
/// stays as it is; a file takes the place of a file, a link that of a file or a link. Throws unsupported for what is in
/// the way: to write through a link of the image would change what nobody named.
void add_files(const std::vector<AddedFile>& files, layers::Tree& tree, layers::ContentSink& sink);

}  // namespace sifkit
