// SPDX-License-Identifier: Apache-2.0
//
// An image of every source, looked into where it lies.
#include <map>

#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/core/digest.h>
#include <sifkit/file_system.h>
#include <sifkit/layers/walk.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Keeps the digest of each file that it is given.
class DigestSink : public layers::ContentSink {
 public:
  void begin(std::uint64_t size) override { left_ = size; }
  void append(ByteView bytes) override {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    left_ -= bytes.size();
  }
  void append_zeros(std::uint64_t count) override {
    bytes_.resize(bytes_.size() + static_cast<std::size_t>(count));
    left_ -= count;
  }
  layers::ContentId end() override {
    CHECK(left_ == 0);
    digests.push_back(digest_of(bytes_).text());
    bytes_.clear();
    return layers::kEmptyContent;
  }

  std::vector<std::string> digests;

 private:
  std::uint64_t left_ = 0;
  Bytes bytes_;
};

/// Everything that a file system says, a line for each name; contents all at once.
std::map<std::string, std::string> described(const std::string& source) {
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse(source), {}, warnings);
  const layers::Tree& tree = opened->tree();
  std::vector<layers::InodeId> files;
  for (layers::InodeId id = 0; id < tree.inode_count(); ++id) {
    if (tree.inode(id).type == layers::EntryType::regular && tree.inode(id).links != 0) files.push_back(id);
  }
  std::map<layers::InodeId, std::string> contents;
  DigestSink sink;
  std::vector<layers::InodeId> order;
  auto twice = files;
  twice.insert(twice.end(), files.begin(), files.end());
  opened->files().read_files(twice, [&](layers::InodeId id) {
    order.push_back(id);
    return &sink;
  });
  REQUIRE(order.size() == files.size());
  REQUIRE(sink.digests.size() == order.size());
  for (std::size_t i = 0; i < order.size(); ++i) contents[order[i]] = sink.digests[i];

  std::map<std::string, std::string> out;
  layers::walk(tree, layers::Tree::kRoot, [&](const layers::WalkedName& here) {
    const auto& inode = tree.inode(here.inode);
    std::string line = fmt::format("{} {:o} {}:{} {}", static_cast<int>(inode.type), inode.metadata.mode,
                                   inode.metadata.uid, inode.metadata.gid, inode.metadata.mtime);
    if (inode.type == layers::EntryType::symlink) line += " -> " + std::string(tree.symlink_target(inode));
    if (inode.type == layers::EntryType::regular) {
      MemorySink alone;
      opened->files().read(here.inode, alone);
      CHECK(digest_of(alone.bytes()).text() == contents.at(here.inode));
      line += " " + contents.at(here.inode);
    }
    out[std::string(here.path)] = line;
    return true;
  });
  return out;
}

}  // namespace

TEST_CASE("every source is the same file system when it is looked into", "[convert][files]") {
  const TempDir directory;
  const TestImage image = small_image();
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  const auto layered = described(archive);
  CHECK(layered.contains("bin/tool"));
  as_directory(oci_layout(image), directory / "layout");
  CHECK(described((directory / "layout").string()) == layered);

  ConvertOptions options;
  std::map<std::string, std::string> packed;
  for (const auto format : {OutputFormat::sif, OutputFormat::squashfs}) {
    options.format = format;
    WarningList warnings;
    const auto target = directory / fmt::format("x{}", static_cast<int>(format));
    convert(oci::Reference::parse(archive), target, options, warnings);
    const auto found = described(target.string());
    for (const auto& [path, line] : layered) {
      INFO(path);
      REQUIRE(found.contains(path));
      CHECK(found.at(path) == line);
    }
    CHECK((packed.empty() || packed == found));
    packed = found;
  }
}

TEST_CASE("what is odd about a layer is said once, however often it is read", "[convert][files]") {
  const TempDir directory;
  TestImage image;
  TarBuilder below;
  for (const char* name : {"etc/hidden", "etc/seen"}) below.add({.name = name, .data = "x", .pax = {{"mtime", "99999999999"}}});
  image.layers = {below.bytes(), TarBuilder().file("etc/hidden", "new").bytes()};
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse(archive), {}, warnings);
  CHECK(warnings.total() == 2);
  CHECK(warnings.count("mtime-clamped") == 2);
  CHECK(opened->files().text(opened->files().require("etc/seen", true), 10) == "x");
  DigestSink hidden;
  opened->read_hidden([&](const HiddenFile& file) -> layers::ContentSink* {
    CHECK(file.path == "etc/hidden");
    return &hidden;
  });
  CHECK(hidden.digests == std::vector<std::string>{digest_of(as_bytes(std::string("x"))).text()});
  CHECK(warnings.total() == 2);
}

TEST_CASE("the layer of a file is known where there are layers", "[convert][files]") {
  const TempDir directory;
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(small_image())));
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse(archive), {}, warnings);
  REQUIRE(opened->image() != nullptr);
  const auto id = opened->files().require("bin/tool", true);
  const auto layer = opened->layer_of(id);
  REQUIRE(layer);
  CHECK(*layer < opened->image()->layers().size());
  CHECK(opened->files().text(id, 1u << 20).size() == opened->tree().inode(id).size);
  CHECK(error_of([&] { opened->files().text(id, 1); })->kind() == ErrorKind::limit);
  CHECK(error_of([&] { opened->files().require("none", true); })->message() == "'none' is not in the image");
}
