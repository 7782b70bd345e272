// SPDX-License-Identifier: Apache-2.0
//
// Images that are opened on demand: what is asked for is what the whole tree has, by the same rules.
#include <sifkit/layers/squashfs.h>

#include <random>
#include <set>

#include <fmt/format.h>

#include <sifkit/layers/walk.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

/// Everything of one inode but its id.
std::string described(const Tree& tree, InodeId id, std::uint32_t links) {
  const Inode& inode = tree.inode(id);
  std::string out = fmt::format("{} {:o} {}:{} {} {} {}", static_cast<int>(inode.type), inode.metadata.mode, inode.metadata.uid,
                                inode.metadata.gid, inode.metadata.mtime, inode.size, links);
  if (inode.type == EntryType::symlink) out += " -> " + std::string(tree.symlink_target(inode));
  if (inode.type == EntryType::char_device || inode.type == EntryType::block_device) out += fmt::format(" {}", inode.data);
  for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) out += " " + name + "=" + value;
  return out;
}

std::string described(const SquashfsReader& reader, const std::optional<InodeId>& id) {
  if (!id) return "nothing";
  return described(reader.known(), *id, reader.link_count(*id));
}

/// A random tree of directories, files, links to any of them or to nothing, and hard links.
void grow(Pack& pack, std::mt19937& random) {
  std::vector<InodeId> directories{Tree::kRoot};
  std::vector<InodeId> files;
  std::vector<std::string> paths{"", "nowhere", "/", ".."};
  std::vector<std::string> directory_paths{""};
  for (unsigned i = 0; i < 60; ++i) {
    const auto at = random() % directories.size();
    const std::string name = fmt::format("{}{}", static_cast<char>('a' + random() % 26), i);
    const std::string path = directory_paths[at] + "/" + name;
    switch (random() % 5) {
      case 0:
      case 1:
        directories.push_back(pack.directory(directories[at], name));
        directory_paths.push_back(path);
        break;
      case 2:
        files.push_back(pack.file(directories[at], name, text_of(random() % 9000, i)));
        break;
      case 3: {
        const std::string target = (random() % 2 == 0 ? "" : "../") + paths[random() % paths.size()];
        pack.add(directories[at], name, {.metadata = {.mode = 0777}, .type = EntryType::symlink, .data = pack.tree.add_symlink_target(target.empty() ? "." : target)});
        break;
      }
      default:
        if (files.empty()) continue;
        pack.tree.link(directories[at], name, files[random() % files.size()]);
    }
    paths.push_back(path);
  }
}

/// Counts what is read of an image.
class CountingRegion : public Region {
 public:
  explicit CountingRegion(MemoryRegion& region) : region_(region) {}
  std::uint64_t size() override { return region_.size(); }
  void truncate(std::uint64_t size) override { region_.truncate(size); }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) override {
    bytes += into.size();
    return region_.read_at(offset, into);
  }
  void write_at(std::uint64_t offset, ByteView from) override { region_.write_at(offset, from); }

  std::uint64_t bytes = 0;

 private:
  MemoryRegion& region_;
};

}  // namespace

