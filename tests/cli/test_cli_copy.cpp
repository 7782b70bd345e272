// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include <fmt/format.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>

#include "support/build_fixture.h"
#include "support/catch.h"
#include "support/fault_fixture.h"
#include "support/sweep.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

struct CopyFixture : BuildFixture {
  CliResult copy(const std::string& source, const std::string& target, std::vector<std::string> more = {}) const {
    std::vector<std::string> args{"copy", source, target};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
  }

  Json copied(const std::string& source, const std::string& target) const {
    const auto result = copy(source, target, {"--json", "--force"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return Json::parse(result.out);
  }

  Json images(const std::string& source) const { return Json::parse(run_cli({"images", "--json", source}).out)["images"]; }

  /// Files below a directory, by name.
  std::map<std::string, std::string> files(const std::string& name) const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(at(name))) {
      if (entry.is_regular_file()) out[fs::relative(entry.path(), at(name)).string()] = read_file(entry.path());
    }
    return out;
  }
};

}  // namespace

TEST_CASE("a copy of layers has their bytes, configuration and manifest", "[cli][copy]") {
  const CopyFixture fixture;
  const std::pair<std::string, std::string> styles[] = {{"gzip -c", "application/vnd.docker.image.rootfs.diff.tar.gzip"},
                                                         {"gzip -c", "application/vnd.oci.image.layer.v1.tar+gzip"},
                                                         {"", "application/vnd.oci.image.layer.v1.tar"}};
  for (const auto& [packer, type] : styles) {
    INFO(type);
    fs::remove_all(fixture.at("layout"));
    const LayoutStyle style{.packer = packer, .layer_type = type};
    as_directory(oci_layout(fixture.image, style), fixture.directory / "layout");
    const auto source = fixture.images(fixture.at("layout"))[0];
    const auto record = fixture.copied("oci:" + fixture.at("layout"), "oci-archive:" + fixture.at("x.tar") + ":tag");
    CHECK(record["schema"] == "sifkit/copy/v1");
    CHECK(record["manifest_digest"] == source["manifest_digest"]);
    CHECK(record["config_digest"] == source["config_digest"]);
    CHECK(record["layers"] == fixture.image.layers.size());
    const auto again = fixture.copied(fixture.at("x.tar"), "oci:" + fixture.at("again") + ":other");
    CHECK(again["manifest_digest"] == source["manifest_digest"]);
    const auto before = fixture.files("layout");
    const auto after = fixture.files("again");
    for (const auto& [name, bytes] : before) {
      INFO(name);
      if (name.starts_with("blobs/")) CHECK((after.contains(name) && after.at(name) == bytes));
    }
    CHECK(after.at("oci-layout") == R"({"imageLayoutVersion":"1.0.0"})");
    CHECK(fixture.images(fixture.at("again"))[0]["tags"] == Json::array({"other"}));
    // The same image, from wherever it is built.
    REQUIRE(fixture.build("one.sif", fixture.at("layout"), {"--force"}).code == 0);
    REQUIRE(fixture.build("two.sif", fixture.at("again"), {"--force"}).code == 0);
    CHECK(fixture.tree_of("one.sif") == fixture.tree_of("two.sif"));
    fs::remove_all(fixture.at("again"));
  }
}

TEST_CASE("a Docker archive holds layers uncompressed and keeps the image's ID", "[cli][copy]") {
  const CopyFixture fixture;
  as_directory(oci_layout(fixture.image), fixture.directory / "layout");
  const auto id = fixture.images(fixture.at("layout"))[0]["config_digest"];
  const auto record = fixture.copied(fixture.at("layout"), "docker-archive:" + fixture.at("d.tar") + ":me/app");
  CHECK(record["manifest_digest"].is_null());
  CHECK(record["config_digest"] == id);
  const auto listed = fixture.images(fixture.at("d.tar"));
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["tags"] == Json::array({"me/app:latest"}));
  CHECK(listed[0]["config_digest"] == id);
  CHECK(run_process({"tar", "-tf", fixture.at("d.tar")}).out ==
        fmt::format("{}.tar\n{}.tar\n{}.json\nmanifest.json\n", sha256(fixture.image.layers[0]), sha256(fixture.image.layers[1]),
                    id.get<std::string>().substr(7)));
  // Back into a layout: another manifest, the same configuration.
  CHECK(fixture.copied(fixture.at("d.tar"), "oci:" + fixture.at("back"))["config_digest"] == id);
  CHECK(fixture.files("back").contains("blobs/sha256/" + sha256(fixture.image.layers[1])));
}

