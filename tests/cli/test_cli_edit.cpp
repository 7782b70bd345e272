// SPDX-License-Identifier: Apache-2.0
//
// `edit`: an image changes in its place, whole or not at all, and says the same inside and beside its file system.
#include <thread>

#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/image_edit.h>
#include <sifkit/sif/image.h>
#include <sifkit/sif/image_writer.h>

#include "support/edit_fixture.h"
#include "support/errors.h"
#include "support/run_process.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// By this process.
std::size_t times_open(const std::filesystem::path& path) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    if (std::filesystem::read_symlink(entry.path(), gone) == path) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("edit keeps files, objects and labels in step", "[cli][edit]") {
  const Edited fixture;
  const auto result = fixture.edit({"--json", "--label", "new=x y", "--remove-label", "old", "--env", "SET=a b", "--unset", "A", "--runscript",
                                    fixture.at("run"), "--deffile", fixture.at("definition"), "--name", "system"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const Json record = Json::parse(result.out);
  CHECK(record["schema"] == "sifkit/edit/v1");
  CHECK(record["digest"] == "sha256:" + sha256(read_file(fixture.sif)));
  CHECK(record["reused_bytes"].get<std::uint64_t>() >= 150000);  // blocks that repeat in the image count once
  const Json said = Json::parse(run_cli({"inspect", "--json", "--all", fixture.sif}).out)["data"]["attributes"];
  CHECK(said["labels"]["new"] == "x y");
  CHECK(said["labels"]["stays"] == "2");
  CHECK_FALSE(said["labels"].contains("old"));
  CHECK(said["runscript"] == "#!/bin/sh\necho edited");
  CHECK(said["deffile"] == "Bootstrap: scratch");
  const Json labels = Json::parse(fixture.cat("/.singularity.d/labels.json"));
  CHECK(labels["new"] == "x y");
  CHECK_FALSE(labels.contains("old"));
  CHECK(fixture.cat("/.singularity.d/runscript") == "#!/bin/sh\necho edited\n");
  CHECK(fixture.cat("/.singularity.d/Singularity") == "Bootstrap: scratch\n");
  CHECK_THAT(fixture.cat("/.singularity.d/env/90-environment.sh"), Catch::Matchers::EndsWith("unset A\nexport SET=\"a b\"\n"));
  CHECK_THAT(run_cli({"inspect", "-d", fixture.sif}).out, Catch::Matchers::StartsWith("Bootstrap: scratch"));
  CHECK_THAT(run_cli({"sif", "list", "--json", fixture.sif}).out, ContainsSubstring("\"system\""));
  // The name stays where nothing is said of it.
  REQUIRE(fixture.edit({"--label", "n=1"}).code == 0);
  CHECK_THAT(run_cli({"sif", "list", "--json", fixture.sif}).out, ContainsSubstring("\"system\""));
}

TEST_CASE("edit writes what a build of the image would", "[cli][edit]") {
  const Edited fixture;
  const auto source = "sif:" + fixture.sif;
  REQUIRE(fixture.build("expected.sif", source, {"-q", "--label", "new=1", "--exclude", "/etc/new"}).code == 0);
  REQUIRE(fixture.edit({"-q", "--label", "new=1", "--remove", "/etc/new"}).code == 0);
  CHECK(read_file(fixture.sif) == read_file(fixture.directory / "expected.sif"));
  REQUIRE(fixture.build("packed.sif", source, {"-q", "--compress", "zstd"}).code == 0);
  REQUIRE(fixture.edit({"-q", "--compress", "zstd"}).code == 0);
  CHECK(read_file(fixture.sif) == read_file(fixture.directory / "packed.sif"));
  // Compressor and block size stay those of the image.
  REQUIRE(fixture.build("small.sif", source, {"-q", "--compress", "lz4", "--block-size", "4K"}).code == 0);
  REQUIRE(fixture.edit({"-q", "--label", "a=b"}, "small.sif").code == 0);
  const Json summary = Json::parse(run_cli({"inspect", "--json", "--summary", fixture.at("small.sif")}).out);
  CHECK_THAT(summary.dump(), ContainsSubstring("\"block_size\":4096") && ContainsSubstring("lz4"));
}

TEST_CASE("edit puts files in and takes them out", "[cli][edit]") {
  const Edited fixture;
  const auto result = fixture.edit({"--add", fixture.at("new") + ":/opt/made/new", "--add", fixture.at("run") + ":bin/../bin/tool", "--remove", "/etc/*"});
  CHECK(result.code == exit_code(ErrorKind::usage));
  CHECK_THAT(result.err, ContainsSubstring("expected FILE:/PATH"));
  const auto done = fixture.edit({"--add", fixture.at("new") + ":/opt/made/new", "--add", fixture.at("run") + "://bin/./tool"});
  INFO(done.err);
  REQUIRE(done.code == 0);
  CHECK(fixture.cat("/opt/made/new") == std::string(300000, 'n'));
  CHECK(fixture.cat("/bin/tool") == "#!/bin/sh\necho edited\n");
  CHECK_THAT(run_cli({"ls", "-l", fixture.sif, "/opt/made/new"}).out, Catch::Matchers::StartsWith("-rw-r--r-- 1 0 0 300000 "));
  REQUIRE(fixture.edit({"--remove", "/opt/*"}).code == 0);
  CHECK(run_cli({"ls", "-a", fixture.sif, "/opt"}).out.empty());
}

TEST_CASE("an edit that fails leaves the image as it is", "[cli][edit]") {
  const Edited fixture;
  const auto before = read_file(fixture.sif);
  const auto refused = [&](const std::vector<std::string>& words, ErrorKind kind, const std::string& text) {
    INFO(text);
    const auto result = fixture.edit(words);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(read_file(fixture.sif) == before);
  };
  refused({}, ErrorKind::usage, "nothing to change");
  refused({"--label", "=x"}, ErrorKind::usage, "expected NAME=VALUE");
  refused({"--remove-label", "none"}, ErrorKind::not_found, "the label 'none' is not in the image");
  refused({"--remove", "/none*"}, ErrorKind::not_found, "'/none*' is not in the image");
  refused({"--remove", "/.singularity.d/env"}, ErrorKind::usage, "'/.singularity.d/env' is the runtime's own");
  refused({"--add", fixture.at("new") + ":/.singularity.d/runscript"}, ErrorKind::usage, "is the runtime's own");
  refused({"--add", fixture.at("new") + ":/a/../b"}, ErrorKind::usage, "is no path of a file in an image");
  refused({"--add", fixture.at("new") + ":/opt/"}, ErrorKind::usage, "names no file");
  // What no reader of images takes is not written.
  const auto times = [](std::size_t count, const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
  };
  const auto to_new = fixture.at("new") + ":/";
  refused({"--add", to_new + times(2048, "d/") + "f"}, ErrorKind::limit, "is more than 2048 directories deep");
  refused({"--add", to_new + times(17, std::string(250, 'd') + "/") + "f"}, ErrorKind::limit, "has 4268 bytes, the limit is 4095");
  refused({"--add", to_new + std::string(256, 'n')}, ErrorKind::limit, "has 256 bytes, the limit is 255");
  refused({"--add", to_new + ".wh." + std::string(252, 'n')}, ErrorKind::usage, "is no path of a file in an image");
  refused({"--add", fixture.at("new") + ":/bin"}, ErrorKind::unsupported, "the new file '/bin' cannot be written: '/bin' is a ");
  refused({"--add", fixture.at("none") + ":/x"}, ErrorKind::not_found, "none");
  REQUIRE(::mkfifo(fixture.at("pipe").c_str(), 0600) == 0);
  refused({"--add", fixture.at("pipe") + ":/x"}, ErrorKind::unsupported, "is no regular file, directory or link");
  refused({"--runscript", fixture.at("none")}, ErrorKind::not_found, "none");
  refused({"--unset", "a b"}, ErrorKind::usage, "'a b' is no name of a variable");
  write_file(fixture.directory / "overlay", std::string(8192, '\0'));
  REQUIRE(run_cli({"sif", "add", fixture.sif, fixture.at("overlay"), "--datatype", "4", "--parttype", "4", "--partfs", "2", "--partarch", "2"}).code == 0);
  const auto overlaid = read_file(fixture.sif);
  const auto result = fixture.edit({"--label", "a=b"});
  CHECK(result.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(result.err, ContainsSubstring("is a partition with Ext3, which belongs to the file system as it is"));
  CHECK(read_file(fixture.sif) == overlaid);
  CHECK(run_cli({"edit", "--label", "a=b", fixture.at("app.tar")}).code == exit_code(ErrorKind::unsupported));
  CHECK(run_cli({"edit", "--label", "a=b", fixture.directory.path().string()}).code == exit_code(ErrorKind::unsupported));
}

TEST_CASE("edit changes squashfs images, too", "[cli][edit]") {
  const Edited fixture;
  write_file(fixture.directory / "root.tar", TarBuilder().directory("bin").file("bin/x", "x").bytes());
  const std::string image = fixture.at("root.sqfs");
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + fixture.at("root.tar")}).code == 0);
  REQUIRE(run_cli({"edit", "-q", image, "--add", fixture.at("new") + ":/opt/new"}).code == 0);
  CHECK(run_cli({"cat", image, "/opt/new"}).out == std::string(300000, 'n'));
  REQUIRE(run_cli({"edit", "-q", image, "--label", "a=b"}).code == 0);
  CHECK(Json::parse(run_cli({"cat", image, "/.singularity.d/labels.json"}).out)["a"] == "b");
}

