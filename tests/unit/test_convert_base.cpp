// SPDX-License-Identifier: Apache-2.0
//
// An image that is built again: the same bytes, whatever is taken from an older one.
#include <random>

#include <fmt/format.h>

#include "support/base_fixture.h"
#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Layers of files that are added, replaced, hidden, linked, repeated, sparse, empty, small and large.
class History {
 public:
  explicit History(unsigned seed) : random_(seed) {}

  std::string layer() {
    TarBuilder out;
    const auto entries = random_() % 12;
    for (unsigned i = 0; i <= entries; ++i) {
      const std::string name = path();
      switch (random_() % 10) {
        case 0: out.file(whiteout(name), ""); break;
        case 1: out.hard_link(name, linked_ = linked_.empty() ? "none" : linked_); break;
        case 2: out.symlink(name, path()); break;
        case 3: out.file(name, std::string(random_() % 4 * kBlock, '\0')); break;
        default: out.file(name, content()); linked_ = name; break;
      }
      if (linked_.empty()) break;
    }
    if (random_() % 8 == 0) out.file("d0/.wh..wh..opq", "");
    return out.bytes();
  }

  unsigned number(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  std::string path() { return fmt::format("d{}/f{}", random_() % 3, random_() % 8); }
  static std::string whiteout(std::string name) { return name.insert(name.find('/') + 1, ".wh."); }
  /// One of few texts, so that many files are equal or begin alike.
  std::string content() {
    std::mt19937 bytes(static_cast<unsigned>(random_() % 6));
    const std::size_t size = random_() % 3 == 0 ? random_() % (5 * kBlock) : random_() % 600;
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(bytes() % (random_() % 5 == 0 ? 256 : 7));
    return out;
  }

  std::mt19937 random_;
  std::string linked_;
};

}  // namespace

TEST_CASE("an image built on an older one has the bytes of one built alone", "[convert][base]") {
  const unsigned count = histories();
  std::uint64_t reused = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    INFO("history " << seed);
    History history(seed);
    BaseFixture fixture;
    static constexpr std::pair<layers::SquashfsCodec, unsigned> kCodecs[] = {
        {layers::SquashfsCodec::gzip, 1}, {layers::SquashfsCodec::zstd, 3}, {layers::SquashfsCodec::lz4, 0}, {layers::SquashfsCodec::none, 0}};
    std::tie(fixture.options.squashfs.codec, fixture.options.squashfs.level) = kCodecs[seed % 4];
    fixture.options.threads = 1 + seed % 5;
    std::vector<std::string> layers;
    const auto add = [&] {
      for (auto more = 1 + history.number(3); more-- > 0;) layers.push_back(history.layer());
    };
    try {
      add();
      fixture.build("old", layers);
      const auto old = layers;
      add();
      if (history.number(4) == 0) layers.erase(layers.begin());  // another history that has much in common
      const auto alone = fixture.build("alone", layers);
      CHECK((fixture.build("new", layers, "old") == alone));
      reused += fixture.report.reused_bytes;
    } catch (const Error& error) {
      // A link to what is hidden by then; the same with a base and without.
      CHECK(error.kind() != ErrorKind::internal);
    }
  }
  CHECK(reused > count * 100);
}

TEST_CASE("what is taken from an older image is counted, and only what is the same is taken", "[convert][base]") {
  BaseFixture fixture;
  std::string large;
  for (int i = 0; i < 3000; ++i) large += fmt::format("line {}\n", i * i);
  const auto below = TarBuilder().directory("etc").file("etc/large", large).file("etc/small", "small").bytes();
  fixture.build("old", {below});
  CHECK(fixture.report.reused_bytes == 0);

  std::string changed = large;
  changed[2 * kBlock + 5] ^= 1;
  const auto top = TarBuilder().file("etc/large", changed).bytes();
  const auto alone = fixture.build("alone", {below, top});
  CHECK(fixture.report.reused_bytes == 0);
  CHECK((fixture.build("new", {below, top}, "old") == alone));
  // The block with the changed byte is packed again, as is what the runtime's files are in.
  CHECK(fixture.report.reused_bytes == large.size() - kBlock + std::string("small").size());
  CHECK(fixture.warnings.count("base-unused") + fixture.warnings.count("base-damaged") == 0);
}

