// SPDX-License-Identifier: Apache-2.0
#include "squashfs/block_reuser.h"

#include <cstring>

#include <sifkit/core/error.h>

#include "squashfs/tree_reader.h"

namespace sifkit::layers {

BlockReuser::BlockReuser(const PackedBlocks& base, const SquashfsOptions& options)
    : base_(base), codec_(make_block_decompressor(options.codec, options.block_size)), unpacked_(options.block_size) {}

BlockReuser::Found BlockReuser::take(const PackedBlock& known, ByteView plain, std::span<std::byte> packed) {
  const bool stored = (known.size_field & kStoredBlock) != 0;
  const std::uint32_t size = known.size_field & ~kStoredBlock;
  // A block that is not smaller than what it holds is stored, and has its size then.
  if (size == 0 || (stored ? size != plain.size() : size >= plain.size())) return Found::no;
  try {
    base_.read(known, packed.first(size));
    if (stored) return std::memcmp(packed.data(), plain.data(), size) == 0 ? Found::yes : Found::no;
    const auto got = codec_->decompress(packed.first(size), unpacked_);
    return got == plain.size() && std::memcmp(unpacked_.data(), plain.data(), got) == 0 ? Found::yes : Found::no;
  } catch (const Error&) {
    return Found::damaged;  // or unreadable: the bytes are here, they are packed again
  }
}

}  // namespace sifkit::layers