TEST_CASE("an image that is edited keeps its mode and owner", "[cli][edit]") {
  const Edited fixture;
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", fixture.at("app.sqfs"), fixture.at("app.tar")}).code == 0);
  for (const std::string name : {"app.sif", "app.sqfs"}) {
    INFO(name);
    const auto path = fixture.at(name);
    if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), 1234, 4321) == 0);
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
    struct stat before {};
    struct stat after {};
    REQUIRE(::stat(path.c_str(), &before) == 0);
    REQUIRE(fixture.edit({"-q", "--label", "a=b"}, name).code == 0);
    REQUIRE(::stat(path.c_str(), &after) == 0);
    CHECK(after.st_ino != before.st_ino);
    CHECK(after.st_mode == before.st_mode);
    CHECK(after.st_uid == before.st_uid);
    CHECK(after.st_gid == before.st_gid);
  }
}

TEST_CASE("an edit that contradicts itself, or that the image has no place for, is refused", "[cli][edit]") {
  const Edited fixture;
  const auto image = read_file(fixture.sif);
  const auto refused = [&](const std::vector<std::string>& words, const std::string& text) {
    const auto result = fixture.edit(words);
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring(text));
  };
  refused({"--env", "A=1", "--unset", "A"}, "the variable 'A' is both set and taken away");
  refused({"--remove-label", "old", "--label", "old=2"}, "the label 'old' is both set and taken away");
  refused({"--label", "a=b", "--key-name", "me"}, "nothing is to be signed");
  CHECK(fixture.build("new.sif", fixture.at("app.tar"), {"--passphrase-file", fixture.at("run")}).code == 2);
  CHECK((read_file(fixture.sif) == image));
  REQUIRE(run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", fixture.at("key.pem")}).code == 0);
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", fixture.at("app.sqfs"), fixture.at("app.tar")}).code == 0);
  const auto squashfs = read_file(fixture.at("app.sqfs"));
  for (const auto& words : std::vector<std::vector<std::string>>{{"--sign", "--key", fixture.at("key.pem"), "--label", "a=b"},
                                                                 {"--name", "other"}})
    CHECK(fixture.edit(words, "app.sqfs").code == exit_code(ErrorKind::usage));
  CHECK((read_file(fixture.at("app.sqfs")) == squashfs));
}