TEST_CASE("a SIF goes back into an image of one layer, without what a build put in", "[cli][copy]") {
  const CopyFixture fixture;
  REQUIRE(fixture.build("a.sif", fixture.at("app.tar")).code == 0);
  // build with such an output is the same.
  REQUIRE(run_cli({"build", "docker-archive:" + fixture.at("d.tar") + ":app", fixture.at("a.sif")}).code == 0);
  fixture.copied(fixture.at("a.sif"), "docker-archive:" + fixture.at("e.tar") + ":app");
  CHECK((read_file(fixture.directory / "d.tar") == read_file(fixture.directory / "e.tar")));
  const auto names = run_cli({"ls", "-aR", fixture.at("d.tar")}).out;
  CHECK(names.find("singularity") == std::string::npos);
  CHECK(names.find(".exec") == std::string::npos);
  const Json config = Json::parse(run_cli({"inspect", "--json", "--all", fixture.at("d.tar")}).out);
  CHECK(config.dump() != "{}");
  REQUIRE(fixture.build("b.sif", fixture.at("d.tar")).code == 0);
  CHECK(fixture.tree_of("a.sif") == fixture.tree_of("b.sif"));
  CHECK(run_cli({"inspect", "--runscript", fixture.at("a.sif")}).out == run_cli({"inspect", "--runscript", fixture.at("b.sif")}).out);
  CHECK(run_cli({"inspect", "--environment", fixture.at("a.sif")}).out == run_cli({"inspect", "--environment", fixture.at("b.sif")}).out);
}

TEST_CASE("mount points that no layer brought are not in a copy of a SIF that tells them from others", "[cli][copy]") {
  CopyFixture fixture;
  // No packing record is made where a layer links to what an older one brought.
  fixture.image.layers = {fixture.image.layers[0], TarBuilder().directory("home", 0700).file("etc/.wh.old", "").bytes()};
  write_file(fixture.directory / "app.tar", as_tar(docker_24(fixture.image)));
  REQUIRE(fixture.build("a.sif", fixture.at("app.tar")).code == 0);
  fixture.copied(fixture.at("a.sif"), "docker-archive:" + fixture.at("d.tar"));
  CHECK(run_cli({"diff", "--with-singularity", fixture.at("app.tar"), fixture.at("d.tar")}).out == "equal\n");
  // The record of one partition says nothing of another.
  write_file(fixture.directory / "root.tar", TarBuilder().directory("bin").directory("tmp").file("etc/hosts", "mine").bytes());
  REQUIRE(fixture.build("other.sqfs", "tar:" + fixture.at("root.tar"), {"-q", "--format", "squashfs"}).code == 0);
  fs::copy_file(fixture.at("a.sif"), fixture.at("swapped.sif"));
  const Json objects = Json::parse(run_cli({"sif", "list", "--json", fixture.at("a.sif")}).out)["objects"];
  REQUIRE((objects.back()["type"] == "FS" && run_cli({"sif", "del", objects.back()["id"].dump(), fixture.at("swapped.sif")}).code == 0));
  REQUIRE(run_cli({"sif", "add", fixture.at("swapped.sif"), fixture.at("other.sqfs"), "--datatype", "4", "--parttype", "2",
                   "--partfs", "1", "--partarch", "2", "--groupid", "1"}).code == 0);
  fixture.copied(fixture.at("swapped.sif"), "docker-archive:" + fixture.at("d.tar"));
  CHECK_THAT(run_cli({"find", fixture.at("d.tar")}).out, ContainsSubstring("/etc/hosts\n") && ContainsSubstring("/tmp\n"));
  // A file that was added to one of them since has come to stay.
  write_file(fixture.directory / "note", "n");
  REQUIRE(run_cli({"edit", fixture.at("a.sif"), "--add", fixture.at("note") + ":/root/note"}).code == 0);
  fixture.copied(fixture.at("a.sif"), "docker-archive:" + fixture.at("d.tar"));
  CHECK(run_cli({"cat", fixture.at("d.tar"), "/root/note"}).out == "n");
}

