// SPDX-License-Identifier: Apache-2.0
//
// `ls` and `cat`: what they print follows ls(1) and cat(1).
#include <map>
#include <sstream>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/fault_fixture.h"
#include "support/image_shapes.h"
#include "support/shelf.h"
#include "support/tar_builder.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("ls prints names alone, without hidden ones", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"/data"}).out == "big\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK(shelf.ls({"-1", "/data/"}).out == "big\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK(shelf.ls({"-a", "data"}).out == ".hidden\nbig\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK(shelf.ls({"-A", "data"}).out == shelf.ls({"-a", "data"}).out);
  CHECK_THAT(shelf.ls({}).out, ContainsSubstring("bin\n") && ContainsSubstring("data\n"));
  CHECK_THAT(shelf.ls({"-a"}).out, ContainsSubstring(".singularity.d\n"));
  CHECK(shelf.ls({"/data/sub"}).out == "inner\n");
}

TEST_CASE("ls -l prints what ls -l of the mounted image does, times in UTC", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"-la", "/data"}).out ==
        "-rw-r--r--@ 1 root 0         1 1970-01-01 00:00 .hidden\n"
        "-rwsr-x---  2 ada  100000 1536 1970-01-02 00:00 big\n"
        "lrwxrwxrwx  1 root 0         6 1970-01-01 00:00 link -> ../bin\n"
        "lrwxrwxrwx  1 root 0        12 1970-01-01 00:00 lost -> /none/at/all\n"
        "crw-rw-rw-  1 root 0      1, 3 1970-01-01 00:00 null\n"
        "drwxr-xr-x  2 root 0         0 1970-01-01 00:00 sub\n"
        "-rwsr-x---  2 ada  100000 1536 1970-01-02 00:00 twin\n");
  CHECK(shelf.ls({"-na", "/data"}).out ==
        "-rw-r--r--@ 1 0    0         1 1970-01-01 00:00 .hidden\n"
        "-rwsr-x---  2 1000 100000 1536 1970-01-02 00:00 big\n"
        "lrwxrwxrwx  1 0    0         6 1970-01-01 00:00 link -> ../bin\n"
        "lrwxrwxrwx  1 0    0        12 1970-01-01 00:00 lost -> /none/at/all\n"
        "crw-rw-rw-  1 0    0      1, 3 1970-01-01 00:00 null\n"
        "drwxr-xr-x  2 0    0         0 1970-01-01 00:00 sub\n"
        "-rwsr-x---  2 1000 100000 1536 1970-01-02 00:00 twin\n");
  CHECK(shelf.ls({"-lh", "/data/big"}).out == "-rwsr-x--- 2 ada 100000 1.5K 1970-01-02 00:00 /data/big\n");
  CHECK(shelf.ls({"-ln", "/data/big"}).out == shelf.ls({"-n", "/data/big"}).out);
}

TEST_CASE("owners are called as the image calls them, whatever source it is", "[cli][ls]") {
  TempDir directory;
  TestImage image = small_image();
  image.layers = {TarBuilder()
                      .directory("etc")
                      .file("etc/passwd", "\n:x:1:\nroot:x:0:0\nrun\x1b[2J:x:7:7::/:\nagain:x:0:0\nbad:x:eight:\nlast:x:9")
                      .symlink("etc/group", "../lib/group")
                      .directory("lib")
                      .file("lib/group", "wheel:x:0:root\nrunners:x:7:\n")
                      .add({.name = "a", .data = "a", .uid = 0, .gid = 7})
                      .add({.name = "b", .data = "b", .uid = 7, .gid = 0})
                      .add({.name = "c", .data = "c", .uid = 9, .gid = 8})
                      .bytes()};
  write_file(directory / "app.tar", as_tar(docker_24(image)));
  const auto archive = (directory / "app.tar").string();
  const auto sif = (directory / "app.sif").string();
  REQUIRE(run_cli({"build", "-q", sif, archive}).code == 0);
  for (const auto& source : {archive, sif}) {
    INFO(source);
    CHECK(run_cli({"ls", "-l", source, "/a", "/b", "/c"}).out ==
          "-rw-r--r-- 1 root       runners 1 1970-01-01 00:00 /a\n"
          "-rw-r--r-- 1 run\\x1b[2J wheel   1 1970-01-01 00:00 /b\n"
          "-rw-r--r-- 1 last       8       1 1970-01-01 00:00 /c\n");
    CHECK_THAT(run_cli({"stat", source, "/a"}).out, ContainsSubstring("\nowner: 0:7 (root:runners)\n"));
    CHECK_THAT(run_cli({"stat", source, "/c"}).out, ContainsSubstring("\nowner: 9:8 (last:8)\n"));
    const Json record = Json::parse(run_cli({"ls", "--json", "-l", source, "/a"}).out)["files"][0];
    CHECK(record["uid"] == 0);
    CHECK(record["gid"] == 7);
  }
}