TEST_CASE("an edit leaves capabilities as they are", "[cli][edit]") {
  Edited fixture;
  const std::string raw = std::string("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  write_file(fixture.directory / "root.tar",
             TarBuilder().directory("bin").add({.name = "bin/ping", .data = "x", .pax = {{"SCHILY.xattr.security.capability", raw}}}).bytes());
  REQUIRE(run_cli({"build", "-qF", "--xattrs", "keep", fixture.sif, "tar:" + fixture.at("root.tar")}).code == 0);
  const auto attributes = [&] {
    return Json::parse(run_cli({"ls", "--json", fixture.sif, "/bin/ping"}).out)["files"][0]["xattrs_hex"];
  };
  const auto before = attributes();
  REQUIRE(before.contains("security.capability"));
  const auto result = fixture.edit({"--env", "KEPT=1"});
  REQUIRE(result.code == 0);
  CHECK(attributes() == before);
  CHECK_THAT(result.err, !ContainsSubstring("capabilities"));
  CHECK_THAT(fixture.cat("/.singularity.d/env/90-environment.sh"), ContainsSubstring("export KEPT=\"1\""));
}

TEST_CASE("an edit stays with how the image is packed, and keeps no byte of what it replaces", "[cli][edit]") {
  const Edited fixture;
  write_file(fixture.directory / "root.tar",
             TarBuilder().file("etc/token", "OLD SECRET WORDS").file("etc/kept", "KEPT WORDS").bytes());
  REQUIRE(run_cli({"build", "-qF", "--compress", "none", fixture.sif, "tar:" + fixture.at("root.tar")}).code == 0);
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("run") + ":/etc/token", "--runscript", fixture.at("run")}).code == 0);
  REQUIRE(fixture.edit({"-q", "--runscript", fixture.at("definition")}).code == 0);
  CHECK_THAT(run_cli({"inspect", "--summary", fixture.sif}).out, ContainsSubstring("none"));
  const auto bytes = read_file(fixture.sif);
  CHECK_THAT(bytes, !ContainsSubstring("OLD SECRET WORDS") && ContainsSubstring("KEPT WORDS"));
  CHECK(fixture.cat("/etc/token") == read_file(fixture.at("run")));
  CHECK(fixture.cat("/.singularity.d/runscript") == read_file(fixture.at("definition")));
  // Another name of the file keeps its bytes.
  write_file(fixture.directory / "root.tar", TarBuilder().file("a", "FIRST WORDS").hard_link("b", "a").bytes());
  REQUIRE(run_cli({"build", "-qF", fixture.sif, "tar:" + fixture.at("root.tar")}).code == 0);
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("run") + ":/a"}).code == 0);
  CHECK(fixture.cat("/b") == "FIRST WORDS");
}

