// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include <sifkit/core/file.h>
#include <sifkit/sif/descriptor.h>

namespace sifkit::sif {

/// The same objects without holes between them, in the order of their offsets. Signatures do not cover offsets.
std::vector<Descriptor> without_holes(const Header& header, const std::vector<Descriptor>& slots);

/// Writes the image with its objects moved from where `from` has them to where `to` has them, and puts it in the place
/// of `path`, with the old file's mode and, where that is allowed, owner.
void move_objects(const std::filesystem::path& path, const File& file, const Header& header, const std::vector<Descriptor>& from, const std::vector<Descriptor>& to, const OperationContext& operation);

/// The table as it is written.
Bytes encode_table(const std::vector<Descriptor>& slots);

/// The end of the last object, from the start of the file; at least `header.data_offset`.
std::int64_t end_of_data(const Header& header, const std::vector<Descriptor>& slots);

}  // namespace sifkit::sif