TEST_CASE("a path that is looked up is what it is in the whole tree, links on the way too", "[layers][squashfs][lookup]") {
  const auto seed = GENERATE(range(1u, 9u));
  std::mt19937 random(seed);
  Pack pack({.block_size = 4096, .threads = 1});
  grow(pack, random);
  pack.finish();
  const SquashfsReader whole(pack.region);
  std::vector<std::string> paths{"", "/", ".", "..", "nowhere", "nowhere/at/all"};
  walk(whole.tree(), Tree::kRoot, [&](const WalkedName& here) {
    paths.emplace_back(here.path);
    paths.push_back(std::string(here.path) + "/");
    paths.push_back(std::string(here.path) + "/../" + std::string(here.path));
    paths.push_back(std::string(here.path) + "/none");
    return true;
  });
  const SquashfsReader one_for_all(pack.region, {}, Opening::on_demand);
  for (const auto& path : paths) {
    for (const bool follow : {false, true}) {
      INFO(path);
      SquashfsReader fresh(pack.region, {}, Opening::on_demand);
      const auto expected = described(whole, whole.find(path, follow));
      const auto found = fresh.find(path, follow);
      CHECK(described(fresh, found) == expected);
      CHECK(described(one_for_all, one_for_all.find(path, follow)) == expected);
      if (!found) continue;
      CHECK(fresh.known().real_path(path, follow) == whole.tree().real_path(path, follow));
      if (fresh.known().inode(*found).type == EntryType::regular) {
        SquashfsReader again(pack.region);
        CHECK(read_file(fresh, *found) == read_file(again, *again.find(path, follow)));
      }
      if (fresh.known().inode(*found).type == EntryType::directory) {
        fresh.list(*found);
        std::set<std::string> names;
        std::set<std::string> expected_names;
        for (const NameId name : fresh.known().sorted_children(*found)) names.emplace(fresh.known().text_of(name));
        for (const NameId name : whole.tree().sorted_children(*whole.find(path, follow))) expected_names.emplace(whole.tree().text_of(name));
        CHECK(names == expected_names);
      }
      // The rest comes to what is known, whatever that was.
      CHECK(listing(fresh.tree()) == listing(whole.tree()));
      CHECK(described(fresh, found) == expected);
    }
  }
}

TEST_CASE("looking up one file of many reads little", "[layers][squashfs][lookup]") {
  Pack pack({.threads = 1});
  for (unsigned i = 0; i < 50; ++i) {
    const auto directory = pack.directory(Tree::kRoot, fmt::format("directory {}", i));
    for (unsigned j = 0; j < 100; ++j) pack.file(directory, fmt::format("{} {}", i, j), text_of(100, i * 100 + j));
  }
  pack.finish();
  CountingRegion counting(pack.region);
  SquashfsReader reader(counting, {}, Opening::on_demand);
  const auto found = reader.find("directory 31/31 77", true);
  REQUIRE(found);
  CHECK(read_file(reader, *found) == pack.files.at("31 77"));
  const auto for_one = counting.bytes;
  CHECK(for_one < 128 * 1024 + 32 * 1024);  // a block of data, and some of metadata
  CHECK(reader.known().inode_count() == 3);
  reader.tree();
  CHECK(counting.bytes > for_one * 3 / 2);
}

TEST_CASE("a part of a file is read without what is before it", "[layers][squashfs][lookup]") {
  Pack pack({.block_size = 4096, .threads = 1});
  pack.file(Tree::kRoot, "large", text_of(300000, 5) + std::string(20000, '\0') + text_of(1000, 6));
  pack.file(Tree::kRoot, "small", text_of(700, 7));
  pack.finish();
  CountingRegion counting(pack.region);
  SquashfsReader reader(counting, {}, Opening::on_demand);
  std::mt19937 random(5);
  for (const std::string name : {"large", "small"}) {
    const auto& whole = pack.files.at(name);
    const auto id = *reader.find(name, false);
    for (int i = 0; i < 200; ++i) {
      const std::size_t offset = random() % whole.size();
      std::string part(random() % std::min<std::size_t>(whole.size() - offset + 1, 10000), '?');
      reader.read_part(id, offset, std::as_writable_bytes(std::span(part)));
      CHECK((part == whole.substr(offset, part.size())));
    }
  }
  const auto before = counting.bytes;
  std::string part(10, '?');
  reader.read_part(*reader.find("large", false), 200000, std::as_writable_bytes(std::span(part)));
  CHECK(counting.bytes - before <= 4096);
}

