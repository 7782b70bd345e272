// SPDX-License-Identifier: Apache-2.0
#include "squashfs/block_checksums.h"

#include <algorithm>

#include <libdeflate.h>
#include <sqfs/super.h>

#include <sifkit/core/error.h>

namespace sifkit::layers {

namespace {

constexpr std::size_t kPiece = 1u << 20;

void hash_range(Hasher& hasher, Region& image, std::uint64_t from, std::uint64_t end) {
  Bytes buffer(kPiece);
  while (from < end) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - from));
    const auto got = image.read_at(from, std::span(buffer).first(wanted));
    if (got == 0) throw Error(ErrorKind::io, "the image ends before its tables do");
    hasher.update(ByteView(buffer).first(got));
    from += got;
  }
}

}  // namespace

std::uint32_t block_checksum(ByteView packed) noexcept { return libdeflate_crc32(0, packed.data(), packed.size()); }

void BlockChecksums::add(std::uint32_t size_field, std::uint32_t checksum) {
  ByteWriter out;
  out.le(size_field);
  out.le(checksum);
  hasher_.update(out.bytes());
}

void BlockChecksums::keep_held() {
  for (const auto& each : held_) add(each.size_field, each.checksum);
  held_.clear();
}

Digest BlockChecksums::finish(Region& image, std::uint64_t tables, std::uint64_t end) {
  hash_range(hasher_, image, 0, sizeof(sqfs_super_t));
  hash_range(hasher_, image, tables, end);
  return hasher_.finish();
}

}  // namespace sifkit::layers
