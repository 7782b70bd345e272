// SPDX-License-Identifier: Apache-2.0
//
// What a source is, where one kind ends and the next begins.
#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/standard_input.h"
#include "support/tar_builder.h"

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/oci/descriptor.h>
#include <sifkit/sif/image_writer.h>

using namespace sifkit;
using namespace sifkit::testing;
using namespace std::string_literals;

namespace {

Member program(const std::string& name) { return {name, "\x7f" "ELF\2\1\1" + std::string(100, '\1')}; }

}  // namespace

TEST_CASE("a program alone is a root file system, a script or a text is none", "[cli][kinds]") {
  TempDir directory;
  const std::string out = (directory / "out.sif").string();
  const auto build = [&](const Member& member, unsigned mode) {
    const std::string bytes = TarBuilder().add({.name = member.name, .data = member.bytes, .mode = mode}).bytes();
    write_file(directory / "x.tar", bytes);
    std::filesystem::create_directories((directory / "d" / member.name).parent_path());
    write_file(directory / "d" / member.name, member.bytes);
    std::filesystem::permissions(directory / "d" / member.name, static_cast<std::filesystem::perms>(mode));
    const std::vector<int> codes{run_cli({"build", "-q", "-F", out, (directory / "x.tar").string()}).code, from_pipe(bytes, {"build", "-q", "-F", out, "-"}).code,
                                 from_redirect(directory / "x.tar", {"build", "-q", "-F", out, "-"}).code, run_cli({"build", "-q", "-F", out, (directory / "d").string()}).code};
    std::filesystem::remove_all(directory / "d");
    return codes;
  };
  const int refused = exit_code(ErrorKind::unsupported);
  CHECK(build(program("app"), 0755) == std::vector<int>(4, 0));
  CHECK(build(program("opt/app/server"), 0755) == std::vector<int>(4, 0));
  CHECK(build(program("app"), 0644) == std::vector<int>(4, refused));
  CHECK(build({"app", "#!/bin/sh\n"}, 0755) == std::vector<int>(4, refused));
  CHECK(build({"notes", "text"}, 0644) == std::vector<int>(4, refused));
}

TEST_CASE("a program below sources or beside a root file system makes no root file system", "[cli][kinds]") {
  const TempDir directory;
  const std::string out = (directory / "out.sif").string();
  const auto said = [&](const std::vector<std::string>& names) {
    TarBuilder tar;
    std::filesystem::remove_all(directory / "d");
    for (const auto& name : names) {
      const std::string bytes = name.ends_with("prog")   ? program(name).bytes
                                : name.ends_with(".json") ? R"([{"schemaVersion":1}])"
                                                          : "text";
      tar.file(name, bytes, 0755);
      std::filesystem::create_directories((directory / "d" / name).parent_path());
      write_file(directory / "d" / name, bytes);
      std::filesystem::permissions(directory / "d" / name, std::filesystem::perms{0755});
    }
    write_file(directory / "x.tar", tar.bytes());
    const auto of_file = run_cli({"build", "-q", "-F", out, (directory / "x.tar").string()});
    INFO(of_file.err);
    const auto of_pipe = from_pipe(tar.bytes(), {"build", "-q", "-F", out, "-"});
    const auto of_directory = run_cli({"build", "-q", "-F", out, (directory / "d").string()});
    CHECK(of_file.code == of_directory.code);
    CHECK(of_file.code == of_pipe.code);
    return of_directory.code == 0 ? std::string() : of_directory.err;
  };
  CHECK_THAT(said({"config.json", "rootfs/bin/prog", "rootfs/etc/passwd"}),
             ContainsSubstring("(an OCI runtime bundle: 'rootfs' in it is a root file system)") &&
                 ContainsSubstring("hint: give the directory 'rootfs' in it"));
  CHECK_THAT(said({"metadata.yaml", "templates/x", "rootfs/usr/prog", "rootfs/etc/x"}), ContainsSubstring("('rootfs' in it is a root file system)"));
  CHECK_THAT(said({"a/usr/x", "a/etc/x", "z/usr/lib/x", "z/etc/x"}), ContainsSubstring("('a' in it is a root file system, 'z' is a root file system)"));
  for (const auto* const name : {"build/prog", "target/release/prog", "prog"}) {
    INFO(name);
    CHECK_THAT(said({"Makefile", "src/main.c", name}), ContainsSubstring("is a directory of other files"));
  }
  CHECK_THAT(said({"a/x", "a/b/c/d/prog"}), ContainsSubstring("is a directory of other files"));
  CHECK(said({"app/prog", "data/x", "README"}) == "");
  CHECK(said({"opt/app/prog", "data/x"}) == "");
  // What is copied into an empty image: a program with what it needs, wherever it lies.
  CHECK(said({"jre/bin/prog", "jre/lib/modules", "app.jar"}) == "");
  CHECK(said({"app/bin/prog", "app/lib/x", "app/etc/x", "data/x"}) == "");
  CHECK(said({"home/app/bin/prog", "config.yml"}) == "");
  CHECK(said({"app/cmd/server/server_/prog"}) == "");
  CHECK(said({"prog", "package.json", "views/x", ".cache/x"}) == "");
  CHECK(said({"prog", "data/" + std::string(64, 'a')}) == "");
  CHECK(said({"prog", "data/blobs/sha256/x"}) == "");
  CHECK(said({"prog", "static/manifest.json", "static/index.json"}) == "");
  CHECK(said({"prog", "sysroot/usr/x", "sysroot/etc/x"}) == "");
  CHECK_THAT(said({".bashrc", "work/tool/prog"}), ContainsSubstring("is a directory of other files"));
}

