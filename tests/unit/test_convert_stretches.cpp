// SPDX-License-Identifier: Apache-2.0
#include <sifkit/convert.h>

#include "support/catch.h"
#include "support/image_shapes.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

constexpr std::size_t kSuperblock = 96;
constexpr std::size_t kFragments = 16;   ///< in the superblock
constexpr std::size_t kInodeTableAt = 64;  ///< in the superblock: where the data ends

struct Packed {
  std::uint32_t fragments = 0;
  std::string data;
};

/// A squashfs of layers, oldest first. The name of the archive, which the metadata of the image holds, is one that ends no
/// stretch; a random one would now and then.
Packed packed(const std::vector<std::string>& layers, const TempDir& directory = {}) {
  TestImage image;
  image.layers = layers;
  const WorkingDirectory inside(directory.path());
  write_file("image.tar", as_tar(docker_25(image)));
  ConvertOptions options;
  options.format = OutputFormat::squashfs;
  options.source_date_epoch = 7;
  options.overwrite = Overwrite::yes;
  WarningList warnings;
  convert(oci::Reference::parse("docker-archive:image.tar"), "out", options, warnings);
  const std::string file = read_file("out");
  const std::byte* const super = as_bytes(file).data();
  return {load_le<std::uint32_t>(super + kFragments),
          file.substr(kSuperblock, static_cast<std::size_t>(load_le<std::uint64_t>(super + kInodeTableAt)) - kSuperblock)};
}

}  // namespace

TEST_CASE("a layer shares no block with another one or with the runtime's files", "[convert][stretches]") {
  const auto file = [](const std::string& name) { return TarBuilder().file(name, name).bytes(); };
  CHECK(packed({file("a")}).fragments == 2);  // the last one is of the runtime's files
  CHECK(packed({file("a"), file("b"), file("c")}).fragments == 4);
  // A layer that stores nothing has no block.
  CHECK(packed({file("a"), TarBuilder().directory("d").file("empty", "").bytes(), file("c")}).fragments == 3);
}

TEST_CASE("files for which layers are read again share no block with others", "[convert][stretches]") {
  // The link keeps what the whiteout seems to hide.
  const auto keep = [](const std::string& name) { return TarBuilder().hard_link("kept-" + name, name).file(".wh." + name, "").file("new-" + name, name + "!").bytes(); };
  const auto old = TarBuilder().file("a", "a").file("other", "other").bytes();
  CHECK(packed({old, keep("a")}).fragments == 4);
  CHECK(packed({old, TarBuilder().file("b", "b").file("more", "more").bytes(), keep("a"), keep("b")}).fragments == 7);
}

TEST_CASE("what is stored of layers is the same with another one on top of them", "[convert][stretches]") {
  const TempDir directory;
  std::vector<std::string> layers{TarBuilder().file("a", "a").file("large", std::string(200000, 'l')).bytes(), TarBuilder().file("b", "b").bytes()};
  const auto below = packed(layers, directory);
  layers.push_back(TarBuilder().file("c", "c").bytes());
  const auto with = packed(layers, directory);
  REQUIRE(with.data.size() > below.data.size());
  CHECK((with.data.substr(with.data.size() - below.data.size()) == below.data));
}
