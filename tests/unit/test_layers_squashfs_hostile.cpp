// SPDX-License-Identifier: Apache-2.0
#include <sifkit/layers/squashfs.h>

#include <random>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

/// The first bytes of an image with one file: a block of 128 KiB, compressed to less than `size`.
std::string packed_zeros(std::size_t size) {
  Pack pack;
  pack.file(Tree::kRoot, "zeros", std::string(131072, 'z') + text_of(4 * size, 7));
  pack.finish();
  return std::string(as_text(pack.region.bytes).substr(96, size));
}

/// A small image of blocks of 4 KiB whose metadata is not compressed, and where its fields are. Its tables take one block each.
struct Victim {
  MemoryRegion region;

  Victim() {
    Pack pack({.codec = SquashfsCodec::none, .block_size = kBlock, .threads = 1});
    auto& tree = pack.tree;
    // A block of this file may be called compressed: then it unpacks to more than a block.
    pack.file(Tree::kRoot, "bomb", packed_zeros(kBlock));
    pack.file(Tree::kRoot, "blocks", text_of(10000, 1));
    const auto dir = pack.directory(Tree::kRoot, "first");
    pack.file(dir, "in 1", "");
    pack.file(dir, "in 2", "");
    pack.directory(dir, "nested");
    pack.directory(Tree::kRoot, "other");
    pack.add(Tree::kRoot, "link", {.type = EntryType::symlink, .data = tree.add_symlink_target("target")});
    pack.file(Tree::kRoot, "small", "some text");
    const std::string value(100, 'v');
    pack.file(Tree::kRoot, "with", "", {.mode = 0644, .xattrs = tree.intern_xattrs({{"user.one", value}})});
    pack.file(Tree::kRoot, "with 2", "", {.mode = 0644, .xattrs = tree.intern_xattrs({{"user.two", value}})});
    pack.file(Tree::kRoot, "x", "");
    pack.file(Tree::kRoot, "yy", "");
    pack.finish();
    region.bytes = pack.region.bytes;
  }

  static constexpr std::uint32_t kBlock = 4096;

  std::size_t le64(std::size_t at) const { return static_cast<std::size_t>(load_le<std::uint64_t>(region.bytes.data() + at)); }
  std::size_t inodes() const { return le64(64); }
  std::size_t directories() const { return le64(72); }
  std::size_t fragments() const { return le64(le64(80)) + 2; }
  std::size_t xattr_pairs() const { return le64(le64(56)) + 2; }
  std::size_t xattr_sets() const { return le64(le64(56) + 16) + 2; }

  /// A directory's entry: where its inode is in the block, the inode's number less the header's, type, length, name.
  std::size_t entry(const std::string& name) const {
    const auto at = as_text(region.bytes).find(std::string({static_cast<char>(name.size() - 1), 0}) + name, directories());
    REQUIRE(at != std::string::npos);
    return at - 6;
  }
  std::size_t inode(const std::string& name) const { return inodes() + 2 + load_le<std::uint16_t>(region.bytes.data() + entry(name)); }
  std::size_t root() const { return inodes() + 2 + le64(32); }
  std::uint64_t field(std::size_t at, std::size_t size) const {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(region.bytes[at + i]) << 8 * i;
    return value;
  }
};

struct Patch {
  std::size_t at;
  std::uint64_t value;
  std::size_t size;
};

/// What reading everything in the changed image says.
std::string outcome(const Victim& victim, const std::vector<Patch>& patches, const Limits& limits = {}) {
  MemoryRegion changed;
  changed.bytes = victim.region.bytes;
  for (const auto& patch : patches) {
    for (std::size_t i = 0; i < patch.size; ++i) changed.bytes.at(patch.at + i) = static_cast<std::byte>(patch.value >> 8 * i & 0xff);
  }
  const auto error = error_of([&] {
    SquashfsReader reader(changed, limits);
    for (InodeId id = 0; id < reader.tree().inode_count(); ++id) {
      if (reader.tree().inode(id).type == EntryType::regular) read_file(reader, id);
    }
  });
  return error ? fmt::format("{}: {}", to_string(error->kind()), error->what()) : "read";
}

}  // namespace

