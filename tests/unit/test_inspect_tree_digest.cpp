// SPDX-License-Identifier: Apache-2.0
//
// `sifkit-tree/v1`: what counts, and that the rest does not.
#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/core/digest.h>
#include <sifkit/file_system.h>
#include <sifkit/inspect/tree_digest.h>

#include "support/catch.h"
#include "support/image_shapes.h"
#include "support/squashfs_pack.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// The bytes that the digest is of, made by the definition in docs/formats.md.
class Record {
 public:
  Record& text(std::string_view value) {
    number(value.size());
    bytes_.append(value);
    return *this;
  }
  Record& number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(value >> shift & 0xff);
    return *this;
  }
  Record& numbers(std::initializer_list<std::uint64_t> values) {
    for (const auto value : values) number(value);
    return *this;
  }
  Record& raw(ByteView value) {
    bytes_.append(as_text(value));
    return *this;
  }
  std::string digest() const { return digest_of(as_bytes(bytes_)).text(); }

 private:
  std::string bytes_;
};

Bytes content_digest(std::string_view text) {
  Hasher hasher;
  hasher.update(as_bytes(text));
  return hasher.finish_raw();
}

std::string digest_of_pack(Pack& pack, bool with_runtime_files = true) {
  pack.finish();
  SquashfsReader reader(pack.region);
  return inspect::tree_digest(reader, with_runtime_files).digest.text();
}

std::string digest_of_file(const std::string& source) {
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse(source), {}, warnings);
  return inspect::tree_digest(opened->files(), false).digest.text();
}

}  // namespace

TEST_CASE("the digest of a tree is that of the bytes that its definition says", "[inspect][digest]") {
  Pack pack;
  const auto directory = pack.directory(Tree::kRoot, "d", 0700);
  const auto file = pack.file(directory, "b", "text",
                              {.mode = 04755, .uid = 1, .gid = 2, .mtime = 3,
                               .xattrs = pack.tree.intern_xattrs({{"user.b", "2"}, {"user.sifkit.cap", "c"}})});
  pack.tree.link(Tree::kRoot, "e", file);
  pack.add(directory, "a", {.metadata = {.mode = 0777}, .type = EntryType::symlink, .data = pack.tree.add_symlink_target("t")});
  pack.add(directory, "c", {.metadata = {.mode = 0600}, .type = EntryType::char_device, .data = 5u << 20 | 6});
  pack.add(directory, "s", {.metadata = {.mode = 0600}, .type = EntryType::socket});
  Record expected;
  expected.text("sifkit-tree/v1");
  expected.text("").text("d").numbers({0755, 0, 0, 0, 0});
  expected.text("d").text("d").numbers({0700, 0, 0, 5, 0});
  expected.text("d/a").text("l").numbers({0777, 0, 0, 0, 0}).text("t");
  expected.text("d/b").text("f").numbers({04755, 1, 2, 3, 2}).text("security.capability").text("c").text("user.b").text("2");
  expected.number(4).raw(content_digest("text"));
  expected.text("d/c").text("c").numbers({0600, 0, 0, 0, 0, 5, 6});
  expected.text("d/s").text("s").numbers({0600, 0, 0, 0, 0});
  expected.text("e").text("h").text("d/b");
  CHECK(digest_of_pack(pack) == expected.digest());
}

TEST_CASE("how a tree is packed does not count", "[inspect][digest]") {
  std::string first;
  for (const SquashfsOptions& options : {SquashfsOptions{.threads = 2}, {.codec = SquashfsCodec::zstd, .block_size = 4096},
                                         {.codec = SquashfsCodec::none, .block_size = 1u << 20, .time = 99}}) {
    Pack pack(options);
    fill(pack);
    const auto digest = digest_of_pack(pack);
    CHECK((first.empty() || digest == first));
    first = digest;
  }
}

TEST_CASE("each kind of change to a tree changes its digest", "[inspect][digest]") {
  std::set<std::string> seen;
  const std::vector<std::function<void(Pack&)>> changes{
      [](Pack&) {},
      [](Pack& pack) { pack.tree.inode(pack.tree.resolve("a", false).value()).metadata.mode = 0600; },
      [](Pack& pack) { pack.tree.inode(pack.tree.resolve("a", false).value()).metadata.uid = 7; },
      [](Pack& pack) { pack.tree.inode(pack.tree.resolve("a", false).value()).metadata.gid = 7; },
      [](Pack& pack) { pack.tree.inode(pack.tree.resolve("a", false).value()).metadata.mtime = 7; },
      [](Pack& pack) { pack.tree.inode(Tree::kRoot).metadata.mtime = 7; },
      [](Pack& pack) { pack.tree.inode(pack.tree.resolve("a", false).value()).metadata.xattrs = pack.tree.intern_xattrs({{"user.x", ""}}); },
      [](Pack& pack) { pack.tree.link(Tree::kRoot, "c", pack.tree.resolve("a", false).value()); },
      [](Pack& pack) { pack.file(Tree::kRoot, "c", "one"); },
      [](Pack& pack) { pack.file(Tree::kRoot, "c", "eno"); },
      [](Pack& pack) { pack.directory(Tree::kRoot, "c"); },
      [](Pack& pack) { pack.add(Tree::kRoot, "c", {.metadata = {.mode = 0644}, .type = EntryType::fifo}); },
      [](Pack& pack) { pack.add(Tree::kRoot, "c", {.metadata = {.mode = 0644}, .type = EntryType::block_device, .data = 1}); },
      [](Pack& pack) { pack.add(Tree::kRoot, "c", {.metadata = {.mode = 0644}, .type = EntryType::block_device, .data = 1u << 20}); }};
  for (const auto& change : changes) {
    Pack pack;
    pack.file(Tree::kRoot, "a", "one");
    pack.file(Tree::kRoot, "b", "one");
    change(pack);
    seen.insert(digest_of_pack(pack));
  }
  CHECK(seen.size() == changes.size());
}

TEST_CASE("an attribute that not every image can hold does not count, and is named", "[inspect][digest]") {
  Tree tree;
  Inode inode;
  inode.metadata.xattrs = tree.intern_xattrs({{"security.capability", "real"}, {"system.posix_acl_access", "x"}, {"user.sifkit.cap", "stored"}});
  std::set<std::string> left_out;
  CHECK(inspect::comparable_xattrs(tree, inode, left_out) == Xattrs{{"security.capability", "real"}});
  CHECK(left_out == std::set<std::string>{"system.posix_acl_access"});
}

TEST_CASE("an image of every form has one digest, but for what building adds", "[inspect][digest]") {
  const TempDir directory;
  TestImage image = small_image();
  image.layers.push_back(TarBuilder().directory("proc").directory("tmp").directory("etc").file("etc/hosts", "").file("etc/resolv.conf", "nameserver 192.0.2.1\n").bytes());
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  const auto digest = digest_of_file(archive);
  as_directory(oci_layout(image), directory / "layout");
  CHECK(digest_of_file((directory / "layout").string()) == digest);
  for (const auto format : {OutputFormat::sif, OutputFormat::squashfs}) {
    ConvertOptions options;
    options.format = format;
    WarningList warnings;
    const auto target = directory / fmt::format("x{}", static_cast<int>(format));
    convert(oci::Reference::parse(archive), target, options, warnings);
    CHECK(digest_of_file(target.string()) == digest);
  }
}
