// SPDX-License-Identifier: Apache-2.0
//
// An image is a row of stretches that share no block (docs/formats.md): what is stored of one does not depend on others.
#include <random>
#include <set>

#include <zlib.h>

#include "support/catch.h"
#include "support/memory_region.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

constexpr std::uint32_t kBlock = 4096;
constexpr std::uint64_t kInodeTable = 64;  ///< where the superblock says where the data ends

using Texts = std::vector<std::string>;   ///< files of a layer, in their order
using Layers = std::vector<Texts>;        ///< newest first, as they are read
using Blocks = std::vector<std::string>;

/// Remembers what was written where. Blocks that are taken back are written over.
class BlockRegion : public MemoryRegion {
 public:
  void write_at(std::uint64_t offset, ByteView data) override {
    if (offset != 0) written_.erase(written_.lower_bound(offset), written_.end());
    written_[offset] = as_text(data);
    MemoryRegion::write_at(offset, data);
  }

  /// The compressed blocks of a finished image, in order.
  Blocks blocks() const {
    const auto end = load_le<std::uint64_t>(bytes.data() + kInodeTable);
    Blocks out;
    for (auto at = written_.upper_bound(0); at != written_.end() && at->first < end; ++at) out.push_back(at->second);
    return out;
  }

 private:
  std::map<std::uint64_t, std::string> written_;
};

Blocks blocks_of(const Layers& layers, unsigned threads = 1) {
  BlockRegion region;
  SquashfsWriter writer(region, {.block_size = kBlock, .threads = threads});
  for (const auto& layer : layers) {
    for (const auto& text : layer) {
      writer.begin(text.size());
      writer.append(as_bytes(text));
      writer.end();
    }
    writer.end_layer();
  }
  writer.finish(Tree());
  return region.blocks();
}

/// The rule of docs/formats.md.
bool ends_stretch(const std::string& text) {
  if (text.size() >= kBlock) return false;
  const std::uint64_t crc = ::crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  return crc * 8 * kBlock < text.size() << 32;
}

/// What each stretch stores: of equal files the first.
Layers stretches_of(const Layers& layers) {
  Layers out;
  std::set<std::string> known;
  for (const auto& layer : layers) {
    out.emplace_back();
    for (const auto& text : layer) {
      if (!known.insert(text).second) continue;
      out.back().push_back(text);
      if (ends_stretch(text)) out.emplace_back();
    }
  }
  return out;
}

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }

  std::string text() {
    const std::size_t size = below(12) == 0 ? kBlock + below(5 * kBlock) : 16 + below(below(2) == 0 ? 300 : kBlock - 16);
    return text_of(size, static_cast<unsigned>(random_()));
  }

  Layers layers() {
    Layers out(1 + below(4));
    Texts all;
    for (auto& layer : out) {
      for (auto left = below(200); left > 0; --left) {
        layer.push_back(!all.empty() && below(10) == 0 ? all[below(all.size())] : text());
        all.push_back(layer.back());
      }
    }
    return out;
  }

  /// Adds, removes or replaces one file somewhere.
  void change(Layers& layers) {
    auto& layer = layers[below(layers.size())];
    const auto at = layer.begin() + static_cast<std::ptrdiff_t>(below(layer.size() + 1));
    const auto kind = at == layer.end() ? 0 : below(3);
    if (kind == 0) layer.insert(at, text());
    if (kind == 1) layer.erase(at);
    if (kind == 2) *at = text();
  }

 private:
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("an image is its stretches, one behind the other, each as if it were alone", "[layers][squashfs][stretches][property]") {
  std::size_t stretches = 0;
  std::size_t most = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    Maker make(seed);
    const Layers layers = make.layers();
    Blocks expected;
    for (const auto& stretch : stretches_of(layers)) {
      const auto alone = blocks_of({stretch});
      expected.insert(expected.end(), alone.begin(), alone.end());
      ++stretches;
      most = std::max(most, alone.size());
    }
    CHECK((blocks_of(layers, 1 + seed % 3) == expected));
  }
  // Ends within layers and stretches of several blocks were among them.
  CHECK(stretches > 400);
  CHECK(most > 20);
}

TEST_CASE("a change of one file changes blocks of its stretch only", "[layers][squashfs][stretches][property]") {
  std::size_t blocks = 0;
  std::size_t changed = 0;
  for (unsigned seed = 0; seed < 60; ++seed) {
    INFO("seed " << seed);
    Maker make(seed);
    const Layers before = make.layers();
    Layers after = before;
    make.change(after);
    // Of an equal file that is stored elsewhere now there are two such places.
    const auto old_stretches = stretches_of(before);
    const auto new_stretches = stretches_of(after);
    const std::set<Texts> kept(old_stretches.begin(), old_stretches.end());
    const std::set<Texts> made(new_stretches.begin(), new_stretches.end());
    std::size_t touched = 0;
    std::size_t allowed = 0;
    for (const auto& stretch : new_stretches) {
      if (kept.contains(stretch)) continue;
      ++touched;
      allowed += blocks_of({stretch}).size();
    }
    CHECK(touched <= 4);
    const auto old_blocks = blocks_of(before);
    const auto new_blocks = blocks_of(after);
    const std::set<std::string> there(old_blocks.begin(), old_blocks.end());
    std::size_t fresh = 0;
    for (const auto& block : new_blocks) fresh += there.contains(block) ? 0u : 1u;
    CHECK(fresh <= allowed);
    blocks += new_blocks.size();
    changed += fresh;
  }
  CHECK(changed > 60);
  CHECK(changed * 10 < blocks);
}

TEST_CASE("the blocks of a layer are the same whatever newer layer is on top", "[layers][squashfs][stretches]") {
  Maker make(1);
  for (int round = 0; round < 20; ++round) {
    Layers old = make.layers();
    const auto alone = blocks_of(old);
    const Texts on_top = round % 2 == 0 ? Texts{make.text()} : make.layers().front();
    old.insert(old.begin(), on_top);
    const auto both = blocks_of(old);
    REQUIRE(both.size() >= alone.size());
    CHECK(std::equal(alone.begin(), alone.end(), both.end() - static_cast<std::ptrdiff_t>(alone.size())));
  }
}
