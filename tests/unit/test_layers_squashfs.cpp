// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/squashfs.h>

#include <random>

#include <fmt/format.h>

#include "squashfs/known_blocks.h"
#include "support/catch.h"
#include "support/errors.h"
#include "support/run_process.h"
#include "support/squashfs_pack.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

TEST_CASE("what is packed is read back, with every compression", "[layers][squashfs]") {
  const auto codec = GENERATE(SquashfsCodec::gzip, SquashfsCodec::zstd, SquashfsCodec::lz4, SquashfsCodec::xz, SquashfsCodec::none);
  Pack pack({.codec = codec, .threads = 2, .time = 77});
  fill(pack);
  const auto summary = pack.finish();
  CHECK(summary.bytes == pack.region.bytes.size());
  CHECK(summary.bytes % 4096 == 0);
  CHECK(summary.duplicate_bytes == 1000000 + 9);
  SquashfsReader reader(pack.region);
  CHECK(reader.codec() == (codec == SquashfsCodec::none ? SquashfsCodec::gzip : codec));
  CHECK(listing(reader.tree()) == listing(pack.tree));
  for (const auto& [name, text] : pack.files) {
    const auto inode = reader.tree().resolve("dir/" + name, false);
    INFO(name);
    REQUIRE(inode);
    CHECK(read_file(reader, *inode) == text);
  }
  CHECK(read_file(reader, *reader.tree().resolve("many/2999", false)) == "2999");
  CHECK_NOTHROW(pack.writer->verify(pack.tree, {}));
}

TEST_CASE("the image does not depend on the number of threads", "[layers][squashfs]") {
  const auto bytes_with = [](unsigned threads, bool fast) {
    Pack pack({.fast = fast, .threads = threads});
    fill(pack);
    pack.finish();
    return pack.region.bytes;
  };
  const auto one = bytes_with(1, false);
  CHECK(bytes_with(2, false) == one);
  CHECK(bytes_with(7, false) == one);
  CHECK(bytes_with(1, true) == bytes_with(5, true));
  CHECK(bytes_with(1, true) != one);
}

TEST_CASE("the first file's blocks start behind the superblock", "[layers][squashfs]") {
  Pack pack;
  pack.file(Tree::kRoot, "first", text_of(200000, 9));
  pack.finish();
  SquashfsReader reader(pack.region);
  CHECK(read_file(reader, *reader.tree().resolve("first", false)) == pack.files["first"]);
}

TEST_CASE("holes of every length between data come back", "[layers][squashfs]") {
  Pack pack;
  const std::uint64_t block = 131072;
  std::map<std::string, std::string> texts;
  for (const std::uint64_t hole : {block - 1, block, block + 1, 2 * block, 9 * block, 40 * block + 7}) {
    for (const std::uint64_t start : {std::uint64_t{0}, std::uint64_t{5}, block, 3 * block}) {
      std::string text = text_of(static_cast<std::size_t>(start), 3);
      text.append(static_cast<std::size_t>(hole), '\0');
      text += text_of(static_cast<std::size_t>(2 * block + start), 4);
      text.append(static_cast<std::size_t>(hole), '\0');
      const std::string name = fmt::format("{} {}", hole, start);
      pack.file(Tree::kRoot, name, text);
      texts[name] = text;
    }
  }
  pack.finish();
  pack.writer->verify(pack.tree, {});
  SquashfsReader reader(pack.region);
  for (const auto& [name, text] : texts) {
    INFO(name);
    CHECK((read_file(reader, *reader.tree().resolve(name, false)) == text));
  }
}

TEST_CASE("holes take no room, and equal files take room once", "[layers][squashfs]") {
  Pack pack;
  pack.writer->begin(std::uint64_t{5} << 30);
  pack.writer->append(as_bytes("start"));
  pack.writer->append_zeros((std::uint64_t{5} << 30) - 8);
  pack.writer->append(as_bytes("end"));
  const auto content = pack.writer->end();
  pack.add(Tree::kRoot, "huge", {.content = content, .size = std::uint64_t{5} << 30});
  const auto data = text_of(3000000, 6);
  for (int i = 0; i < 20; ++i) pack.file(Tree::kRoot, fmt::format("copy {}", i), data);
  const auto summary = pack.finish();
  CHECK(summary.bytes < 2 * 3000000);
  CHECK(summary.duplicate_bytes == 19 * data.size());
  SquashfsReader reader(pack.region);
  CHECK(reader.tree().inode(*reader.tree().resolve("huge", false)).size == std::uint64_t{5} << 30);
  CHECK(read_file(reader, *reader.tree().resolve("copy 19", false)) == data);
}

