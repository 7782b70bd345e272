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

/// What is the runtime's own is changed by what it says: throws usage for it.
[[noreturn]] void refuse_runtime_file(std::string_view path);
/// Refuses a place that is the runtime's, also where links of the tree lead into it.
void expect_own_place(const layers::Tree& tree, const std::string& path);

/// A file or a link by itself; a directory with all that is in it, itself first, links not followed. Throws unsupported
/// for what is of another kind.
std::vector<AddedFile> files_to_add(const AddedFile& added, const Limits& limits);

/// Puts what `files_to_add` gave into a tree, root's, with modes and times. A directory goes into one that is there, which
/// stays as it is; a file takes the place of a file, a link that of a file or a link. Throws unsupported for what is in
/// the way: to write through a link of the image would change what nobody named. Places are judged one by one, as there
/// may be links among the files.
void add_files(const std::vector<AddedFile>& files, layers::Tree& tree, layers::ContentSink& sink);

}  // namespace sifkit