TEST_CASE("a copy checks what it reads, and an error leaves nothing", "[cli][copy]") {
  const CopyFixture fixture;
  const auto fails = [&](const Members& members, ErrorKind kind, const std::string& text) {
    fs::remove_all(fixture.at("layout"));
    as_directory(members, fixture.directory / "layout");
    for (const std::string target : {"oci:", "oci-archive:", "docker-archive:"}) {
      INFO(target);
      const auto result = fixture.copy(fixture.at("layout"), target + fixture.at("out"));
      CHECK(result.code == exit_code(kind));
      CHECK_THAT(result.err, ContainsSubstring(text));
      CHECK(!fs::exists(fixture.at("out")));
      for (const auto& entry : fs::directory_iterator(fixture.directory.path())) CHECK(!entry.path().filename().string().starts_with(".out"));
    }
  };
  auto members = oci_layout(fixture.image);
  for (auto& member : members) {
    if (member.bytes.size() > 1000) member.bytes[member.bytes.size() / 2] ^= 1;
  }
  fails(members, ErrorKind::integrity, "layer 1 of 2: expected sha256:");
  members = oci_layout(fixture.image);
  for (auto& member : members) {
    if (member.bytes.size() > 1000) member.bytes.resize(member.bytes.size() - 20);
  }
  fails(members, ErrorKind::integrity, "bytes");
}

TEST_CASE("in an archive of a layout directories stand before what is in them", "[cli][copy]") {
  // Apptainer extracts such an archive, and makes no directory that is no member.
  static constexpr std::size_t kRecord = 512;
  const CopyFixture fixture;
  REQUIRE(fixture.copy(fixture.at("app.tar"), "oci-archive:" + fixture.at("out.tar")).code == 0);
  const auto archive = read_file(fixture.directory / "out.tar");
  REQUIRE(archive.size() > kRecord);
  std::vector<std::string> directories{""};
  for (std::size_t at = 0; archive[at] != '\0';) {
    const auto header = archive.substr(at, kRecord);
    const std::string name = header.c_str();
    INFO(name);
    const auto slash = name.rfind('/', name.size() - 2);
    const auto parent = slash == std::string::npos ? "" : name.substr(0, slash + 1);
    CHECK(std::find(directories.begin(), directories.end(), parent) != directories.end());
    if (header[156] == '5') {
      directories.push_back(name);
      CHECK(header.substr(100, 47) == std::string("0000755\0" "0000000\0" "0000000\0" "00000000000\0" "00000000000", 47));
    }
    at += kRecord + (std::stoull(header.substr(124, 11), nullptr, 8) + kRecord - 1) / kRecord * kRecord;
    REQUIRE(at < archive.size());
  }
  CHECK(directories == std::vector<std::string>{"", "blobs/", "blobs/sha256/"});
}