TEST_CASE("what is wrong with an image is told of what is read of it", "[layers][squashfs][lookup][hostile]") {
  Pack pack({.codec = SquashfsCodec::none, .block_size = 4096, .threads = 1});
  fill(pack);
  pack.finish();
  const auto directories = static_cast<std::size_t>(load_le<std::uint64_t>(pack.region.bytes.data() + 72));
  const auto at = as_text(pack.region.bytes).find("small again", directories);
  REQUIRE(at != std::string::npos);
  pack.region.bytes[at] = std::byte{'/'};
  const SquashfsReader reader(pack.region, {}, Opening::on_demand);
  CHECK(reader.find("dir/exact", true));
  CHECK(reader.find("many/17", true));
  const auto look = [&](const auto& what) {
    const auto error = error_of(what);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::malformed);
    CHECK(std::string(error->what()) == "squashfs: '/mall again': this is no name of a file");
  };
  // Again and again: an error does not make a part of a directory all of it.
  for (int i = 0; i < 2; ++i) {
    look([&] { reader.find("dir/zeros", true); });
    look([&] { reader.list(*reader.find("dir", true)); });
    look([&] { reader.tree(); });
  }
}

TEST_CASE("damaged metadata is refused or makes no difference when it is read on demand", "[layers][squashfs][lookup][hostile]") {
  Pack pack({.block_size = 4096, .threads = 1});
  std::mt19937 random(77);
  grow(pack, random);
  pack.finish();
  const SquashfsReader whole(pack.region);
  std::vector<std::string> paths;
  walk(whole.tree(), Tree::kRoot, [&](const WalkedName& here) {
    paths.emplace_back(here.path);
    return true;
  });
  const auto inodes = static_cast<std::size_t>(load_le<std::uint64_t>(pack.region.bytes.data() + 64));
  for (int round = 0; round < 400; ++round) {
    MemoryRegion changed;
    changed.bytes = pack.region.bytes;
    const auto at = inodes + random() % (changed.bytes.size() - inodes);
    changed.bytes[at] = static_cast<std::byte>(random());
    const auto& path = paths[random() % paths.size()];
    std::string by_all;
    std::string alone;
    const auto refused = error_of([&] {
      const SquashfsReader reader(changed);
      by_all = described(reader, reader.find(path, true));
    });
    const auto error = error_of([&] {
      const SquashfsReader reader(changed, {}, Opening::on_demand);
      alone = described(reader, reader.find(path, true));
    });
    INFO(fmt::format("{} at {}", path, at));
    for (const auto& each : {refused, error}) CHECK((!each || each->kind() != ErrorKind::internal));
    if (!refused) {
      CHECK_FALSE(error);
      CHECK(alone == by_all);
    }
  }
}

TEST_CASE("files that two images store alike need no unpacking, and only those", "[layers][squashfs][lookup]") {
  const auto image = [](std::uint32_t block_size, const std::string& change, SquashfsCodec codec = SquashfsCodec::gzip) {
    Pack pack({.codec = codec, .block_size = block_size, .threads = 1});
    pack.file(Tree::kRoot, "first", text_of(30000, 9) + change);
    pack.file(Tree::kRoot, "large", text_of(100000, 1));
    pack.file(Tree::kRoot, "whole", text_of(8192, 2));
    pack.file(Tree::kRoot, "holes", text_of(4096, 3) + std::string(8192, '\0') + text_of(4096, 4));
    pack.file(Tree::kRoot, "empty", "");
    pack.finish();
    return pack.region;
  };
  auto a = image(4096, "");
  auto b = image(4096, "x");
  auto c = image(8192, "");
  auto d = image(4096, "", SquashfsCodec::zstd);
  const auto alike = [&](MemoryRegion& one, MemoryRegion& two, const std::string& name) {
    SquashfsReader first(one);
    SquashfsReader second(two);
    return first.stored_alike(*first.find(name, false), second, *second.find(name, false));
  };
  for (const char* name : {"first", "large", "whole", "holes", "empty"}) {
    INFO(name);
    auto same = a;
    CHECK(alike(a, same, name));
    CHECK(alike(a, c, name) == false);
    CHECK(alike(a, d, name) == false);
  }
  CHECK_FALSE(alike(a, b, "first"));
  CHECK(alike(a, b, "whole"));
  CHECK(alike(a, b, "holes"));
  // The same tables over other bytes.
  auto damaged = a;
  damaged.bytes[100] ^= std::byte{1};
  CHECK_FALSE(alike(a, damaged, "first"));
  CHECK(alike(a, damaged, "whole"));
}
