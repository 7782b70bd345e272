// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sifkit/core/bytes.h>
#include <sifkit/core/file.h>
#include <sifkit/sif/image.h>

namespace sifkit::sif {

/// Changes header and descriptor table in place, so that whenever the program or the machine dies, the file is a SIF
/// with the old table or with the new one, for every reader (docs/formats.md, "Edits"). The caller holds the lock.
class TableSwap {
 public:
  /// Reads what is there now.
  TableSwap(const File& file, const Image& image);

  /// Puts `table` and `header` in place. `free_from` is behind every byte that the old or the new image uses. When it
  /// throws, the old header and table are there again, unless writing them fails, too (`needs_file_end`).
  void commit(const Header& header, ByteView table, std::uint64_t free_from);

  /// The table in force may be the copy at the end of the file, which must not be cut off then.
  bool needs_file_end() const noexcept { return needs_file_end_; }

 private:
  void restore(const Bytes& detour);

  const File& file_;
  Header old_header_;
  Bytes old_header_bytes_;
  Bytes old_table_;
  std::uint64_t old_size_;
  bool needs_file_end_ = false;
};

/// Finishes what a program that died in a TableSwap left: the table goes back to its place, and the file has its old
/// length. What the image says does not change, nor what another program has made it say since. False when there was
/// nothing to do. The caller holds the lock.
bool undo_interrupted_swap(const File& file, const Image& image);

}  // namespace sifkit::sif