TEST_CASE("a slash in front of the names of an archive counts for nothing, a name that leads out is said", "[cli][kinds]") {
  const TempDir directory;
  TestImage image = small_image();
  image.architecture = oci::Platform::host().architecture;
  const std::string out = (directory / "out.sif").string();
  for (const Members& members : {docker_24(image, '1', "/"), docker_24(image, '\0', "/"), oci_layout(image)}) {
    auto slashed = members;
    for (auto& member : slashed) {
      if (!member.name.starts_with('/')) member.name.insert(0, "/");
    }
    const std::string bytes = as_tar(slashed);
    write_file(directory / "x.tar", bytes);
    write_file(directory / "x.tar.gz", through("gzip -1 -c", bytes));
    CHECK(run_cli({"build", "-q", "-F", out, (directory / "x.tar").string()}).code == 0);
    CHECK(run_cli({"build", "-q", "-F", out, (directory / "x.tar.gz").string()}).code == 0);
    CHECK(from_pipe(bytes, {"build", "-q", "-F", out, "-"}).code == 0);
    CHECK_THAT(run_cli({"ls", out, "/bin"}).out, ContainsSubstring("tool"));
  }
  write_file(directory / "up.tar", as_tar(docker_24(image, '\0', "../")));
  const auto up = run_cli({"build", "-q", "-F", out, (directory / "up.tar").string()});
  CHECK(up.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(up.err, ContainsSubstring("is a tar archive of other files (the name '../") && ContainsSubstring("leads out of it") &&
                         ContainsSubstring("hint: pack it again, with no '..' in its names"));
}

TEST_CASE("archives and images in an archive or a directory are named", "[cli][kinds]") {
  const TempDir directory;
  const auto said = [&](const Members& members) {
    write_file(directory / "x.tar", as_tar(members));
    return run_cli({"build", "-q", (directory / "out.sif").string(), (directory / "x.tar").string()}).err;
  };
  const std::string inner = as_tar(docker_24(small_image()));
  CHECK_THAT(said({{"image.tar.sha256", "00 image.tar\n"}, {"image.tar", inner}}), ContainsSubstring("('image.tar' is a tar archive)") && ContainsSubstring("hint: unpack it and give 'image.tar'"));
  CHECK_THAT(said({{"b.tar", inner}, {"a.tar", inner}}), ContainsSubstring("('a.tar' is a tar archive, 'b.tar' is a tar archive)"));
  CHECK_THAT(said({{"a.c", "x"}, {"b.c", "y"}, {"c.tar", inner}}), ContainsSubstring("is a tar archive of other files"));
  CHECK_THAT(said({{"manifest.json", R"({"schemaVersion":2,"config":{},"layers":[]})"}}), ContainsSubstring("it was cut off, or files of it are missing"));
}

TEST_CASE("tar: and dir: insist on a root file system, and on nothing that is none of theirs", "[cli][kinds]") {
  TempDir directory;
  const std::string out = (directory / "out.sif").string();
  const std::string bytes = TarBuilder().file("notes", "text").bytes();
  write_file(directory / "x.tar", bytes);
  write_file(directory / "x.tar.gz", through("gzip -c", bytes));
  std::filesystem::create_directories(directory / "d");
  write_file(directory / "d/notes", "text");
  for (const std::string& source : {"tar:" + (directory / "x.tar").string(), "tar:" + (directory / "x.tar.gz").string(), "dir:" + (directory / "d").string()}) {
    INFO(source);
    CHECK(run_cli({"build", "-q", "-F", out, source}).code == 0);
    CHECK(run_cli({"cat", out, "/notes"}).out == "text");
  }
  CHECK(from_pipe(bytes, {"build", "-q", "-F", out, "tar:-"}).code == 0);
  const auto said = [&](const std::string& source) { return run_cli({"build", "-q", "-F", out, source}).err; };
  CHECK_THAT(said("dir:" + (directory / "x.tar").string()), ContainsSubstring(" is a tar archive, a directory was expected") && ContainsSubstring("tar:" + (directory / "x.tar").string()));
  CHECK_THAT(said("tar:" + (directory / "d").string()), ContainsSubstring(" is a directory of other files") && ContainsSubstring("dir:" + (directory / "d").string()));
  write_file(directory / "cut.tar", TarBuilder().file("etc/x", std::string(5000, 'x')).bytes().substr(0, 3000));
  CHECK(run_cli({"build", "-q", "-F", out, "tar:" + (directory / "cut.tar").string()}).code == exit_code(ErrorKind::malformed));
  CHECK_THAT(said("docker-archive:" + (directory / "x.tar").string()), ContainsSubstring("holds neither manifest.json nor index.json: it is a tar archive of other files"));
}

TEST_CASE("what is in place of a SIF is called alike by every verb that wants one", "[cli][kinds]") {
  TempDir directory;
  const auto at = [&](const char* name) { return (directory / name).string(); };
  const std::string docker = as_tar(docker_24(small_image()));
  write_file(at("docker.tar"), docker);
  write_file(at("docker.tar.gz"), through("gzip -c", docker));
  write_file(at("layout.tar"), as_tar(oci_layout(small_image())));
  write_file(at("root.tar"), TarBuilder().directory("bin").file("bin/x", "x").bytes());
  write_file(at("other.tar"), TarBuilder().file("notes", "text").bytes());
  REQUIRE(run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", at("key.pem")}).code == 0);
  const std::string build = "\n  hint: 'sifkit build' makes an image of it\n";
  const std::pair<const char*, std::string> files[] = {
      {"docker.tar", "'{}' is a docker archive, a SIF image was expected" + build},
      {"docker.tar.gz", "'{}' is a docker archive, a SIF image was expected" + build},
      {"layout.tar", "'{}' is an OCI archive, a SIF image was expected" + build},
      {"root.tar", "'{}' is the archive of a root file system, a SIF image was expected" + build},
      {"other.tar", "'{}' is a tar archive of other files (it holds 'notes'), a SIF image was expected\n  hint: tar:FILE takes it as a root file system all the same\n"}};
  for (const auto& [name, words] : files) {
    const std::string file = at(name);
    const std::vector<std::vector<std::string>> verbs{
        {"verify", file}, {"sign", "--key", at("key.pem"), file}, {"sif", "list", file}, {"sif", "header", file}, {"sif", "del", "1", file},
        {"sif", "compact", file}, {"sbom", "list", file}, {"ls", "sif:" + file}, {"build", "-q", at("out.sif"), "sif:" + file}};
    for (const auto& verb : verbs) {
      INFO(verb[0] + " " + verb[1]);
      const auto result = run_cli(verb);
      CHECK(result.code == exit_code(ErrorKind::unsupported));
      const auto text = words.substr(0, words.find("{}")) + file + words.substr(words.find("{}") + 2);
      CHECK(result.err == "sifkit: error: " + text);
    }
  }
  CHECK(run_cli({"edit", "--label", "a=b", at("docker.tar")}).err ==
        "sifkit: error: '" + at("docker.tar") + "' is a docker archive, a SIF or squashfs image was expected" + build);
}

TEST_CASE("a layout without its file oci-layout is refused alike from everywhere, with what to do", "[cli][kinds]") {
  TempDir directory;
  const std::string out = (directory / "out.sif").string();
  TestImage image = small_image();
  image.architecture = oci::Platform::host().architecture;
  Members members = oci_layout(image);
  std::erase_if(members, [](const Member& member) { return member.name == "oci-layout"; });
  const std::string bytes = as_tar(members);
  write_file(directory / "x.tar", bytes);
  write_file(directory / "x.tar.gz", through("gzip -c", bytes));
  as_directory(members, directory / "d");
  const std::string tar = (directory / "x.tar").string();
  const std::string unpacked = (directory / "d").string();
  const std::string text =
      ": no oci-layout file: this is no OCI layout\n"
      R"(  hint: if nothing else is missing, make that file beside index.json: printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout)" "\n";
  const auto check = [&](const std::string& name, const CliResult& result) {
    INFO(name);
    CHECK(result.code == exit_code(ErrorKind::malformed));
    CHECK(result.err == "sifkit: error: '" + name + "'" + text);
    CHECK(!std::filesystem::exists(out));
  };
  for (const std::string transport : {"", "oci-archive:"}) {
    check(tar, run_cli({"build", "-q", out, transport + tar}));
    check(tar + ".gz", run_cli({"build", "-q", out, transport + tar + ".gz"}));
    check("standard input", from_pipe(bytes, {"build", "-q", out, transport + "-"}));
    check("standard input", from_redirect(tar, {"build", "-q", out, transport + "-"}));
  }
  for (const std::string transport : {"", "oci:"}) check(unpacked, run_cli({"build", "-q", out, transport + unpacked}));
  check(unpacked, run_cli({"images", unpacked}));

  // What the hint says mends it.
  const auto mended = run_process({"sh", "-c", "cd '" + unpacked + R"(' && printf '{"imageLayoutVersion":"1.0.0"}' > oci-layout)"});
  REQUIRE(mended.code == 0);
  CHECK(run_cli({"build", "-q", out, unpacked}).code == 0);
}

TEST_CASE("an image that was imported in place of loaded is called what it is", "[cli][kinds]") {
  TempDir directory;
  const std::string out = (directory / "out.sif").string();
  write_file(directory / "x.tar", as_tar(docker_24(small_image())));
  const auto result = run_cli({"build", out, "tar:" + (directory / "x.tar").string()});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("the root file system looks like an unpacked docker archive; docker-archive:" + (directory / "x.tar").string() + " or oci-archive:"));
  as_directory(oci_layout(small_image()), directory / "d");
  const auto unpacked = (directory / "d").string();
  CHECK_THAT(run_cli({"build", "-F", out, "dir:" + unpacked}).err, ContainsSubstring("looks like an OCI layout; oci:" + unpacked + " takes the images"));
  CHECK_THAT(run_cli({"build", "-F", out, "docker-archive:" + unpacked}).err, ContainsSubstring("hint: a directory is named with oci:" + unpacked));
}

TEST_CASE("a compression of squashfs that is not read is named", "[cli][kinds]") {
  const TempDir directory;
  const std::string image = (directory / "x.squashfs").string();
  const std::string sif = (directory / "x.sif").string();
  write_file(directory / "x.tar", small_image().layers[0]);
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "x.tar").string()}).code == 0);
  REQUIRE(run_cli({"build", "-q", sif, "tar:" + (directory / "x.tar").string()}).code == 0);
  const std::string sound = read_file(image);
  const std::string sound_sif = read_file(sif);
  const auto partition = sound_sif.find("hsqs");
  REQUIRE(partition != std::string::npos);
  for (const auto& [codec, name] : {std::pair{2, "lzma"}, {3, "lzo"}, {9, "number 9"}}) {
    INFO(name);
    auto bytes = sound;
    bytes[20] = static_cast<char>(codec);
    write_file(image, bytes);
    CHECK_THAT(run_cli({"ls", image}).err, ContainsSubstring("a squashfs image with a compression that is not read (" + std::string(name) + ")"));
    bytes = sound_sif;
    bytes[partition + 20] = static_cast<char>(codec);
    write_file(sif, bytes);
    const auto result = run_cli({"ls", sif});
    CHECK(result.code == exit_code(ErrorKind::unsupported));
    CHECK_THAT(result.err, ContainsSubstring("squashfs: it is compressed by " + std::string(name) + ", which is not read") && ContainsSubstring("unsquashfs unpacks it"));
  }
}