TEST_CASE("a block that several files have is packed once", "[layers][squashfs]") {
  const std::size_t block = SquashfsOptions().block_size;
  const auto shared = text_of(2 * block, 1);
  const auto pack_all = [&](unsigned threads) {
    Pack pack({.threads = threads});
    const InodeId root = Tree::kRoot;
    pack.file(root, "a", shared + text_of(100, 2));
    pack.file(root, "b", shared + text_of(block, 3));
    pack.file(root, "b again", shared + text_of(block, 3));     // is taken back
    pack.file(root, "c", text_of(block, 4) + shared);           // at another place, its blocks end where theirs do
    pack.file(root, "d", text_of(block, 3) + text_of(10, 5));
    pack.file(root, "e", shared + std::string(block, '\0') + shared + text_of(100, 2));
    const auto summary = pack.finish();
    CHECK(summary.repeated_bytes == (2 + 3 + 2 + 1 + 4) * block + 100);
    CHECK(summary.duplicate_bytes == 3 * block);
    pack.writer->verify(pack.tree, {});
    SquashfsReader reader(pack.region);
    for (const auto& [name, text] : pack.files) CHECK((read_file(reader, *reader.find(name, false)) == text));
    return pack.region.bytes;
  };
  CHECK((pack_all(1) == pack_all(3)));
}

TEST_CASE("blocks of a file that is taken back are not known", "[layers][squashfs]") {
  KnownBlocks known;
  const ContentKey a{1, 2};
  const ContentKey b{1, 3};
  CHECK_FALSE(known.add(a).repeats);
  CHECK(known.add(a).repeats);
  known.end_file(true);
  CHECK(known.add(a).number == 1);
  CHECK_FALSE(known.add(b).repeats);
  CHECK(known.add(b).repeats);
  known.end_file(false);
  CHECK(known.add(b).number == 3);
  CHECK(known.add(a).repeats);
}

TEST_CASE("attributes of every length come back, whether the table repeats their values or refers to them", "[layers][squashfs]") {
  Pack pack;
  std::vector<Xattrs> sets;
  for (const std::size_t length : {0u, 1u, 8u, 9u, 100u, 8180u, 8192u, 65536u}) {
    for (const char letter : {'a', 'b', 'a'}) {
      sets.push_back({{"security.capability", std::string(length, letter)}, {"trusted.t", "once"}, {fmt::format("user.{}", sets.size()), std::string(length, letter)}});
    }
  }
  for (std::size_t i = 0; i < sets.size(); ++i) pack.file(Tree::kRoot, fmt::format("{}", i), "", {.mode = 0644, .xattrs = pack.tree.intern_xattrs(sets[i])});
  CHECK(pack.finish().bytes < 3 * 65536);
  SquashfsReader reader(pack.region);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    CHECK(reader.tree().xattrs(reader.tree().inode(*reader.tree().resolve(fmt::format("{}", i), false)).metadata.xattrs) == sets[i]);
  }
}

TEST_CASE("directories and files at the edges of the format come back", "[layers][squashfs]") {
  CHECK(Pack().finish().inodes == 1);  // nothing but the root
  Pack pack;
  // A header of a directory counts 256 names, and a listing above 64 KiB takes another kind of inode.
  for (const int count : {1, 255, 256, 257, 513, 20000}) {
    const auto directory = pack.directory(Tree::kRoot, fmt::format("{}", count));
    for (int i = 0; i < count; ++i) pack.add(directory, fmt::format("name {:05}", i), {.metadata = {.mode = 0644}, .content = kEmptyContent});
  }
  for (const std::size_t size : {1u, 131071u, 131072u, 131073u, 262144u}) pack.file(Tree::kRoot, fmt::format("bytes {}", size), text_of(size, 9));
  const auto linked = pack.file(Tree::kRoot, "linked", "x");
  for (int i = 0; i < 70000; ++i) pack.tree.link(Tree::kRoot, fmt::format("link {}", i), linked);
  const auto before = listing(pack.tree);
  pack.finish();
  SquashfsReader reader(pack.region);
  CHECK(listing(reader.tree()) == before);
  for (const auto& [name, text] : pack.files) CHECK(read_file(reader, *reader.tree().resolve(name, false)) == text);
}

TEST_CASE("as many owners as squashfs counts are kept, one more is refused", "[layers][squashfs]") {
  const std::uint32_t more = GENERATE(0u, 1u);
  Pack pack;
  for (std::uint32_t id = 1; id < 65535 + more; ++id) {  // 0 is root's
    pack.add(Tree::kRoot, fmt::format("{}", id), {.metadata = {.mode = 0644, .uid = id}, .content = kEmptyContent});
  }
  const auto error = error_of([&] { pack.finish(); });
  CHECK(error.has_value() == (more != 0));
  if (error) {
    CHECK(error->kind() == ErrorKind::limit);
    CHECK_THAT(error->hint().text(), ContainsSubstring("give every file to root"));
  } else {
    SquashfsReader reader(pack.region);
    CHECK(reader.tree().inode(*reader.tree().resolve("65534", false)).metadata.uid == 65534);
  }
}