TEST_CASE("what is there is replaced only when that is asked for", "[cli][copy]") {
  const CopyFixture fixture;
  write_file(fixture.directory / "there", "text");
  fs::create_directory(fixture.at("folder"));
  write_file(fixture.directory / "folder/file", "text");
  const std::string app = fixture.at("app.tar");
  const int exists = exit_code(ErrorKind::exists);
  for (const std::string target : {"oci-archive:", "docker-archive:"}) {
    CHECK(fixture.copy(app, target + fixture.at("there")).code == exists);
    CHECK(read_file(fixture.directory / "there") == "text");
  }
  CHECK(fixture.copy(app, "oci:" + fixture.at("there")).code == exists);
  CHECK(fixture.copy(app, "oci:" + fixture.at("folder"), {"--force"}).code == exists);
  CHECK(fixture.files("folder").size() == 1);

  CHECK(fixture.copy(app, "oci:" + fixture.at("l") + ":a").code == 0);
  CHECK(fixture.copy(app, "oci:" + fixture.at("l") + ":a").code == exists);
  CHECK(fixture.copy(app, "oci:" + fixture.at("l") + ":b").code == 0);
  CHECK(fixture.copy(app, "oci:" + fixture.at("l") + ":a", {"--force"}).code == 0);
  const auto images = fixture.images(fixture.at("l"));
  CHECK(images.size() == 2);
  CHECK(fixture.copy(app, "docker-archive:" + fixture.at("there"), {"--force"}).code == 0);
  CHECK(run_cli({"ls", fixture.at("there"), "/bin"}).out == "tool\ntool2\n");

  // Of two without a tag for one platform only one could be read.
  auto other = small_image();
  other.layers = {TarBuilder().file("other", "o").bytes()};
  write_file(fixture.directory / "other.tar", as_tar(docker_24(other)));
  const auto untagged = "oci:" + fixture.at("untagged");
  CHECK(fixture.copy(app, untagged).code == 0);
  CHECK(fixture.copy(app, untagged).code == 0);
  CHECK(fixture.copy(fixture.at("other.tar"), untagged).code == exists);
  CHECK(fixture.copy(fixture.at("other.tar"), untagged, {"--force"}).code == 0);
  CHECK(fixture.images(untagged).size() == 1);
  CHECK(run_cli({"ls", untagged}).out == "other\n");
}

TEST_CASE("words that name no place for an image are refused", "[cli][copy]") {
  const CopyFixture fixture;
  const std::string app = fixture.at("app.tar");
  for (const std::string target : {"x.sif", "oci:", "oci-archive:", "docker-archive::app", "docker-archive:x:App", "docker-archive:x:a@sha256:12"}) {
    INFO(target);
    CHECK(fixture.copy(app, target).code == exit_code(ErrorKind::usage));
  }
  CHECK_THAT(fixture.copy(app, "x.sif").err, ContainsSubstring("'sifkit build x.sif " + app));
  CHECK_THAT(run_cli({"build", "oci:" + fixture.at("x"), app, "--label", "a=b"}).err, ContainsSubstring("--label is for SIF files, not for"));
  CHECK_THAT(run_cli({"build", "docker-archive:" + app, fixture.at("x.sif")}).err, ContainsSubstring("OUT comes before SRC"));
}

TEST_CASE("the digest of a copy takes neither the source's nor the target's place", "[cli][copy]") {
  const CopyFixture fixture;
  fs::create_symlink("app.tar", fixture.at("link"));
  const auto bytes = read_file(fixture.directory / "app.tar");
  const auto refused = [&](const std::string& target, const std::string& name, const std::string& what) {
    INFO(target << " " << name);
    const auto result = fixture.copy(fixture.at("app.tar"), target, {"--digestfile", name});
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK(result.err == fmt::format("sifkit: error: --digestfile '{}' is {}\n  hint: choose another name for it\n", name, what));
    CHECK((read_file(fixture.directory / "app.tar") == bytes));
    CHECK_FALSE(fs::exists(fixture.at("out")));
  };
  for (const std::string name : {"app.tar", "./app.tar", "link"}) refused("oci-archive:" + fixture.at("out"), fixture.at(name), "the source itself");
  for (const std::string transport : {"oci-archive:", "docker-archive:", "oci:"}) refused(transport + fixture.at("out"), fixture.at("out"), "the output itself");
  CHECK(fixture.copy(fixture.at("app.tar"), "oci-archive:" + fixture.at("out"), {"--digestfile", fixture.at("digest")}).code == 0);
  CHECK(read_file(fixture.directory / "digest").starts_with("sha256:"));
}