TEST_CASE("every field of an image that cannot be is refused for what is wrong with it", "[layers][squashfs][hostile]") {
  const Victim image;
  REQUIRE(outcome(image, {}) == "read");
  struct Row {
    std::string what;
    std::vector<Patch> patches;
    std::string expected;
  };
  const auto blocks = image.inode("blocks");
  const auto small = image.inode("small");
  const auto with = image.inode("with");
  const auto first = image.inode("first");
  const auto link = image.inode("link");
  const auto bomb = image.inode("bomb");
  // Where a directory's entry says that the inode is, and which number it has.
  const auto redirect = [&](const std::string& from, std::uint64_t offset, std::uint64_t number) {
    const auto at = image.entry(from);
    const auto base = image.field(image.inode(from) + 12, 4) - image.field(at + 2, 2);
    return std::vector<Patch>{{at, offset, 2}, {at + 2, number - base, 2}};
  };
  const auto rows = std::vector<Row>{
      {"metadata block of no bytes", {{image.inodes(), 0x8000, 2}}, "malformed: squashfs: the root: the inode table: a block of 0 bytes"},
      {"metadata block of 8193 bytes", {{image.inodes(), 0x8000 | 8193, 2}}, "a block of 8193 bytes"},
      {"metadata block behind the table", {{image.inodes(), 0x8000 | 8000, 2}}, "not inside the image"},
      {"stored metadata called compressed", {{image.inodes(), image.field(image.inodes(), 2) & 0x7fff, 2}}, "damaged"},
      {"root outside the table", {{32, std::uint64_t{1} << 40, 8}}, "the inode table: no block at"},
      {"root outside its block", {{32, 8191, 8}}, "the inode table: offset 8191"},
      {"root that is a file", {{32, small - image.inodes() - 2, 8}}, "the root is no directory"},
      {"a type that is not known", {{small, 15, 2}}, "inode type 15 is not known"},
      {"inode number 0", {{small + 12, 0, 4}}, "inode number 0"},
      {"inode number out of range", {{small + 12, 5000, 4}}, "inode number 5000"},
      {"inode number of another file", {{small + 12, image.field(blocks + 12, 4), 4}}, "its directory says inode"},
      {"more inodes than there can be", {{4, 0xffffffff, 4}}, "more inodes (4294967295) than their table can hold"},
      {"owner out of range", {{small + 4, 9, 2}}, "owner 9, the id table has"},
      {"group out of range", {{small + 6, 65535, 2}}, "owner 65535, the id table has"},
      {"id table's block outside", {{image.le64(48), 1ull << 50, 8}}, "the id table"},
      {"no owners", {{26, 0, 2}}, "0 owners"},

      {"fragment out of range", {{small + 20, 77, 4}}, "fragment 77 of 1"},
      {"fragment's offset outside a block", {{small + 24, 4090, 4}}, "9 bytes at 4090 of 4096"},
      {"fragment's offset that wraps", {{small + 24, 0xfffffffc, 4}}, "at 4294967292 of 4096"},
      {"fragment's offset outside its bytes", {{small + 24, 4000, 4}}, "a file's end of 9 bytes at 4000"},
      {"fragment outside the image", {{image.fragments(), 1ull << 40, 8}}, "not inside the image"},
      {"fragment that wraps around", {{image.fragments(), ~0ull - 4, 8}}, "not inside the image"},
      {"fragment longer than a block", {{image.fragments() + 8, 1u << 24 | 4097, 4}}, "a block of 4097 bytes"},
      {"fragment with unknown bits", {{image.fragments() + 8, 1u << 25 | 9, 4}}, "a block of"},

      {"short file's size without its blocks", {{blocks + 28, 0xffffffff, 4}}, "the inode table"},
      {"negative file size", {{with + 24, ~0ull, 8}}, "cannot list"},
      {"file of 8 EiB", {{with + 24, 1ull << 63, 8}}, "cannot list"},
      {"file of 1 GiB whose list is not there", {{blocks + 28, 1u << 30, 4}}, "the inode table"},
      {"file that starts outside the image", {{blocks + 16, 0xffffff00, 4}}, "not inside the image"},
      {"data block longer than a block", {{blocks + 32, 1u << 24 | 4097, 4}}, "a block of 4097 bytes"},
      {"data block of no bytes", {{blocks + 32, 1u << 24, 4}}, "a block of 0 bytes"},
      {"data block that is too short", {{blocks + 32, 1u << 24 | 4095, 4}}, "has 4095 bytes, expected 4096"},
      {"stored block called compressed", {{blocks + 32, 4096, 4}}, "damaged"},
      {"block that unpacks to more than a block", {{bomb + 32, Victim::kBlock, 4}}, "longer than a block may be"},

      {"symbolic link longer than a path", {{link + 20, 4096, 4}}, "target of 4096 bytes"},
      {"symbolic link of 4 GiB", {{link + 20, 0xffffffff, 4}}, "target of 4294967295 bytes"},
      {"symbolic link to nothing", {{link + 20, 0, 4}}, "no target of a symbolic link"},
      {"symbolic link with NUL", {{link + 26, 0, 1}}, "'ta\\x00get' is no target"},

      {"name with a slash", {{image.entry("small") + 10, '/', 1}}, "'sm/ll': this is no name"},
      {"name with NUL", {{image.entry("small") + 10, 0, 1}}, "'sm\\x00ll': this is no name"},
      {"name .", {{image.entry("x") + 8, '.', 1}}, "'.': this is no name"},
      {"name ..", {{image.entry("yy") + 8, '.' | '.' << 8, 2}}, "'..': this is no name"},
      {"name twice", {{image.entry("in 2") + 11, '1', 1}}, "'in 1': a directory's names are not sorted or not unique"},
      {"names not sorted", {{image.entry("in 2") + 11, '0', 1}}, "'in 0': a directory's names are not sorted"},
      {"name of 65536 bytes", {{image.entry("x") + 6, 65535, 2}}, "a directory's list ends inside an entry"},
      {"type that is not the inode's", {{image.entry("small") + 4, 1, 2}}, "its directory says type 1"},
      {"names without number in a header", {{image.directories() + 2, 256, 4}}, "counts 257 names"},
      {"inodes outside the table", {{image.directories() + 2 + 4, 100000, 4}}, "no block at 100000"},
      {"directory's list that ends early", {{first + 24, image.field(first + 24, 2) - 1, 2}}, "ends inside an entry"},
      {"directory's list that goes on", {{first + 24, 60000, 2}}, "malformed: "},
      {"directory's list outside the table", {{first + 16, 1u << 30, 4}}, "the directory table: no block at"},

      {"directory in itself", redirect("nested", first - image.inodes() - 2, image.field(first + 12, 4)), "'nested': inode"},
      {"root in a directory", redirect("nested", image.root() - image.inodes() - 2, image.field(image.root() + 12, 4)), "'nested': inode"},
      {"directory with two names", redirect("other", first - image.inodes() - 2, image.field(first + 12, 4)), "'other': inode"},
      {"two directories with one list", {{image.inode("other") + 16, image.field(first + 16, 4), 4}, {image.inode("other") + 24, image.field(first + 24, 4), 4}}, "'nested': inode"},

      {"set of attributes out of range", {{with + 52, 2, 4}}, "set 2 of extended attributes, there are 2"},
      {"names and values behind their table", {{image.le64(56), 1ull << 60, 8}}, "the xattr table: names and values at"},
      {"sets that are not there", {{image.le64(56) + 8, 100000, 4}}, "the xattr table"},
      {"set outside the table", {{image.xattr_sets(), 1ull << 40, 8}}, "extended attributes: no block at"},
      {"attributes without number", {{image.xattr_sets() + 8, 0xffffffff, 4}}, "limit: squashfs: 'with': 4294967295 extended attributes"},
      {"namespace that is not known", {{image.xattr_pairs(), 7, 2}}, "unsupported: squashfs: 'with': an extended attribute of namespace 7"},
      {"attribute with no name", {{image.xattr_pairs() + 2, 0, 2}}, "'user.' is no name"},
      {"value of 4 GiB", {{image.xattr_pairs() + 7, 0xffffffff, 4}}, "limit: squashfs: 'with': an extended attribute of 4294967295 bytes"},
      {"reference of 9 bytes", {{image.xattr_pairs() + 111 + 7, 9, 4}}, "a reference of 9 bytes"},
      {"reference outside the table", {{image.xattr_pairs() + 111 + 11, 1ull << 40, 8}}, "extended attributes: no block at"},
      {"reference to itself", {{image.xattr_pairs() + 111 + 11, 111 + 7, 8}}, "read"},
  };
  for (const auto& row : rows) {
    INFO(row.what);
    CHECK_THAT(outcome(image, row.patches), ContainsSubstring(row.expected));
  }
}

