// SPDX-License-Identifier: Apache-2.0
//
// A file system that is there already as the source: SIF, squashfs, and the directory of a container.
#include <map>
#include <span>

#include <fmt/format.h>

#include <sifkit/convert.h>
#include <sifkit/inspect.h>
#include <sifkit/layers/walk.h>
#include <sifkit/oci/source.h>
#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/image_editor.h>

#include "container_files.h"

#include "support/catch.h"
#include "support/errors.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/squashfs_pack.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Everything that a file system says, a line for each name.
std::map<std::string, std::string> described_image(const std::filesystem::path& path) {
  RootFs rootfs = RootFs::open(path);
  const layers::Tree& tree = rootfs.tree();
  std::map<std::string, std::string> out;
  layers::walk(tree, layers::Tree::kRoot, [&](const layers::WalkedName& here) {
    const auto& inode = tree.inode(here.inode);
    std::string line = fmt::format("{} {:o} {}:{} {} {}", static_cast<int>(inode.type), inode.metadata.mode, inode.metadata.uid,
                                   inode.metadata.gid, inode.metadata.mtime, inode.links);
    for (const auto& [attribute, value] : tree.xattrs(inode.metadata.xattrs)) line += fmt::format(" {}={}", attribute, printable(value));
    if (inode.type == layers::EntryType::symlink) line += " -> " + std::string(tree.symlink_target(inode));
    if (inode.type == layers::EntryType::char_device) line += fmt::format(" device {}", inode.data);
    if (inode.type == layers::EntryType::regular) {
      MemorySink sink;
      rootfs.reader().read(here.inode, sink);
      line += " " + digest_of(sink.bytes()).text();
    }
    out[fmt::format("/{}", here.path)] = line;
    return true;
  });
  return out;
}

/// Texts of the objects beside the file system, by type and name.
std::map<std::string, std::string> small_objects(const std::filesystem::path& path) {
  const sif::Image image = sif::Image::open(path);
  std::map<std::string, std::string> out;
  for (const auto* object : image.objects()) {
    if (object->type == sif::DataType::partition) continue;
    out[fmt::format("{} {} {}", sif::to_string(object->type), object->group(), object->name())] = as_text(image.read_data(*object, 1u << 20));
  }
  return out;
}

struct PackedFixture {
  TempDir directory;
  WarningList warnings;
  ConvertReport first;             ///< of making "a.sif"
  std::uint64_t of_the_image = 0;  ///< warnings that it gave
  ConvertOptions options;