TEST_CASE("a squashfs behind a launch line is read by every verb that reads squashfs", "[cli][kinds]") {
  TempDir directory;
  const std::string plain = (directory / "x.squashfs").string();
  const std::string launched = (directory / "x.img").string();
  write_file(directory / "x.tar", small_image().layers[0]);
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", plain, "tar:" + (directory / "x.tar").string()}).code == 0);
  write_file(launched, std::string(sif::kLaunchScript) + read_file(plain));
  for (const auto& verb : std::vector<std::vector<std::string>>{{"ls", "-R"}, {"inspect", "-e"}, {"inspect", "--json"}}) {
    auto one = verb;
    auto other = verb;
    one.push_back(plain);
    other.push_back(launched);
    const auto expected = run_cli(one);
    CHECK(expected.code == 0);
    CHECK(run_cli(other).code == 0);
    CHECK(run_cli(other).out == expected.out);
  }
  CHECK(run_cli({"cat", launched, "/bin/tool"}).out == run_cli({"cat", plain, "/bin/tool"}).out);
}

TEST_CASE("a root file system that ends between two members may be cut off, and that is said", "[cli][kinds]") {
  const TempDir directory;
  TarBuilder tar;
  tar.directory("bin").add({.name = "bin/tool", .data = program("tool").bytes, .mode = 0755}).file("etc/motd", "hello");
  const auto warnings = [&](const std::string& bytes) {
    write_file(directory / "x.tar", bytes);
    const auto of_file = run_cli({"build", "-F", (directory / "out.sif").string(), (directory / "x.tar").string()});
    const auto of_pipe = from_pipe(bytes, {"build", "-F", (directory / "out.sif").string(), "-"});
    CHECK(of_file.code == 0);
    CHECK(of_pipe.code == 0);
    CHECK((of_file.err.find("[tar-end]") == of_file.err.npos) == (of_pipe.err.find("[tar-end]") == of_pipe.err.npos));
    return of_file.err;
  };
  CHECK_THAT(warnings(tar.without_end()), ContainsSubstring("ends without the mark of its end: it may be cut off") && ContainsSubstring("[tar-end]"));
  CHECK_THAT(warnings(tar.bytes()), !ContainsSubstring("[tar-end]"));
  CHECK_THAT(warnings(tar.without_end() + std::string(512, '\0')), !ContainsSubstring("[tar-end]"));
}