TEST_CASE("what an image says of its attributes does not matter where it has none", "[layers][squashfs][hostile]") {
  const Victim image;
  CHECK(outcome(image, {{24, image.field(24, 2) | 0x200, 2}}) == "read");  // the flag that there are none
  CHECK(outcome(image, {{56, ~0ull, 8}}) == "read");                       // no table
}

TEST_CASE("an image is read within the limits of what may be kept of it", "[layers][squashfs][hostile]") {
  const Victim image;
  const auto with = [&](auto Limits::* member, auto value) {
    Limits limits;
    limits.*member = value;
    return outcome(image, {}, limits);
  };
  CHECK_THAT(with(&Limits::metadata_bytes, 1000u), ContainsSubstring("limit: ") && ContainsSubstring("more than 1000 bytes of memory"));
  CHECK_THAT(with(&Limits::entries, 5u), ContainsSubstring("limit: ") && ContainsSubstring("more than 5 names"));
  CHECK_THAT(with(&Limits::path_depth, 1u), ContainsSubstring("limit: ") && ContainsSubstring("a path of 10 bytes and 2 names, the limits are 4095 and 1"));
  CHECK_THAT(with(&Limits::path_bytes, 9u), ContainsSubstring("limit: ") && ContainsSubstring("'in 1': a path of 10 bytes"));
}

