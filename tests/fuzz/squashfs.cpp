// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <sifkit/layers/squashfs.h>

#include "fuzz.h"
#include "support/memory_region.h"

using namespace sifkit;

/// A squashfs image's tree and the bytes of its files.
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  testing::MemoryRegion region;
  const auto bytes = as_bytes(fuzz::text_of(data, size));
  region.bytes.assign(bytes.begin(), bytes.end());
  fuzz::accepted([&] {
    layers::SquashfsReader reader(region, fuzz::small_limits());
    std::uint64_t budget = 1u << 20;
    for (layers::InodeId id = 0; id < reader.tree().inode_count(); ++id) {
      const auto& inode = reader.tree().inode(id);
      if (inode.type != layers::EntryType::regular || inode.size > budget) continue;
      MemorySink sink;
      if (fuzz::accepted([&] { reader.read(id, sink); })) fuzz::require(sink.bytes().size() == inode.size, "a file is as long as its inode says");
      budget -= inode.size;
    }
    reader.tree().resolve("etc/os-release", true);
  });
  // On demand, by the same rules: whatever is found is what the whole tree has, where there is one.
  fuzz::accepted([&] {
    const layers::SquashfsReader reader(region, fuzz::small_limits(), layers::Opening::on_demand);
    fuzz::accepted([&] { reader.find("dir/../first/in 1", true); });
    fuzz::accepted([&] { reader.find("link", true); });
    fuzz::accepted([&] { reader.list(layers::Tree::kRoot); });
    const auto found = reader.find("dir/small", false);
    const auto& tree = reader.tree();
    fuzz::require(found == tree.resolve("dir/small", false), "a file that was found is where it was");
  });
  return 0;
}