TEST_CASE("a root file system may come out of a backup", "[cli][kinds]") {
  TempDir directory;
  const std::string out = (directory / "out.sif").string();
  const auto build = [&](const TarBuilder& tar) {
    write_file(directory / "x.tar", tar.bytes());
    const auto result = run_cli({"build", "--json", "-F", out, (directory / "x.tar").string()});
    CHECK(result.code == 0);
    return result;
  };
  const auto dump = build(TarBuilder()
                              .add({.name = "etc/", .type = 'D', .data = "Ymotd\0Nold\0Nolder\0\0"s, .mode = 0700})
                              .file("etc/motd", "hello"));
  CHECK_THAT(dump.out, ContainsSubstring("\"tar-incremental\"") && ContainsSubstring("'etc/': 2 of its files are in an earlier dump"));
  CHECK_THAT(run_cli({"ls", out, "/"}).out, ContainsSubstring("etc"));
  CHECK(run_cli({"cat", out, "/etc/motd"}).out == "hello");
  CHECK(Json::parse(run_cli({"ls", "--json", out, "/"}).out)["files"].dump().find(R"("mode":"0700")") != std::string::npos);
  build(TarBuilder().add({.name = "backup of today", .type = 'V'}).file("etc/motd", "label"));
  CHECK(run_cli({"cat", out, "/etc/motd"}).out == "label");
  build(TarBuilder().add({.name = "x", .type = 'X', .data = TarBuilder::record("path", "etc/motd")}).file("short", "solaris"));
  CHECK(run_cli({"cat", out, "/etc/motd"}).out == "solaris");
}
