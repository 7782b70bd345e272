// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include <sifkit/core/limits.h>
#include <sifkit/core/tar_reader.h>

#include "tar_header.h"

namespace sifkit {

/// Reads the maps of sparse files: GNU's old format, and PAX formats 0.0, 0.1 and 1.0.
class SparseMaps {
 public:
  /// Gives the next block of the archive; false at its end.
  using ReadBlock = std::function<bool(TarHeader&)>;

  /// `limits` outlives the object.
  SparseMaps(const Limits& limits, ReadBlock read_block) : limits_(limits), read_block_(std::move(read_block)) {}

  /// Four segments in the header, then blocks of 21.
  void read_gnu(const TarHeader& header, TarMember& member) const;
  /// Does nothing where the records are not those of a sparse file.
  void read_pax(const PaxRecords& pax, TarMember& member) const;

  /// Segments must be in order, inside the file, and hold what the archive stores. Takes empty ones out.
  static void check(TarMember& member);

 private:
  void read_decimal_map(TarMember& member) const;
  void add(TarMember& member, std::uint64_t at, std::uint64_t length) const;

  const Limits& limits_;
  ReadBlock read_block_;
};

}  // namespace sifkit