TEST_CASE("ls marks kinds with -F, and with -i names of one file have one number", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"-F", "/data"}).out == "big*\nlink@\nlost@\nnull\nsub/\ntwin*\n");
  CHECK_THAT(shelf.ls({"-lF", "/data"}).out, ContainsSubstring(" link -> ../bin\n") && ContainsSubstring(" sub/\n") && ContainsSubstring(" big*\n"));
  std::map<std::string, std::string> numbers;
  std::istringstream lines(shelf.ls({"-i", "/data"}).out);
  for (std::string number, name; lines >> number >> name;) numbers[name] = number;
  REQUIRE(numbers.size() == 6);
  CHECK(numbers.at("big") == numbers.at("twin"));
  CHECK(numbers.at("big") != numbers.at("sub"));
  CHECK(shelf.ls({"-id", "/data/big"}).out == numbers.at("big") + " /data/big\n");
}

TEST_CASE("ls shows a file or, with -d or -l, a link itself, and the directory that a link leads to", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"/data/big"}).out == "/data/big\n");
  CHECK(shelf.ls({"-d", "/data", "/data/sub"}).out == "/data\n/data/sub\n");
  CHECK_THAT(shelf.ls({"-ld", "/data"}).out, ContainsSubstring("drwxr-xr-x") && ContainsSubstring(" /data\n"));
  CHECK(shelf.ls({"/data/link"}).out == shelf.ls({"/bin"}).out);
  CHECK_THAT(shelf.ls({"-l", "/data/link"}).out, ContainsSubstring(" 6 ") && ContainsSubstring("/data/link -> ../bin\n"));
  CHECK(shelf.ls({"-l", "/data/link/"}).out == shelf.ls({"-l", "/bin"}).out);
  CHECK(shelf.ls({"/data/lost"}).out == "/data/lost\n");
  const auto file = shelf.ls({"/data/big/"});
  CHECK(file.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(file.err, ContainsSubstring("'/data/big/' is not a directory"));
}

TEST_CASE("ls takes several paths, files first, and one that fails stops no other", "[cli][ls]") {
  const Shelf shelf;
  const auto result = shelf.ls({"/data/sub", "/none", "/data/big", "/data/sub"});
  CHECK(result.code == exit_code(ErrorKind::not_found));
  CHECK(result.out == "/data/big\n\n/data/sub:\ninner\n\n/data/sub:\ninner\n");
  CHECK_THAT(result.err, ContainsSubstring("'/none' is not in the image"));
  CHECK(shelf.ls({"-R", "/data"}).out == "/data:\nbig\nlink\nlost\nnull\nsub\ntwin\n\n/data/sub:\ninner\n");
}

TEST_CASE("ls --json has everything, a link's length too", "[cli][ls]") {
  const Shelf shelf;
  const Json record = Json::parse(shelf.ls({"--json", "-R", "/data"}).out);
  CHECK(record["schema"] == "sifkit/ls/v1");
  std::map<std::string, Json> files;
  for (const auto& file : record["files"]) files[file["path"]] = file;
  CHECK(files.size() == 8);
  CHECK(files.at("/data/link")["size"] == 6);
  CHECK(files.at("/data/link")["target"] == "../bin");
  CHECK(files.at("/data/.hidden")["xattrs_hex"]["user.note"] == "78");
  CHECK(files.at("/data/big")["links"] == 2);
  CHECK(files.at("/data/big")["device"] == nullptr);
  CHECK(files.at("/data/null")["device"] == Json{{"major", 1}, {"minor", 3}});
}

TEST_CASE("bytes that are no UTF-8 are in JSON, too", "[cli][ls]") {
  const TempDir directory;
  const std::string odd("\xff\xfe");
  write_file(directory / "root.tar",
             TarBuilder().directory("bin").file(odd, "x").file("bin/\xfe\xff", "y").symlink("bin/l", odd).bytes());
  const std::string image = (directory / "x.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "root.tar").string()}).code == 0);
  std::map<std::string, Json> files;
  const Json listed = Json::parse(run_cli({"ls", "--json", "-R", image}).out);
  for (const auto& file : listed["files"]) {
    files[file.contains("path_hex") ? file["path_hex"] : file["path"]] = file;
  }
  CHECK(files.contains("2ffffe"));
  CHECK(files.contains("2f62696e2ffeff"));
  CHECK(files.at("/bin/l")["target_hex"] == "fffe");
  CHECK_FALSE(files.at("/bin")["xattrs_hex"].contains("path_hex"));
  CHECK_FALSE(files.at("/bin").contains("path_hex"));
}

TEST_CASE("ls sorts by size and by time, and the other way around", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"-S", "/data"}).out == "big\ntwin\nlost\nlink\nnull\nsub\n");
  CHECK(shelf.ls({"-Sr", "/data"}).out == "sub\nnull\nlink\nlost\ntwin\nbig\n");
  CHECK(shelf.ls({"-t", "/data"}).out == "big\ntwin\nlink\nlost\nnull\nsub\n");
  CHECK(shelf.ls({"-r1", "/data"}).out == "twin\nsub\nnull\nlost\nlink\nbig\n");
  // The last one counts.
  CHECK(shelf.ls({"-S", "-t", "/data"}).out == shelf.ls({"-t", "/data"}).out);
  CHECK(shelf.ls({"-tS", "/data"}).out == shelf.ls({"-S", "/data"}).out);
  CHECK(shelf.ls({"-S", "-t", "-S", "-r", "/data"}).out == shelf.ls({"-Sr", "/data"}).out);
}

