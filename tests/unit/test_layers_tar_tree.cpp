// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <sifkit/layers/tar_tree.h>
#include <sifkit/layers/walk.h>

#include "support/catch.h"
#include "support/flatten.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct TarFixture {
  Pack pack;
  WarningList warnings;

  TarFixture() {
    Tree& tree = pack.tree;
    tree.inode(Tree::kRoot).metadata = {.mode = 0711, .uid = 3, .mtime = 9};
    const auto etc = pack.directory(Tree::kRoot, "etc", 01777);
    const auto deep = pack.directory(etc, std::string(200, 'n'));
    const auto small = pack.file(deep, "small", "small", {.mode = 04755, .uid = 70000, .gid = 3000000000u, .mtime = 4000000000u});
    tree.link(etc, "again", small);
    tree.link(Tree::kRoot, "z", small);
    pack.file(etc, "large", text_of(400000, 1));
    pack.file(etc, "empty", "");
    const Xattrs xattrs{{"security.capability", std::string("\1\0\0\2", 4)}, {"user.a", "b\n=c"}};
    pack.file(Tree::kRoot, "a\xff\nb", "odd", {.mode = 0600, .xattrs = tree.intern_xattrs(xattrs)});
    Inode link{.metadata = {.mode = 0777}, .type = EntryType::symlink};
    link.data = tree.add_symlink_target("../\xfe" + std::string(150, 't'));
    const auto symlink = pack.add(etc, "link", link);
    tree.link(Tree::kRoot, "link2", symlink);
    pack.add(Tree::kRoot, "null", {.metadata = {.mode = 0666}, .type = EntryType::char_device, .data = 1u << 20 | 3u});
    pack.add(Tree::kRoot, "disk", {.metadata = {.mode = 0660}, .type = EntryType::block_device, .data = 259u << 20 | 70000u});
    pack.add(Tree::kRoot, "fifo", {.metadata = {.mode = 0640}, .type = EntryType::fifo});
    pack.add(Tree::kRoot, "socket", {.metadata = {.mode = 0640}, .type = EntryType::socket});
    pack.finish();
  }

  std::string tar(const TarTreeOptions& options = {}) {
    SquashfsReader reader(pack.region);
    MemorySink sink;
    write_tar(reader, options, sink, warnings, {});
    return std::string(as_text(sink.bytes()));
  }
};

}  // namespace

TEST_CASE("a file system as a tar archive is the same when it is a layer", "[layers][tar]") {
  TarFixture fixture;
  const std::string bytes = fixture.tar();
  CHECK((bytes == fixture.tar()));
  CHECK(fixture.warnings.count("socket-dropped") == 2);
  const auto flattened = flatten({bytes});
  const Flat& flat = *flattened;
  CHECK(flat.warnings.total() == 0);
  SquashfsReader reader(fixture.pack.region);
  const Tree& tree = reader.tree();
  std::size_t names = 0;
  const auto same = [&](const Inode& expected, const Inode& found) {
    CHECK(found.type == expected.type);
    CHECK(found.metadata.mode == expected.metadata.mode);
    CHECK(found.metadata.uid == expected.metadata.uid);
    CHECK(found.metadata.gid == expected.metadata.gid);
    CHECK(found.metadata.mtime == expected.metadata.mtime);
    CHECK(found.links == expected.links);
    CHECK((flat.tree.xattrs(found.metadata.xattrs) == tree.xattrs(expected.metadata.xattrs)));
    if (expected.type == EntryType::symlink) CHECK(flat.tree.symlink_target(found) == tree.symlink_target(expected));
    if (expected.type == EntryType::char_device || expected.type == EntryType::block_device) CHECK(found.data == expected.data);
  };
  same(tree.inode(Tree::kRoot), flat.tree.inode(Tree::kRoot));
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    INFO(printable(here.path));
    if (here.path == "socket") return false;
    ++names;
    const auto found = flat.tree.resolve(here.path, false);
    REQUIRE(found);
    same(tree.inode(here.inode), flat.tree.inode(*found));
    if (tree.inode(here.inode).type == EntryType::regular) {
      CHECK((flat.sink.text(flat.tree.inode(*found).content) == reader.text(here.inode, 1u << 20)));
    }
    return true;
  });
  CHECK(flat.tree.name_count() == names);
}

TEST_CASE("holes go into a tar archive as holes, and come out of it", "[layers][tar]") {
  Pack pack({.block_size = 4096, .threads = 1});
  const auto some = text_of(5000, 3);
  pack.file(Tree::kRoot, "begin", std::string(100000, '\0') + some);
  pack.file(Tree::kRoot, "end", some + std::string(100000, '\0'));
  pack.file(Tree::kRoot, "middle", text_of(8192, 1) + std::string(65536, '\0') + text_of(3, 2));
  pack.file(Tree::kRoot, "nothing", std::string(1u << 20, '\0'));
  pack.file(Tree::kRoot, "plain", some);
  pack.file(Tree::kRoot, "other\xff", std::string(1u << 20, '\0') + "x");
  // libarchive would cut this name, so the file is stored whole.
  pack.file(Tree::kRoot, std::string(150, 'n') + "\xff", std::string(65536, '\0') + "x");
  pack.tree.link(Tree::kRoot, "other", pack.tree.inode_of(pack.tree.find(Tree::kRoot, "begin")));
  pack.finish();
  const auto tar = [&](bool sparse) {
    SquashfsReader reader(pack.region);
    MemorySink sink;
    WarningList warnings;
    TarTreeOptions options;
    options.sparse = sparse;
    write_tar(reader, options, sink, warnings, {});
    return std::string(as_text(sink.bytes()));
  };
  const std::string holes = tar(true);
  CHECK((holes == tar(true)));
  CHECK(holes.size() < 130'000);
  CHECK(tar(false).size() > 2'400'000);
  CHECK(holes.find("GNU.sparse.major=1") != std::string::npos);
  const auto flattened = flatten({holes});
  const Flat& flat = *flattened;
  CHECK(flat.warnings.total() == 0);
  SquashfsReader reader(pack.region);
  std::size_t names = 0;
  walk(reader.tree(), Tree::kRoot, [&](const WalkedName& here) {
    INFO(printable(here.path));
    const auto found = flat.tree.resolve(here.path, false);
    REQUIRE(found);
    CHECK((flat.sink.text(flat.tree.inode(*found).content) == reader.text(here.inode, 1u << 22)));
    CHECK(flat.tree.inode(*found).links == reader.tree().inode(here.inode).links);
    ++names;
    return true;
  });
  CHECK(names == 8);
}

TEST_CASE("a part of a file system goes into a tar archive", "[layers][tar]") {
  TarFixture fixture;
  TarTreeOptions options;
  SquashfsReader reader(fixture.pack.region);
  options.directory = reader.require("etc", false);
  options.prefix = "x/";
  options.keep = [](std::string_view path, InodeId) { return path != "large"; };
  options.xattrs = [](const Inode&, const Xattrs&) { return Xattrs{{"user.k", "v"}}; };
  const auto flattened = flatten({fixture.tar(options)});
  const Flat& flat = *flattened;
  std::vector<std::string> paths;
  walk(flat.tree, Tree::kRoot, [&](const WalkedName& here) {
    paths.emplace_back(here.path);
    if (here.path != "x" && here.path != "x/link") CHECK(flat.tree.xattrs(flat.tree.inode(here.inode).metadata.xattrs).size() == 1);
    return true;
  });
  const std::string deep = "x/" + std::string(200, 'n');
  CHECK((paths == std::vector<std::string>{"x", "x/again", "x/empty", "x/link", deep, deep + "/small"}));
}
