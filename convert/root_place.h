// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <sifkit/core/file.h>
#include <sifkit/sif/image.h>

namespace sifkit {

/// Where a file has the squashfs image of a root file system.
struct RootPlace {
  std::shared_ptr<const sif::Image> sif;  ///< around it; nullptr for a bare squashfs image
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Of a SIF the primary system partition; throws as RootFs::open does where that is none, or no squashfs.
RootPlace find_root(const std::shared_ptr<const File>& file);

}  // namespace sifkit