TEST_CASE("a copy is whole or absent, whatever fails", "[cli][copy][faults]") {
  const FaultFixture fixture;
  const std::string target = GENERATE("oci:out", "oci-archive:out", "docker-archive:out");
  const std::string good = "cp -r out ../good; rm -r out";
  REQUIRE(fixture.shell("rm -rf ../good; $SIFKIT copy -q ../app.tar " + target + " && " + good).code == 0);
  for (const auto& [call, what] : {std::pair<std::string, std::string>{"pwrite", std::to_string(ENOSPC)}, {"pwrite", "sig15"}, {"pread", std::to_string(EIO)}, {"fsync", std::to_string(EIO)},
                                   {"mkdir", std::to_string(ENOSPC)}, {"rename", std::to_string(EIO)}, {"renameat2", std::to_string(EACCES)}, {"linkat", std::to_string(EACCES)}}) {
    for (int n = 1; n <= 60; ++n) {
      if (!next_of_sweep()) continue;
      INFO(target << " " << call << " " << n << " " << what);
      fixture.clear();
      const auto result = fixture.shell("exec $SIFKIT copy -q ../app.tar " + target,
                                        {"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", fmt::format("SIFKIT_FAULT={}:{}:{}", call, n, what)});
      INFO(result.err);
      CHECK(fixture.shell("[ ! -e out ] || diff -r out ../good").code == 0);
      CHECK(fixture.count() == (fs::exists(fixture.out / "out") ? 1u : 0u));
      if (result.code == 0) {
        CHECK(fixture.count() == 1);
        break;
      }
    }
  }
}

TEST_CASE("layers are compressed anew when that is asked for, and what is in them stays", "[cli][copy]") {
  const CopyFixture fixture;
  as_directory(oci_layout(fixture.image, {.packer = "gzip -n", .layer_type = "application/vnd.oci.image.layer.v1.tar+gzip"}),
               fixture.directory / "layout");
  const auto source = "oci:" + fixture.at("layout");
  REQUIRE(fixture.build("app.sif", source).code == 0);
  const auto manifest_of = [&](const std::string& name) {
    const auto files = fixture.files(name);
    const Json index = Json::parse(files.at("index.json"));
    const auto digest = index["manifests"][0]["digest"].get<std::string>();
    return Json::parse(files.at("blobs/sha256/" + digest.substr(digest.find(':') + 1)));
  };
  const auto tree = [&](const std::string& image) {
    return Json::parse(run_cli({"digest", "--tree", "--json", "--without-singularity", image}).out)["tree"]["digest"];
  };
  for (const auto& [word, suffix] : {std::pair("gzip:9", "+gzip"), {"zstd", "+zstd"}, {"none", ".tar"}}) {
    for (const auto& from : {source, fixture.at("app.sif")}) {
      INFO(word << " " << from);
      fs::remove_all(fixture.at("out"));
      const auto result = fixture.copy(from, "oci:" + fixture.at("out"), {"--json", "--compress", word});
      INFO(result.err);
      REQUIRE(result.code == 0);
      const auto record = Json::parse(result.out);
      const Json manifest = manifest_of("out");
      REQUIRE(manifest["layers"].size() == record["layers"]);
      for (const auto& layer : manifest["layers"]) CHECK_THAT(layer["mediaType"].get<std::string>(), ContainsSubstring(suffix));
      CHECK(tree("oci:" + fixture.at("out")) == tree(fixture.at("app.sif")));
      CHECK(run_cli({"diff", from, "oci:" + fixture.at("out")}).code == 0);
    }
  }
  // What is compressed so already stays as it is.
  const auto before = Json::parse(fixture.copy(source, "oci:" + fixture.at("same"), {"--json"}).out);
  const auto again = Json::parse(fixture.copy(source, "oci:" + fixture.at("again"), {"--json", "--compress", "gzip"}).out);
  CHECK(again["manifest_digest"] == before["manifest_digest"]);
  CHECK_THAT(fixture.copy(source, "docker-archive:" + fixture.at("x.tar"), {"--compress", "gzip"}).err, ContainsSubstring("hold plain layers"));
  CHECK_THAT(fixture.copy(source, "oci:" + fixture.at("x"), {"--compress", "gzip", "--all"}).err, ContainsSubstring("--all copies blobs as they are"));
  CHECK_THAT(fixture.copy(source, "oci:" + fixture.at("x"), {"--compress", "xz"}).err, ContainsSubstring("expected gzip, zstd or none, got 'xz'"));
  CHECK_FALSE(fs::exists(fixture.at("x")));
}

