// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sys/stat.h>

#include <sifkit/layers/entry.h>

namespace sifkit::layers {

/// The file type of a mode, as stat(2) has it.
constexpr std::uint32_t type_bits(EntryType type) noexcept {
  switch (type) {
    case EntryType::regular: return S_IFREG;
    case EntryType::directory: return S_IFDIR;
    case EntryType::symlink: return S_IFLNK;
    case EntryType::char_device: return S_IFCHR;
    case EntryType::block_device: return S_IFBLK;
    case EntryType::fifo: return S_IFIFO;
    case EntryType::socket: return S_IFSOCK;
  }
  return S_IFREG;
}

}  // namespace sifkit::layers
