// SPDX-License-Identifier: Apache-2.0
//
// WriteBehind against the same writes made at once, with a thread and without, and what a failing write leaves.
#include <algorithm>
#include <random>
#include <vector>

#include "squashfs/write_behind.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/memory_region.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

constexpr std::size_t kRoom = 512;

BlockBuffer block(ByteView bytes) {
  BlockBuffer out{std::make_unique<std::byte[]>(kRoom), static_cast<std::uint32_t>(bytes.size()), kRoom};
  std::copy(bytes.begin(), bytes.end(), out.bytes.get());
  return out;
}

Bytes noise(std::mt19937& random, std::size_t size) {
  Bytes out(size);
  for (auto& each : out) each = std::byte(random());
  return out;
}

}  // namespace

TEST_CASE("blocks that are written behind are where and what they would be at once", "[squashfs][write_behind]") {
  const bool own_thread = GENERATE(false, true);
  const auto seed = GENERATE(range(0u, 20u));
  CAPTURE(own_thread, seed);
  std::mt19937 random(seed);
  MemoryRegion at_once;
  MemoryRegion region;
  std::vector<BlockBuffer> spare;
  std::size_t told = 0;
  {
    WriteBehind writes(region, own_thread);
    std::uint64_t end = 0;
    for (int i = 0; i < 400; ++i) {
      ++told;
      const auto size = 1 + random() % kRoom;
      // What is told last is what stands there: a writer goes back over what it has told.
      if (random() % 20 == 0) end -= random() % (end + 1);
      if (end >= size && random() % 4 == 0) {
        const auto from = random() % (end - size + 1);
        Bytes copied(size);
        at_once.read_at(from, copied);
        at_once.write_at(end, copied);
        writes.copy(from, end, static_cast<std::uint32_t>(size), block({}));
      } else {
        const Bytes bytes = noise(random, size);
        at_once.write_at(end, bytes);
        writes.write(end, block(bytes));
      }
      end += size;
    }
    writes.finish();
    writes.take_back(spare);
  }
  CHECK(region.bytes == at_once.bytes);
  CHECK(spare.size() == told);
}

TEST_CASE("the write that fails is told once it is known, and nothing is written after it", "[squashfs][write_behind]") {
  const bool own_thread = GENERATE(false, true);
  const std::size_t fail_at = GENERATE(1u, 2u, 17u, 60u);
  CAPTURE(own_thread, fail_at);
  MemoryRegion region;
  region.fail_at = fail_at;
  std::size_t told = 0;
  const Bytes bytes(kRoom, std::byte{7});
  {
    WriteBehind writes(region, own_thread);
    const auto error = error_of([&] {
      for (; told < 60; ++told) writes.write(told * kRoom, block(bytes));
      writes.finish();
    });
    CHECK(error.value().kind() == ErrorKind::no_space);
    if (own_thread) CHECK(error_of([&] { writes.finish(); }).value().kind() == ErrorKind::no_space);
  }
  CHECK(region.writes == fail_at);
  CHECK(region.bytes.size() == (fail_at - 1) * kRoom);
}

TEST_CASE("a copy of what the region does not have is an error", "[squashfs][write_behind]") {
  const bool own_thread = GENERATE(false, true);
  MemoryRegion region;
  WriteBehind writes(region, own_thread);
  const auto error = error_of([&] {
    writes.copy(100, 0, 10, block({}));
    writes.finish();
  });
  CHECK(error.value().kind() == ErrorKind::io);
  CHECK(region.writes == 0);
}
