// SPDX-License-Identifier: Apache-2.0
//
// An image that is built again on one that holds its older layers, which are not read.
#include <random>
#include <set>
#include <string>

#include <fmt/format.h>

#include <sifkit/sif/image.h>

#include "packing_record.h"

#include "support/base_fixture.h"
#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Layers as container engines write them: each path once, a hard link to a file of its own layer, nothing through links.
class OrderlyHistory {
 public:
  explicit OrderlyHistory(unsigned seed) : random_(seed) {}

  std::string layer() {
    TarBuilder out;
    std::set<std::string> used;
    std::string linked;
    const auto fresh = [&](const std::string& name) { return used.insert(name).second; };
    for (auto left = random_() % 20; left != 0; --left) {
      const std::string directory = fmt::format("d{}{}", random_() % 3, random_() % 3 == 0 ? "/deep" : "");
      const std::string name = fmt::format("{}/f{}", directory, random_() % 8);
      switch (random_() % 12) {
        case 0:
          if (fresh(name)) out.file(fmt::format("{}/.wh.{}", directory, name.substr(directory.size() + 1)), "");
          break;
        case 1:
          if (!linked.empty() && fresh(name)) out.hard_link(name, linked);
          break;
        case 2:
          if (fresh(name)) out.symlink(name, "f1");
          break;
        case 3:
          if (fresh(name)) out.file(name, std::string(random_() % 4 * kBlock, '\0'));
          break;
        case 4:
          if (fresh(directory)) out.directory(directory, 0700 + random_() % 2);
          break;
        case 5:
          if (fresh("etc/hosts")) out.file("etc/hosts", "127.0.0.1 localhost");
          break;
        default:
          if (!fresh(name)) break;
          out.file(name, content());
          linked = name;
          break;
      }
    }
    if (random_() % 10 == 0) out.file("d0/.wh..wh..opq", "");
    return out.bytes();
  }

  unsigned number(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

 private:
  std::string content() {
    // Equal files of several layers, and files of nothing.
    if (random_() % 4 == 0) return std::string(random_() % 4 * 300, static_cast<char>('a' + random_() % 3));
    std::mt19937 bytes(static_cast<unsigned>(random_() % 9));
    const std::size_t size = random_() % 4 == 0 ? random_() % (5 * kBlock) : random_() % 8 == 0 ? 500 : random_() % 1800;
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(bytes() % (random_() % 5 == 0 ? 256 : 7));
    return out;
  }

  std::mt19937 random_;
};

/// A stack whose top has something small, over something that takes room.
struct Stack {
  std::string large;
  std::string below;
  std::string top = TarBuilder().file("etc/new", "new").bytes();

  Stack() {
    for (int i = 0; i < 5000; ++i) large += fmt::format("line {}\n", i * i);
    below = TarBuilder().directory("etc").file("etc/text", large).file("etc/small", "small").bytes();
  }
};

struct LayersFixture : BaseFixture {
  Stack stack;

  LayersFixture() { options.format = OutputFormat::sif; }

  /// How many layers of two are not read where the first was built by `old_options`.
  std::size_t taken(const ConvertOptions& old_options, const std::vector<std::string>& old) {
    const auto kept = options;
    options = old_options;
    build("old", old);
    options = kept;
    const auto alone = build("alone", {stack.below, stack.top});
    CHECK((build("new", {stack.below, stack.top}, "old") == alone));
    return report.base_layers;
  }
};

}  // namespace

TEST_CASE("layers that an older image holds are not read again, and the bytes are the same", "[convert][base]") {
  const unsigned count = histories();
  std::uint64_t built = 0;
  std::uint64_t taken = 0;
  for (unsigned seed = 0; seed < count; ++seed) {
    INFO("history " << seed);
    OrderlyHistory history(seed);
    BaseFixture fixture;
    fixture.options.format = OutputFormat::sif;
    if (seed % 2 == 1) {
      fixture.options.squashfs.codec = layers::SquashfsCodec::zstd;
    } else {
      fixture.options.squashfs.level = 1;
    }
    fixture.options.threads = 1 + seed % 5;
    fixture.options.all_root = seed % 5 == 0;
    fixture.options.verify_after = seed % 7 == 0;
    std::vector<std::string> layers;
    const auto add = [&](unsigned at_least) {
      for (auto more = at_least + history.number(3); more-- > 0;) layers.push_back(history.layer());
    };
    add(1);
    fixture.build("old", layers);
    // Directories that no layer names are as old as the image.
    fixture.options.source_date_epoch = 8;
    const auto held = layers.size();
    add(0);
    const auto alone = fixture.build("alone", layers);
    CHECK(fixture.report.base_layers == 0);
    REQUIRE((fixture.build("new", layers, "old") == alone));
    ++built;
    if (fixture.report.base_layers != 0) {
      CHECK(fixture.report.base_layers == held);
      ++taken;
    }
    // What was built on an older image is one itself.
    add(1);
    const auto next = fixture.build("alone", layers);
    REQUIRE((fixture.build("next", layers, "new") == next));
  }
  // A file in place of a directory, and a layer of nothing but whiteouts, are read again.
  CHECK(taken * 2 > built);
}