TEST_CASE("verification finds a changed byte", "[layers][squashfs]") {
  Pack pack;
  fill(pack);
  const auto summary = pack.finish();
  std::size_t silent = 0;
  for (std::uint64_t at = 96; at < summary.bytes; at += 4099) {
    auto& byte = pack.region.bytes[static_cast<std::size_t>(at)];
    byte ^= std::byte{0x10};
    if (!error_of([&] { pack.writer->verify(pack.tree, {}); })) ++silent;
    byte ^= std::byte{0x10};
  }
  // Padding, and tables that a reader need not look at (export table).
  CHECK(silent <= 2);
  CHECK_NOTHROW(pack.writer->verify(pack.tree, {}));
}

TEST_CASE("damaged images are errors, never crashes", "[layers][squashfs][hostile]") {
  Pack pack;
  fill(pack);
  pack.finish();
  const Bytes whole = pack.region.bytes;
  const auto try_all = [](MemoryRegion& region) {
    return error_of([&] {
      SquashfsReader reader(region);
      for (InodeId id = 0; id < reader.tree().inode_count(); ++id) {
        MemorySink sink;
        if (reader.tree().inode(id).type == EntryType::regular && reader.tree().inode(id).size < 10'000'000) reader.read(id, sink);
      }
    });
  };
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 200) {
    MemoryRegion cut;
    cut.bytes.assign(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(try_all(cut).has_value());
  }
  std::mt19937 random(8);
  MemoryRegion changed;
  for (int round = 0; round < 300; ++round) {
    changed.bytes = whole;
    for (int flips = 0; flips < 3; ++flips) {
      // Tables and the superblock more often than data.
      const auto place = random() % 3 == 0 ? random() % 96 : whole.size() - 1 - random() % std::min<std::size_t>(whole.size(), 60000);
      changed.bytes[place] ^= static_cast<std::byte>(1 + random() % 255);
    }
    try {
      try_all(changed);
    } catch (const std::bad_alloc&) {
      // More than there is was asked for, and refused.
    }
  }
}

TEST_CASE("a superblock that cannot be is refused for what is wrong with it", "[layers][squashfs][hostile]") {
  Pack pack;
  fill(pack);
  pack.finish();
  const auto refused = [&](std::size_t at, std::uint64_t value, std::size_t size, const Limits& limits = {}) {
    MemoryRegion changed;
    changed.bytes = pack.region.bytes;
    for (std::size_t i = 0; i < size; ++i) changed.bytes[at + i] = static_cast<std::byte>(value >> 8 * i & 0xff);
    const auto error = error_of([&] { SquashfsReader reader(changed, limits); });
    return error ? std::string(to_string(error->kind())) + ": " + error->what() : "read";
  };
  CHECK(refused(0, 0x73717368, 4) == "read");  // "hsqs"
  CHECK_THAT(refused(0, 0x68737173, 4), ContainsSubstring("malformed: ") && ContainsSubstring("no squashfs, or a big-endian one"));
  CHECK_THAT(refused(28, 3, 2), ContainsSubstring("unsupported: ") && ContainsSubstring("version 4.0 is read, no other"));
  CHECK_THAT(refused(40, 1ull << 40, 8), ContainsSubstring("malformed: ") && ContainsSubstring("the superblock says 1099511627776 bytes"));
  CHECK_THAT(refused(16, 0xffffffff, 4), ContainsSubstring("malformed: ") && ContainsSubstring("4294967295 fragments"));
  Limits limits;
  limits.metadata_bytes = 1000;
  CHECK_THAT(refused(16, 100, 4, limits), ContainsSubstring("limit: ") && ContainsSubstring("the table of 100 fragments"));
  CHECK_THAT(refused(20, 9, 2), ContainsSubstring("unsupported: "));
  for (const std::size_t table : {48u, 64u, 72u, 80u}) {
    for (const std::uint64_t place : {std::uint64_t{1} << 62, static_cast<std::uint64_t>(pack.region.bytes.size()) + 5}) {
      INFO(table << " " << place);
      CHECK_THAT(refused(table, place, 8), ContainsSubstring("malformed: "));
    }
  }
}
