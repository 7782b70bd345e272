// SPDX-License-Identifier: Apache-2.0
//
// `ls` and `cat`: what they print follows ls(1) and cat(1).
#include <map>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/tar_builder.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct Shelf {
  TempDir directory;
  std::string image = (directory / "app.sqfs").string();

  Shelf() {
    write_file(directory / "root.tar", TarBuilder()
                                        .directory("bin")
                                        .directory("data")
                                        .add({.name = "data/big", .data = std::string(1536, 'b'), .mode = 04750, .uid = 1000, .gid = 100000, .mtime = 86400})
                                        .add({.name = "data/.hidden", .data = "h", .pax = {{"SCHILY.xattr.user.note", "x"}}})
                                        .hard_link("data/twin", "data/big")
                                        .symlink("data/link", "../bin")
                                        .symlink("data/lost", "/none/at/all")
                                        .add({.name = "data/null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
                                        .directory("data/sub")
                                        .file("data/sub/inner", "inner\n")
                                        .bytes());
    const auto built = run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "root.tar").string()});
    INFO(built.err);
    REQUIRE(built.code == 0);
  }

  CliResult ls(std::vector<std::string> args) const {
    args.insert(args.begin(), {"ls", image});
    return run_cli(args);
  }
};

}  // namespace

TEST_CASE("ls prints names alone, without hidden ones", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"/data"}).out == "big\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK(shelf.ls({"-1", "/data/"}).out == "big\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK(shelf.ls({"-a", "data"}).out == ".hidden\nbig\nlink\nlost\nnull\nsub\ntwin\n");
  CHECK_THAT(shelf.ls({}).out, ContainsSubstring("bin\n") && ContainsSubstring("data\n"));
  CHECK_THAT(shelf.ls({"-a"}).out, ContainsSubstring(".singularity.d\n"));
  CHECK(shelf.ls({"/data/sub"}).out == "inner\n");
}

TEST_CASE("ls -l prints what ls -ln of the mounted image does, times in UTC", "[cli][ls]") {
  const Shelf shelf;
  CHECK(shelf.ls({"-la", "/data"}).out ==
        "-rw-r--r--@ 1 0    0         1 1970-01-01 00:00 .hidden\n"
        "-rwsr-x---  2 1000 100000 1536 1970-01-02 00:00 big\n"
        "lrwxrwxrwx  1 0    0         6 1970-01-01 00:00 link -> ../bin\n"
        "lrwxrwxrwx  1 0    0        12 1970-01-01 00:00 lost -> /none/at/all\n"
        "crw-rw-rw-  1 0    0      1, 3 1970-01-01 00:00 null\n"
        "drwxr-xr-x  1 0    0         0 1970-01-01 00:00 sub\n"
        "-rwsr-x---  2 1000 100000 1536 1970-01-02 00:00 twin\n");
  CHECK(shelf.ls({"-lh", "/data/big"}).out == "-rwsr-x--- 2 1000 100000 1.5K 1970-01-02 00:00 /data/big\n");
  CHECK(shelf.ls({"-n", "/data/big"}).out == shelf.ls({"-l", "/data/big"}).out);
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
