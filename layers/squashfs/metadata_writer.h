// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sifkit/core/file.h>
#include <sifkit/layers/squashfs.h>
#include <sifkit/layers/tree.h>

#include "squashfs/data_writer.h"

namespace sifkit::layers {

/// Options that a codec wants behind the superblock; returns where data may start.
std::uint64_t write_codec_options(Region& region, const SquashfsOptions& options);

/// Writes inodes, directories, tables and the superblock of an image whose data ends at `data_end`. Returns the number of
/// inodes; `end` is set to the image's length, not padded.
std::uint64_t write_tables(Region& region, std::uint64_t data_end, const Tree& tree, const DataWriter& data,
                           const SquashfsOptions& options, std::uint64_t& end);

}  // namespace sifkit::layers