TEST_CASE("of layers that an older image holds the source is not looked at", "[convert][base]") {
  LayersFixture fixture;
  const auto& stack = fixture.stack;
  fixture.build("old", {stack.below});
  const auto alone = fixture.build("alone", {stack.below, stack.top});
  TestImage image;
  image.layers = {stack.below, stack.top};
  auto members = docker_25(image);
  std::string archive = as_tar(members);
  const auto at = archive.find("line 4\n");
  REQUIRE(at != std::string::npos);
  archive[at] ^= 1;
  write_file(fixture.directory / "image.tar", archive);
  const auto convert_again = [&](bool use_base) {
    auto options = fixture.options;
    options.use_base = use_base;
    if (use_base) options.base = fixture.at("old");
    return convert(oci::Reference::parse("docker-archive:" + fixture.at("image.tar")), fixture.at("new"), options, fixture.warnings);
  };
  CHECK(error_of([&] { convert_again(false); })->kind() == ErrorKind::integrity);
  const auto report = convert_again(true);
  CHECK(report.base_layers == 1);
  CHECK(report.entries == 4);  // three of the old image, one of the new layer
  CHECK(report.uncompressed_bytes == stack.top.size());
  CHECK((read_file(fixture.at("new")) == alone));
}

TEST_CASE("an older image holds layers only if it was packed alike and is what it was", "[convert][base]") {
  LayersFixture fixture;
  const auto& stack = fixture.stack;
  const auto with = [&](const auto& change) {
    auto options = fixture.options;
    change(options);
    return options;
  };
  CHECK(fixture.taken(fixture.options, {stack.below}) == 1);
  CHECK(fixture.taken(fixture.options, {stack.below, stack.top}) == 2);
  CHECK(fixture.taken(with([](auto& options) { options.labels = {{"a", "b"}}; }), {stack.below}) == 1);
  CHECK(fixture.taken(with([](auto& options) { options.all_root = true; }), {stack.below}) == 0);
  CHECK(fixture.taken(with([](auto& options) { options.excludes = {"/none"}; }), {stack.below}) == 0);
  CHECK(fixture.taken(with([](auto& options) { options.format = OutputFormat::squashfs; }), {stack.below}) == 0);
  CHECK(fixture.taken(fixture.options, {stack.top}) == 0);
  CHECK(fixture.taken(fixture.options, {stack.below, stack.top, stack.top}) == 0);
  // What reading it said must be said again.
  const auto odd = TarBuilder().file("etc/twice", "1").file("etc/twice", "2").bytes();
  CHECK(fixture.taken(fixture.options, {odd}) == 0);
  CHECK(fixture.warnings.count("base-damaged") == 0);

  const auto alone = fixture.build("alone", {stack.below, stack.top});
  auto old = fixture.build("old", {stack.below});
  const auto fragment = old.find("hsqs");
  REQUIRE(fragment != std::string::npos);
  for (const std::size_t at : {fragment + 200, old.size() - 5000}) {
    auto damaged = old;
    damaged[at] ^= 1;
    write_file(fixture.directory / "old", damaged);
    const auto before = fixture.warnings.total();
    CHECK((fixture.build("new", {stack.below, stack.top}, "old") == alone));
    CHECK(fixture.report.base_layers == 0);
    CHECK(fixture.warnings.total() > before);
  }
}

TEST_CASE("a copy of an image does not say that it was packed as its original", "[convert][base]") {
  LayersFixture fixture;
  const auto& stack = fixture.stack;
  fixture.build("old", {stack.below});
  const auto alone = fixture.build("alone", {stack.below, stack.top});
  const auto metadata = [&](const std::string& name) {
    const sif::Image image = sif::Image::open(fixture.at(name));
    return std::string(as_text(image.read_data(*image.find(sif::DataType::generic_json, "inspect-metadata.json"), 1u << 20)));
  };
  const auto said = metadata("old");
  const auto record = said.find(",\"sifkit\":{\"packing\":{");
  REQUIRE(record != std::string::npos);
  ConvertOptions options = fixture.options;
  options.excludes = {"etc/small"};
  convert(oci::Reference::parse("sif:" + fixture.at("old")), fixture.at("copy"), options, fixture.warnings);
  CHECK(metadata("copy") == said.substr(0, record) + "}");
  // By other hands than ours, and what is no such text.
  CHECK(without_packing_record("{ \"sifkit\": {\"packing\": 1}, \"b\": 2 }", {}) == R"({"b":2})");
  CHECK(without_packing_record(R"({"a":",\"sifkit\":{\"packing\":","sifkit":{}})", {}) == R"({"a":",\"sifkit\":{\"packing\":"})");
  for (const char* const text : {"{\"b\": 2 }", "[\"sifkit\"]", "{", ""}) CHECK(without_packing_record(text, {}) == text);

  fixture.options.overwrite = Overwrite::yes;
  CHECK(fixture.build("copy", {stack.below, stack.top}, "copy") == alone);
  CHECK(fixture.report.base_layers == 0);
  CHECK(fixture.warnings.count("base-damaged") == 0);
}