TEST_CASE("an older image that is of no use is not used, and that is said", "[convert][base]") {
  BaseFixture fixture;
  const std::string text = [] {
    std::string out;
    for (int i = 0; i < 5000; ++i) out += fmt::format("line {}\n", i * i);
    return out;
  }();
  const std::vector<std::string> layers{TarBuilder().directory("etc").file("etc/text", text).bytes()};
  const auto alone = fixture.build("alone", layers);
  const auto said = [&](const std::string& base) {
    const auto before = fixture.warnings.count("base-unused");
    CHECK((fixture.build("new", layers, base) == alone));
    CHECK(fixture.report.reused_bytes == 0);
    REQUIRE(fixture.warnings.count("base-unused") == before + 1);
    for (auto at = fixture.warnings.listed().rbegin();; ++at) {
      if (at->kind == "base-unused") return at->text;
    }
  };
  const auto other = [&](const auto& change) {
    const auto kept = fixture.options;
    change(fixture.options.squashfs);
    fixture.build("other", layers);
    fixture.options = kept;
    return said("other");
  };
  using enum layers::SquashfsCodec;
  const std::string start = fmt::format("nothing is taken from '{}': ", fixture.at("other"));
  CHECK(other([](auto& squashfs) { squashfs.codec = zstd; }) == start + "it is compressed by another codec");
  CHECK(other([](auto& squashfs) { squashfs.block_size = 8192; }) == start + "its blocks have 8192 bytes, not 4096");
  for (const auto level : {1u, 9u}) {
    CHECK(other([&](auto& squashfs) { squashfs.level = level; }) == start + "another compressor, level or version made its blocks");
  }
  CHECK(other([](auto& squashfs) { squashfs.fast = true; }) == start + "another compressor, level or version made its blocks");
  CHECK(other([](auto& squashfs) { squashfs.codec = none; }) == start + "another compressor, level or version made its blocks");
  write_file(fixture.directory / "other", text);
  CHECK_THAT(said("other"), Catch::Matchers::StartsWith(start + "it is text"));
  write_file(fixture.directory / "other", alone.substr(0, alone.size() / 2));
  CHECK_THAT(said("other"), Catch::Matchers::StartsWith(start));
  CHECK_THAT(said("."), Catch::Matchers::EndsWith("it is a directory, an image was expected"));
  CHECK(error_of([&] { fixture.build("new", layers, "none"); })->kind() == ErrorKind::not_found);
}

TEST_CASE("damaged blocks of an older image do not get into the new one", "[convert][base]") {
  BaseFixture fixture;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += fmt::format("line {}\n", i * i);
  const std::vector<std::string> layers{TarBuilder().directory("etc").file("etc/text", text).file("etc/small", text.substr(0, 900)).bytes()};
  const auto alone = fixture.build("old", layers);
  const auto data_end = static_cast<std::size_t>(load_le<std::uint64_t>(as_bytes(alone).data() + kInodeTable));
  fixture.options.verify_after = true;  // every byte of what is in the image
  std::uint64_t damaged = 0;
  std::uint64_t unseen = 0;
  for (std::size_t at = 96; at < data_end; at += 397) {
    std::string bytes = alone;
    bytes[at] ^= 0x10;
    write_file(fixture.directory / "old", bytes);
    INFO(at);
    const auto before = fixture.warnings.count("base-damaged");
    // Some bits of a stream mean nothing, such as those behind the end of its last byte.
    if (fixture.build("new", layers, "old") != alone) ++unseen;
    damaged += fixture.warnings.count("base-damaged") - before;
  }
  CHECK(damaged > 30);
  CHECK(unseen * 20 < damaged);
}

TEST_CASE("the output that is replaced is the older image", "[convert][base]") {
  for (const auto format : {OutputFormat::sif, OutputFormat::squashfs}) {
    BaseFixture fixture;
    fixture.options.format = format;
    std::string text;
    for (int i = 0; i < 5000; ++i) text += fmt::format("line {}\n", i * i);
    const auto below = TarBuilder().directory("etc").file("etc/text", text).bytes();
    const auto top = TarBuilder().file("etc/new", "new").bytes();
    const auto alone = fixture.build("alone", {below, top});
    fixture.build("out", {below});
    fixture.options.use_base = true;
    CHECK((fixture.build("out", {below, top}) == alone));
    CHECK(fixture.report.reused_bytes >= text.size());
    // Whatever was there before.
    for (const std::string& old : {std::string(), std::string("text"), alone.substr(0, 200), std::string(100000, '\0')}) {
      write_file(fixture.directory / "out", old);
      CHECK((fixture.build("out", {below, top}) == alone));
      CHECK(fixture.report.reused_bytes == 0);
    }
    CHECK(fixture.warnings.count("base-unused") == 0);
  }
}