TEST_CASE("sizes with -h are rounded up, as ls does", "[cli][ls]") {
  TempDir directory;
  TarBuilder tar;
  const std::vector<std::pair<std::size_t, std::string>> sizes{{1023, "1023"}, {1024, "1.0K"}, {1025, "1.1K"}, {10137, "9.9K"}, {10240, "10K"}, {10241, "11K"}, {1047553, "1.0M"}, {1048577, "1.1M"}};
  tar.directory("bin");
  for (const auto& [size, text] : sizes) tar.file("bin/" + std::to_string(size), std::string(size, 'x'));
  write_file(directory / "root.tar", tar.bytes());
  const auto image = (directory / "x.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "root.tar").string()}).code == 0);
  for (const auto& [size, text] : sizes) {
    INFO(size);
    CHECK_THAT(run_cli({"ls", "-lh", image, "/bin/" + std::to_string(size)}).out, ContainsSubstring(" " + text + " 1970"));
  }
}

TEST_CASE("cat takes several paths, and one that fails stops no other", "[cli][cat]") {
  const Shelf shelf;
  const auto result = run_cli({"cat", shelf.image, "/data/sub/inner", "/none", "/data", "/data/.hidden"});
  CHECK(result.out == "inner\nh");
  CHECK(result.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(result.err, ContainsSubstring("'/none' is not in the image") && ContainsSubstring("'/data' is a directory, not a regular file"));
}

TEST_CASE("stat says all of a file, of links only where it is told to what they lead to", "[cli][stat]") {
  const Shelf shelf;
  CHECK(shelf.run("stat", {"/data/twin", "/data/link", "/data/null", "/data/.hidden"}).out ==
        "path: /data/twin\ntype: regular\nmode: 4750 (-rwsr-x---)\nowner: 1000:100000 (ada:100000)\nsize: 1536\n"
        "modified: 1970-01-02 00:00:00 UTC (86400)\nlinks: 2\n\n"
        "path: /data/link\ntype: symlink\ntarget: ../bin\nmode: 0777 (lrwxrwxrwx)\nowner: 0:0 (root:0)\nsize: 6\n"
        "modified: 1970-01-01 00:00:00 UTC (0)\nlinks: 1\n\n"
        "path: /data/null\ntype: char_device\nmode: 0666 (crw-rw-rw-)\nowner: 0:0 (root:0)\ndevice: 1, 3\n"
        "modified: 1970-01-01 00:00:00 UTC (0)\nlinks: 1\n\n"
        "path: /data/.hidden\ntype: regular\nmode: 0644 (-rw-r--r--)\nowner: 0:0 (root:0)\nsize: 1\n"
        "modified: 1970-01-01 00:00:00 UTC (0)\nlinks: 1\nattribute: user.note = x\n");
  CHECK_THAT(shelf.run("stat", {"-L", "/data/link"}).out, ContainsSubstring("type: directory\n"));
  const auto result = shelf.run("stat", {"--json", "/none", "/data/big"});
  CHECK(result.code == exit_code(ErrorKind::not_found));
  const Json record = Json::parse(result.out);
  CHECK(record["schema"] == "sifkit/stat/v1");
  REQUIRE(record["files"].size() == 1);
  CHECK(record["files"][0]["layer"] == nullptr);
  CHECK(record["files"][0]["mode"] == "4750");
}

TEST_CASE("readlink prints targets, and with -f where a path really is", "[cli][readlink]") {
  const Shelf shelf;
  CHECK(shelf.run("readlink", {"/data/link", "data/lost"}).out == "../bin\n/none/at/all\n");
  CHECK(shelf.run("readlink", {"-f", "/data/link", "/data/../data/link/../data/big", "/"}).out == "/bin\n/data/big\n/\n");
  CHECK(shelf.run("readlink", {"-n", "/data/link"}).out == "../bin");
  const auto none = shelf.run("readlink", {"/data/big"});
  CHECK(none.code == exit_code(ErrorKind::usage));
  CHECK_THAT(none.err, ContainsSubstring("'/data/big' is a regular file, not a symbolic link"));
  CHECK(shelf.run("readlink", {"-f", "/data/lost"}).code == exit_code(ErrorKind::not_found));
  CHECK(Json::parse(shelf.run("readlink", {"--json", "/data/link"}).out)["links"] ==
        Json::array({{{"path", "/data/link"}, {"target", "../bin"}}}));
}

TEST_CASE("where a path leads to nothing, the link that leads there is told", "[cli][cat][readlink]") {
  const TempDir directory;
  write_file(directory / "root.tar", TarBuilder()
                                         .directory("etc")
                                         .file("etc/motd", "hello\n")
                                         .symlink("lost", "etc/none")
                                         .symlink("here", "there")
                                         .symlink("there", "here")
                                         .bytes());
  const auto source = "tar:" + (directory / "root.tar").string();
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"cat"}, {"readlink", "-f"}, {"stat", "-L"}}) {
    INFO(verb[0]);
    const auto said = [&](const std::string& path) {
      auto words = verb;
      words.insert(words.end(), {source, path});
      const auto result = run_cli(words);
      CHECK(result.code == exit_code(ErrorKind::not_found));
      return result.err;
    };
    CHECK_THAT(said("/lost"), ContainsSubstring("'/lost' leads over the link '/lost' to '/etc/none', which is not in the image"));
    CHECK_THAT(said("/here"), ContainsSubstring("'/here': the links on the way lead in a circle or are too many"));
    CHECK_THAT(said("/none"), ContainsSubstring("'/none' is not in the image"));
  }
  const auto slash = run_cli({"cat", source, "/etc/motd/"});
  CHECK(slash.code == exit_code(ErrorKind::not_found));
  CHECK(slash.out.empty());
  CHECK_THAT(slash.err, ContainsSubstring("'/etc/motd/' is not a directory"));
}

