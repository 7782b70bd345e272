// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sifkit/core/file.h>
#include <sifkit/inspect.h>
#include <sifkit/sif/image.h>

namespace sifkit {

/// What header, descriptors, and the superblock of the primary partition say.
ContainerSummary summary_of_sif(const sif::Image& image);

/// What the superblock of a squashfs image in the file, from `offset` on, says.
void add_superblock(const File& file, std::uint64_t offset, ContainerSummary& summary);

}  // namespace sifkit