TEST_CASE("an attribute of a namespace that squashfs does not have is refused", "[layers][squashfs]") {
  Pack pack;
  pack.file(Tree::kRoot, "f", "", {.mode = 0644, .xattrs = pack.tree.intern_xattrs({{"system.x", "1"}})});
  const auto error = error_of([&] { pack.finish(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::unsupported);
  CHECK_THAT(std::string(error->what()), ContainsSubstring("cannot hold the extended attribute 'system.x'"));
}

TEST_CASE("the table of attribute sets may end where a block does", "[layers][squashfs]") {
  const int sets = GENERATE(511, 512, 513, 1024);
  Pack pack;
  for (int i = 0; i < sets; ++i) pack.file(Tree::kRoot, fmt::format("{}", i), "", {.mode = 0644, .xattrs = pack.tree.intern_xattrs({{"user.n", fmt::format("{}", i)}})});
  pack.finish();
  SquashfsReader reader(pack.region);
  for (int i = 0; i < sets; i += 37) {
    const auto& inode = reader.tree().inode(*reader.tree().resolve(fmt::format("{}", i), false));
    CHECK(reader.tree().xattrs(inode.metadata.xattrs) == Xattrs{{"user.n", fmt::format("{}", i)}});
  }
}

TEST_CASE("a write that fails anywhere is the caller's error", "[layers][squashfs][faults]") {
  std::size_t writes = 0;
  {
    Pack pack;
    fill(pack);
    pack.finish();
    writes = pack.region.writes;
  }
  REQUIRE(writes > 10);
  for (std::size_t at = 1; at <= writes; ++at) {
    Pack pack;
    pack.region.fail_at = at;
    const auto error = error_of([&] {
      fill(pack);
      pack.finish();
    });
    INFO("write " << at << " of " << writes);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::no_space);
  }
}

TEST_CASE("other readers see the same files", "[layers][squashfs][interop]") {
  Pack pack;
  fill(pack);
  pack.finish();
  TempDir directory;
  testing::write_file(directory / "image", as_text(pack.region.bytes));
  const auto path = directory / "image";
  const auto tool = run_process({"unsquashfs", "-s", path.string()}, {"PATH=/usr/bin:/bin"});
  REQUIRE(tool.code == 0);
  for (const auto& [name, text] : pack.files) {
    if (name.find('\n') != std::string::npos || text.empty()) continue;
    const auto result = run_process({"unsquashfs", "-cat", path.string(), "dir/" + name}, {"PATH=/usr/bin:/bin"});
    INFO(name);
    CHECK(result.code == 0);
    CHECK((result.out == text));
  }
}

TEST_CASE("images that mksquashfs makes are read", "[layers][squashfs][interop]") {
  namespace fs = std::filesystem;
  const std::string codec = GENERATE("gzip", "xz", "zstd", "lz4");
  const std::string extra = GENERATE("-no-xattrs", "-no-fragments", "-always-use-fragments", "-noI");
  TempDir directory;
  const auto root = directory / "root";
  std::map<std::string, std::string> files{{"empty", ""}, {"block", text_of(4096, 1)}, {"blocks", text_of(100000, 2)}, {"holes", std::string(50000, '\0') + "end"}};
  for (unsigned i = 0; i < 300; ++i) files[fmt::format("many/{}", i)] = text_of(i, i);
  fs::create_directories(root / "many");
  for (const auto& [name, text] : files) testing::write_file(root / name, text);
  fs::create_hard_link(root / "blocks", root / "many/link");
  fs::create_symlink("../block", root / "many/symlink");
  const auto tool = run_process({"mksquashfs", root.string(), (directory / "image").string(), "-b", "4096", "-comp", codec, extra, "-quiet", "-no-progress"}, {"PATH=/usr/bin:/bin"});
  INFO(codec << " " << extra << " " << tool.out);
  REQUIRE(tool.code == 0);
  const File file = File::open_read(directory / "image");
  FileRegion region(file, 0);
  SquashfsReader reader(region);
  CHECK(reader.tree().name_count() == files.size() + 3);
  for (const auto& [name, text] : files) CHECK(read_file(reader, reader.tree().resolve(name, false).value()) == text);
  CHECK(reader.tree().resolve("many/link", false) == reader.tree().resolve("blocks", false));
  CHECK(reader.tree().resolve("many/symlink", true) == reader.tree().resolve("block", false));
}

TEST_CASE("compression is chosen by a word and a level", "[layers][squashfs]") {
  SquashfsOptions options;
  parse_compression("zstd:19", options);
  CHECK(options.codec == SquashfsCodec::zstd);
  CHECK(options.level == 19);
  parse_compression("gzip", options);
  CHECK(options.level == 0);
  for (const char* wrong : {"", "brotli", "gzip:0", "gzip:13", "gzip:", "gzip:1x", "zstd:23", "lz4:1", "none:1"}) {
    INFO(wrong);
    CHECK(error_of([&] { parse_compression(wrong, options); })->kind() == ErrorKind::usage);
  }
  MemoryRegion region;
  CHECK(error_of([&] { SquashfsWriter(region, {.block_size = 100000}); })->kind() == ErrorKind::usage);
}