TEST_CASE("an empty path is none, not the root", "[cli][ls][cat][find][du][cp][tar]") {
  const Shelf shelf;
  for (const std::string verb : {"ls", "cat", "stat", "readlink", "find", "du", "tar"}) {
    INFO(verb);
    const auto refused = shelf.run(verb, {""});
    CHECK(refused.code == exit_code(ErrorKind::usage));
    CHECK_THAT(refused.err, ContainsSubstring("a path is empty"));
  }
  CHECK(shelf.run("cp", {"", (shelf.directory / "out").string()}).code == exit_code(ErrorKind::usage));
}

TEST_CASE("a slash at the end of a path is that of a directory, for every verb", "[cli][ls][cat][stat][find][du][cp][tar]") {
  const Shelf shelf;
  for (const std::string verb : {"ls", "cat", "stat", "find", "du", "tar", "cp"}) {
    INFO(verb);
    std::vector<std::string> args{"/etc/passwd/"};
    if (verb == "cp") args.push_back((shelf.directory / "copy").string());
    const auto result = shelf.run(verb, args);
    CHECK(result.code == exit_code(ErrorKind::not_found));
    CHECK_THAT(result.err, ContainsSubstring("'/etc/passwd/' is not a directory"));
  }
  CHECK(shelf.run("stat", {"/data/link/"}).out.starts_with("path: /data/link/\ntype: directory\n"));
}

TEST_CASE("directories have as many links as in a file system, whatever the source", "[cli][ls][stat][find]") {
  const Shelf shelf;
  for (const auto& source : {shelf.image, "tar:" + shelf.archive}) {
    INFO(source);
    CHECK(run_cli({"find", source, "/bin", "/data", "-links", "2", "-type", "d"}).out == "/bin\n/data/sub\n");
    CHECK(run_cli({"find", source, "/bin", "/data", "-links", "3"}).out == "/data\n");
    for (const auto& [path, links] : std::vector<std::pair<std::string, int>>{{"/data", 3}, {"/bin", 2}}) {
      CHECK(parse_json(run_cli({"stat", "--json", source, path}).out, "record")["files"][0]["links"] == links);
      CHECK(parse_json(run_cli({"ls", "-d", "--json", source, path}).out, "record")["files"][0]["links"] == links);
    }
  }
}

TEST_CASE("output that nobody takes is lost, which is an error", "[cli][cat][ls]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../app.tar").code == 0);
  for (const std::string verb : {"cat app.sif /bin/tool", "ls app.sif", "version", "--help"}) {
    INFO(verb);
    const auto lost = fixture.shell("$SIFKIT " + verb + " >&-");
    CHECK(lost.code == exit_code(ErrorKind::io));
    CHECK_THAT(lost.err, ContainsSubstring("write to standard output: "));
  }
}