TEST_CASE("a layer that is not what a digest of another algorithm says is not copied", "[cli][copy][hostile]") {
  const CopyFixture fixture;
  const LayoutStyle style{.algorithm = DigestAlgorithm::sha512};
  as_directory(oci_layout(fixture.image, style), fixture.directory / "layout");
  const auto target = "docker-archive:" + fixture.at("out.tar");
  CHECK(fixture.copy("oci:" + fixture.at("layout"), target).code == 0);
  // The first layer changes, in its place and size.
  const auto name = fixture.directory / "layout/blobs/sha512" / digest_of(as_bytes(fixture.image.layers[0]), DigestAlgorithm::sha512).hex();
  std::string changed = read_file(name);
  changed[changed.size() - 1] = 'x';
  write_file(name, changed);
  const auto result = fixture.copy("oci:" + fixture.at("layout"), target, {"--force"});
  CHECK(result.code == exit_code(ErrorKind::integrity));
  CHECK_THAT(result.err, ContainsSubstring("expected sha512:"));

  TestImage image = fixture.image;
  image.diff_id_algorithm = DigestAlgorithm::sha384;
  auto members = docker_24(image);
  write_file(fixture.directory / "app.tar", as_tar(members));
  CHECK(fixture.copy(fixture.at("app.tar"), target, {"--force"}).code == 0);
  const auto tree = run_cli({"digest", "--tree", fixture.at("out.tar")});
  INFO(tree.err);
  CHECK(tree.code == 0);
  CHECK(tree.out == run_cli({"digest", "--tree", fixture.at("app.tar")}).out);
  for (auto& member : members) {
    if (member.bytes == image.layers[0]) member.bytes.back() = 'x';
  }
  write_file(fixture.directory / "app.tar", as_tar(members));
  const auto wrong = fixture.copy(fixture.at("app.tar"), target, {"--force"});
  CHECK(wrong.code == exit_code(ErrorKind::integrity));
  CHECK_THAT(wrong.err, ContainsSubstring("expected diff_id sha384:"));
}

TEST_CASE("an archive is not written to standard output", "[cli][copy]") {
  const CopyFixture fixture;
  const auto before = fs::current_path();
  fs::current_path(fixture.directory.path());
  for (const std::string prefix : {"oci-archive:", "docker-archive:"}) {
    for (const std::string place : {"-", "-:app"}) {
      const auto result = fixture.copy(fixture.at("app.tar"), prefix + place);
      CHECK(result.code == exit_code(ErrorKind::usage));
      CHECK_THAT(result.err, ContainsSubstring("'" + prefix + place + "': it cannot be written to standard output") &&
                                 ContainsSubstring("hint: '" + prefix + "./-' is a file of that name"));
    }
    CHECK_FALSE(fs::exists(fixture.at("-")));
    CHECK(fixture.copy(fixture.at("app.tar"), prefix + "./-").code == 0);
    CHECK(fs::remove(fixture.at("-")));
  }
  fs::current_path(before);
}

TEST_CASE("capabilities that a user may have written on his file are none in a copy of the directory", "[cli][copy]") {
  const CopyFixture fixture;
  if (::geteuid() != 0) SKIP_TEST("only root gives files away");
  const std::string raw("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  fs::create_directories(fixture.at("root/bin"));
  fs::create_directories(fixture.at("root/etc"));
  for (const std::string name : {"of-root", "of-user"}) {
    const auto path = fixture.at("root/bin/" + name);
    write_file(path, name);
    if (::setxattr(path.c_str(), "user.sifkit.cap", raw.data(), raw.size(), 0) != 0) SKIP_TEST("no user attributes on this file system");
  }
  REQUIRE(::chown(fixture.at("root/bin/of-user").c_str(), 1000, 1000) == 0);
  REQUIRE(fixture.copy("dir:" + fixture.at("root"), "oci-archive:" + fixture.at("out.tar")).code == 0);
  const Json files = Json::parse(run_cli({"ls", "--json", fixture.at("out.tar"), "/bin"}).out)["files"];
  std::map<std::string, Json> attributes;
  for (const auto& file : files) attributes[file["path"]] = file["xattrs_hex"];
  CHECK(attributes.at("/bin/of-root") == Json{{"security.capability", to_hex(as_bytes(raw))}});
  CHECK(attributes.at("/bin/of-user") == Json{{"user.sifkit.cap", to_hex(as_bytes(raw))}});
}
