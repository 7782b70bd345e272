// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/stream.h>
#include <sifkit/core/tar_reader.h>

#include "fuzz.h"

using namespace sifkit;

/// Every member of a plain tar archive, its bytes, and what follows the end.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto limits = fuzz::small_limits();
  WarningList warnings;
  MemorySource source(as_bytes(fuzz::text_of(data, size)));
  TarReader reader(source, limits, warnings);
  fuzz::accepted([&] {
    std::byte buffer[4096];
    while (const auto member = reader.next()) {
      std::uint64_t end = 0;
      std::uint64_t stored = 0;
      for (const auto& segment : member->segments) {
        fuzz::require(segment.offset >= end, "segments are in order");
        end = segment.offset + segment.length;
        stored += segment.length;
      }
      fuzz::require(end <= member->size, "segments are inside the file");
      fuzz::require(!member->sparse || stored == member->stored_size, "segments are all there is");
      std::uint64_t seen = 0;
      while (const auto got = reader.read(buffer)) seen += got;
      fuzz::require(seen == member->stored_size && reader.offset() <= size, "a member is as long as its header says");
    }
    reader.drain();
    fuzz::require(reader.offset() == size, "everything is read");
  });
  return 0;
}