  PackedFixture() {
    TestImage image = small_image();
    image.architecture = oci::Platform::host().architecture;
    std::string noise;
    for (std::uint32_t i = 0, x = 1; i < 500'000; ++i) noise += static_cast<char>((x = x * 1664525 + 1013904223) >> 24);
    TarBuilder layer;
    layer.file("data/noise", noise).file("data/zeros", std::string(700'000, '\0') + "end").symlink("data/link", "noise").file("data/empty", "");
    layer.hard_link("data/hard", "data/noise");
    layer.add({.name = "data/null", .type = '3', .major = 1, .minor = 3});
    layer.add({.name = "data/own", .data = "x", .mode = 04711, .uid = 70000, .gid = 5, .pax = {{"SCHILY.xattr.user.color", "red"}, {"SCHILY.xattr.trusted.t", "1"}}});
    for (int i = 0; i < 300; ++i) layer.file(fmt::format("data/small/{}", i), fmt::format("{} ", i) + noise.substr(static_cast<std::size_t>(i) * 1000, 2000));
    image.layers.push_back(layer.bytes());
    write_file(directory / "app.tar", as_tar(docker_24(image)));
    first = build("a.sif", (directory / "app.tar").string());
    of_the_image = warnings.total();
  }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  ConvertReport build(const std::string& out, const std::string& source) {
    return convert(oci::Reference::parse(source), directory / out, options, warnings);
  }
};

}  // namespace

TEST_CASE("an image that is packed again has the same files and says the same", "[convert][packed]") {
  PackedFixture fixture;
  const auto files = described_image(fixture.at("a.sif"));
  const auto objects = small_objects(fixture.at("a.sif"));
  REQUIRE(files.size() > 310);
  REQUIRE(objects.size() == 3);
  const auto codec = GENERATE(layers::SquashfsCodec::gzip, layers::SquashfsCodec::zstd, layers::SquashfsCodec::xz,
                              layers::SquashfsCodec::lz4, layers::SquashfsCodec::none);
  fixture.options.squashfs.codec = codec;
  fixture.options.verify_after = true;
  for (const auto& [source, out] : {std::pair{"sif:" + fixture.at("a.sif"), "b.sif"}, {fixture.at("b.sif"), "c.sif"}}) {
    const auto report = fixture.build(out, source);
    CHECK(described_image(fixture.at(out)) == files);
    CHECK(small_objects(fixture.at(out)) == objects);
    // What is not compressed at all is said to be gzip.
    CHECK(RootFs::open(fixture.at(out)).reader().codec() == (codec == layers::SquashfsCodec::none ? layers::SquashfsCodec::gzip : codec));
    CHECK(report.inodes == fixture.first.inodes);
    CHECK(report.file_bytes >= fixture.first.file_bytes - fixture.first.duplicate_bytes);
    CHECK(report.architecture == oci::Platform::host().architecture);
  }
  const sif::Image old = sif::Image::open(fixture.at("a.sif"));
  const sif::Image made = sif::Image::open(fixture.at("c.sif"));
  CHECK(made.header().created == old.header().created);
  CHECK(made.header().architecture == old.header().architecture);
  CHECK(made.problems().empty());
  CHECK(fixture.warnings.total() == fixture.of_the_image);
  // And again, whoever does it.
  fixture.options.threads = 3;
  fixture.build("d.sif", fixture.at("b.sif"));
  CHECK((read_file(fixture.directory / "d.sif") == read_file(fixture.directory / "c.sif")));
}

TEST_CASE("a container's directory, squashfs and tar keep what the container says", "[convert][packed]") {
  PackedFixture fixture;
  const auto said = inspect_container(oci::Reference::parse(fixture.at("a.sif")), {}, fixture.warnings).attributes;
  REQUIRE_FALSE(said.runscript.empty());
  fixture.options.excludes = {"data/null", "data/own"};  // an ordinary user cannot make them
  fixture.options.format = OutputFormat::sandbox;
  fixture.build("sandbox", fixture.at("a.sif"));
  fixture.options.format = OutputFormat::squashfs;
  fixture.build("a.sqfs", fixture.at("a.sif"));
  const auto packed = run_process({"/bin/tar", "-C", fixture.at("sandbox"), "-cf", fixture.at("sandbox.tar"), "."}, {}, true);
  REQUIRE(packed.code == 0);
  fixture.options.format = OutputFormat::sif;
  for (const std::string& source : {"dir:" + fixture.at("sandbox"), fixture.at("a.sqfs"), "squashfs:" + fixture.at("a.sqfs"), "tar:" + fixture.at("sandbox.tar")}) {
    INFO(source);
    fixture.options.overwrite = Overwrite::yes;
    fixture.build("again.sif", source);
    const auto again = inspect_container(oci::Reference::parse(fixture.at("again.sif")), {}, fixture.warnings).attributes;
    CHECK(again.runscript == said.runscript);
    CHECK(again.environment == said.environment);
    CHECK(again.labels == said.labels);
    CHECK(again.deffile == said.deffile);
    const auto files = described_image(fixture.at("again.sif"));
    CHECK(files.count("/.singularity.d/bootstrap_history") == 0);
    CHECK(files.at("/.singularity.d/runscript").ends_with(digest_of(as_bytes(said.runscript + "\n")).text()));
    const auto objects = small_objects(fixture.at("again.sif"));
    CHECK(objects.size() == 2);
    CHECK(objects.at("Def.FILE 1 ").starts_with("bootstrap: docker-archive"));
  }
}

TEST_CASE("labels and variables are added to a container that is packed again", "[convert][packed]") {
  PackedFixture fixture;
  fixture.options.labels = {{"site", "here"}};
  fixture.options.env = {{"ADDED", "a $b \"c\"\nd"}};
  fixture.build("b.sif", fixture.at("a.sif"));
  const auto old = inspect_container(oci::Reference::parse(fixture.at("a.sif")), {}, fixture.warnings).attributes;
  const auto made = inspect_container(oci::Reference::parse(fixture.at("b.sif")), {}, fixture.warnings).attributes;
  auto labels = old.labels;
  labels["site"] = "here";
  CHECK(made.labels == labels);
  CHECK(made.runscript == old.runscript);
  const std::string script = "/.singularity.d/env/90-environment.sh";
  const std::string own = "\n\n# Set by sifkit; a later change of the same variable replaces its line.\n";
  CHECK(made.environment.at(script) == old.environment.at(script) + own + "export ADDED=\"a \\$b \\\"c\\\"\nd\"");
  CHECK(files_of_image(RootFs::open(fixture.at("b.sif")))->text(script, 1u << 20) == old.environment.at(script) + own + "export ADDED=\"a \\$b \\\"c\\\"\nd\"\n");
  const auto ran = run_process({"/bin/sh", "-c", made.environment.at(script) + "\nprintf '%s' \"$ADDED\""}, {}, true);
  CHECK(ran.out == "a $b \"c\"\nd");
  fixture.options.env = {{"no name", "x"}};
  CHECK_THROWS_AS(fixture.build("c.sif", fixture.at("a.sif")), Error);
  CHECK_FALSE(std::filesystem::exists(fixture.at("c.sif")));
}

TEST_CASE("what is to be left out of a container that is packed again is left out", "[convert][packed]") {
  PackedFixture fixture;
  const auto all = described_image(fixture.at("a.sif"));
  fixture.options.excludes = {"data/small", "data/noise"};
  fixture.options.all_root = true;
  fixture.options.layers.xattrs = layers::XattrPolicy::user_only;
  fixture.build("b.sif", fixture.at("a.sif"));
  const auto files = described_image(fixture.at("b.sif"));
  CHECK(files.size() == all.size() - 302);
  CHECK(files.count("/data/noise") == 0);
  CHECK(files.at("/data/hard").find(" 1 sha256:") != std::string::npos);  // the one name that is left of two
  CHECK(files.at("/data/own").find("0:0") != std::string::npos);
  CHECK(files.at("/data/own").find("user.color=red") != std::string::npos);
  CHECK(files.at("/data/own").find("trusted.t") == std::string::npos);
  fixture.options.layers.xattrs = layers::XattrPolicy::none;
  fixture.build("c.sif", fixture.at("a.sif"));
  CHECK(described_image(fixture.at("c.sif")).at("/data/own").find("color") == std::string::npos);
}

TEST_CASE("objects stay with a container, but for signatures and other partitions", "[convert][packed]") {
  PackedFixture fixture;
  {
    sif::ImageEditor editor(fixture.directory / "a.sif");
    MemorySource bill(as_bytes("{}")), overlay(as_bytes("an overlay")), signature(as_bytes("{}"));
    editor.add({.type = sif::DataType::sbom, .group = 2, .name = "bill.json", .extra = sif::encode_extra(sif::SbomFormat::cyclonedx_json)}, bill);
    editor.add({.type = sif::DataType::partition, .group = 2, .extra = sif::encode_extra(sif::Partition{sif::FsType::ext3, sif::PartitionType::overlay, "amd64"})}, overlay);
    editor.add({.type = sif::DataType::signature, .group = 0, .link = 1, .links_group = true}, signature);
    // Linked to the root file system, to the bill, to the overlay and to a group.
    for (const auto& [name, link, group] : {std::tuple("of root", 4u, false), {"of bill", 5u, false}, {"of overlay", 6u, false}, {"of group", 2u, true}}) {
      MemorySource note(as_bytes("note"));
      editor.add({.type = sif::DataType::generic, .link = link, .links_group = group, .name = name}, note);
    }
    editor.commit();
  }
  auto objects = small_objects(fixture.at("a.sif"));
  REQUIRE(objects.erase("Signature 0 ") == 1);
  REQUIRE(objects.size() == 8);
  fixture.build("b.sif", fixture.at("a.sif"));
  CHECK(small_objects(fixture.at("b.sif")) == objects);
  const sif::Image image = sif::Image::open(fixture.at("b.sif"));
  const auto linked = [&](const std::string& name) {
    const auto all = image.objects_of(sif::DataType::generic);
    return **std::find_if(all.begin(), all.end(), [&](const auto* object) { return object->name() == name; });
  };
  CHECK(linked("of root").link() == image.primary_partition()->id);
  CHECK(linked("of bill").link() == image.objects_of(sif::DataType::sbom).at(0)->id);
  CHECK(linked("of overlay").raw_link == 0);
  CHECK(linked("of group").link() == 2);
  CHECK(linked("of group").links_group());
  CHECK_FALSE(linked("of root").links_group());
  const auto said = std::span(fixture.warnings.listed()).subspan(fixture.of_the_image);
  REQUIRE(said.size() == 2);
  CHECK(said[0].kind == "object-left-out");
  CHECK(said[0].text == "object 6, a partition with Ext3, stays behind in the old image");
  CHECK(said[1].kind == "signature-left-out");
  CHECK(said[1].text == "the signature of the old image does not hold for the new one: sign that");
}

TEST_CASE("a squashfs of a plain root becomes a container", "[convert][packed]") {
  PackedFixture fixture;
  Pack pack;
  pack.file(pack.directory(layers::Tree::kRoot, "etc"), "motd", "hello");
  pack.finish();
  write_file(fixture.directory / "plain.sqfs", as_text(pack.region.bytes));
  fixture.build("b.sif", fixture.at("plain.sqfs"));
  const auto files = described_image(fixture.at("b.sif"));
  CHECK(files.count("/.singularity.d/actions/exec") == 1);
  CHECK(files.at("/etc/motd").ends_with(digest_of(as_bytes("hello")).text()));
  CHECK(small_objects(fixture.at("b.sif")).at("Def.FILE 1 ") == "bootstrap: squashfs\nfrom: " + fixture.at("plain.sqfs") + "\n\n");
}

TEST_CASE("a damaged image is no source, and nothing is made of it", "[convert][packed][hostile]") {
  PackedFixture fixture;
  const std::string whole = read_file(fixture.directory / "a.sif");
  // What is made of it, if anything, is a sound image; otherwise nothing is there, and the source is to blame.
  const auto refuses = [&](const std::string& bytes) {
    write_file(fixture.directory / "bad.sif", bytes);
    const auto error = error_of([&] { fixture.build("out.sif", fixture.at("bad.sif")); });
    if (!error) {
      CHECK_FALSE(described_image(fixture.at("out.sif")).empty());
      std::filesystem::remove(fixture.directory / "out.sif");
      return false;
    }
    CHECK_FALSE(std::filesystem::exists(fixture.directory / "out.sif"));
    const auto kind = error->kind();
    CHECK((kind == ErrorKind::malformed || kind == ErrorKind::unsupported || kind == ErrorKind::limit || kind == ErrorKind::not_found));
    return true;
  };
  for (std::size_t cut = 1; cut < whole.size(); cut += whole.size() / 40) {
    INFO(cut);
    CHECK(refuses(whole.substr(0, cut)));
  }
  std::size_t refused = 0;
  for (std::size_t at = 40960; at < whole.size(); at += 997) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    refused += refuses(bytes) ? 1u : 0u;
  }
  CHECK(refused > 100);
}