TEST_CASE("a squashfs image behind other bytes is not edited", "[cli][edit]") {
  const Edited fixture;
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", fixture.at("app.sqfs"), fixture.at("app.tar")}).code == 0);
  const auto image = "#!/usr/bin/env run-singularity\n" + read_file(fixture.at("app.sqfs"));
  write_file(fixture.directory / "old.img", image);
  const auto result = fixture.edit({"--label", "a=b"}, "old.img");
  CHECK(result.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(result.err, ContainsSubstring("stands behind 31 other bytes"));
  CHECK((read_file(fixture.at("old.img")) == image));
}

TEST_CASE("the partition stays in its group, and linked to what it was", "[cli][edit]") {
  const Edited fixture;
  std::string squashfs;
  {
    const auto image = sif::Image::open(fixture.sif);
    squashfs = as_text(image.read_data(*image.primary_partition(), 1u << 24));
  }
  write_file(fixture.directory / "other.sif", "");
  {
    auto file = File::open_read_write(fixture.at("other.sif"));
    sif::ImageWriter writer(file, {.launch_script = std::string(sif::kLaunchScript)}, 4096);
    writer.begin({.type = sif::DataType::partition, .group = 2, .link = 1}).write_at(0, as_bytes(squashfs));
    const sif::Partition partition{sif::FsType::squashfs, sif::PartitionType::primary_system, "amd64"};
    writer.end(squashfs.size(), sif::encode_extra(partition));
    writer.add_before({.type = sif::DataType::deffile}, as_bytes(std::string("Bootstrap: scratch\n")));
    writer.finish();
  }
  REQUIRE(fixture.edit({"-q", "--label", "a=b"}, "other.sif").code == 0);
  const auto image = sif::Image::open(fixture.at("other.sif"));
  const auto* const partition = image.primary_partition();
  REQUIRE(partition != nullptr);
  CHECK(partition->group() == 2);
  CHECK(partition->link() == image.objects_of(sif::DataType::deffile).at(0)->id);
}

TEST_CASE("edit says what becomes of signatures and SBOMs, and signs again", "[cli][edit]") {
  const Edited fixture;
  const std::string key = fixture.at("key.pem");
  REQUIRE(run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", key}).code == 0);
  REQUIRE(run_process({"openssl", "pkey", "-in", key, "-pubout", "-out", fixture.at("key.pub")}).code == 0);
  REQUIRE(run_cli({"sbom", "add", "-q", fixture.sif}).code == 0);
  REQUIRE(run_cli({"sign", "-q", "--key", key, fixture.sif}).code == 0);
  REQUIRE(run_cli({"verify", "-q", "--key", fixture.at("key.pub"), fixture.sif}).code == 0);
  const auto result = fixture.edit({"--add", fixture.at("new") + ":/new"});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("of the old image do not hold for the new one: sign that") || ContainsSubstring("of the old image does not hold for the new one: sign that"));
  CHECK_THAT(result.err, ContainsSubstring("the SBOM in the image says what was in it before"));
  CHECK(run_cli({"verify", "-q", "--key", fixture.at("key.pub"), fixture.sif}).code == exit_code(ErrorKind::unsigned_image));
  const auto signed_again = fixture.edit({"--label", "a=b", "--sign", "--key", key});
  REQUIRE(signed_again.code == 0);
  CHECK_THAT(signed_again.err, !ContainsSubstring("sign that"));
  CHECK(run_cli({"verify", "-q", "--key", fixture.at("key.pub"), fixture.sif}).code == 0);
  CHECK_THAT(run_cli({"sbom", "list", fixture.sif}).out, ContainsSubstring("spdx"));
}

TEST_CASE("edit waits for who edits the image, and does not replace one that it has not read", "[cli][edit]") {
  const Edited fixture;
  REQUIRE(fixture.build("app.squashfs", fixture.at("app.tar"), {"-q", "--format", "squashfs"}).code == 0);
  // Another one holds the lock, puts a changed image in place of the first, and lets go: that one is edited.
  for (const std::string name : {"app.sif", "app.squashfs"}) {
    INFO(name);
    const auto path = fixture.at(name);
    std::filesystem::copy_file(path, fixture.at("changed"));
    REQUIRE(run_cli({"edit", "-q", fixture.at("changed"), "--remove", "/etc/new"}).code == 0);
    auto held = std::make_unique<File>(File::open_read(path));
    REQUIRE(held->try_lock());
    std::jthread other([&] {
      // Until `edit` has opened the file; of another process that is not seen, and the test shows less.
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
      while (times_open(path) < 2 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
      std::filesystem::rename(fixture.at("changed"), path);
      held.reset();
    });
    const auto result = fixture.edit({"-q", "--remove", "/bin/tool2"}, name);
    other.join();
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(run_cli({"ls", path, "/etc/new"}).code == exit_code(ErrorKind::not_found));
    CHECK(run_cli({"ls", path, "/bin/tool2"}).code == exit_code(ErrorKind::not_found));
  }
}

TEST_CASE("an image that is replaced while it is edited stays as it was replaced", "[cli][edit]") {
  const Edited fixture;
  const auto format = GENERATE(OutputFormat::sif, OutputFormat::squashfs);
  const auto name = format == OutputFormat::sif ? "app.sif" : "app.squashfs";
  if (format == OutputFormat::squashfs) REQUIRE(fixture.build(name, fixture.at("app.tar"), {"-q", "--format", "squashfs"}).code == 0);
  write_file(fixture.directory / "other", "other");
  /// Replaces the image when its last stage is told.
  struct Replacer : Progress {
    std::function<void()> replace;
    void stage(std::string_view stage, std::uint64_t) override {
      if (stage == "writing to disk") replace();
    }
    void advance(std::uint64_t) override {}
  } progress;
  progress.replace = [&] { std::filesystem::rename(fixture.at("other"), fixture.at(name)); };
  ConvertOptions options;
  options.operation.progress = &progress;
  options.excludes = {"/etc/new"};
  WarningList warnings;
  const auto error = error_of([&] { edit_image(fixture.at(name), options, true, warnings); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK_THAT(error->what(), ContainsSubstring("was replaced while it was edited"));
  CHECK(read_file(fixture.at(name)) == "other");
}
