// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sifkit/layers/packed_blocks.h>

#include "squashfs/block_reuser.h"
#include "squashfs/write_behind.h"

namespace sifkit::layers {

/// What goes through the pipeline of a DataWriter, in the order in which it lies in the image.
struct DataItem {
  enum class Kind : std::uint8_t {
    block,
    fragment,
    repeat,  ///< a block that is stored already
    holes,   ///< blocks of them
    end,     ///< of a file that has blocks of its own
    taken,   ///< a run of what the base has side by side, as it is
  };

  /// Of a run: a block, a fragment, or the end of a file.
  struct Piece {
    Kind kind = Kind::block;
    std::uint32_t size_field = 0;  ///< none of an end
    std::uint32_t plain_size = 0;
    std::uint32_t checksum = 0;    ///< set by the worker
    std::uint32_t number = 0;      ///< of the fragment, or the content that ends
  };

  Kind kind = Kind::block;
  BlockBuffer plain;
  BlockBuffer packed;            ///< filled by the worker
  std::uint32_t size_field = 0;  ///< of a block, as it is stored; set by the worker
  std::uint32_t checksum = 0;    ///< of a block as it is stored; set by the worker
  std::uint64_t count = 0;       ///< holes: bytes; fragment: its index; block: its number in KnownBlocks
  std::uint32_t content = 0;     ///< that ends
  bool duplicate = false;        ///< and is taken back
  PackedBlock known;             ///< where the base may have this block; of a run: where it begins
  BlockReuser::Found found = BlockReuser::Found::no;  ///< there; set by the worker
  std::vector<Piece> pieces;     ///< of a run
};

}  // namespace sifkit::layers
