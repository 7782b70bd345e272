// SPDX-License-Identifier: Apache-2.0
//
// `find`: its expressions are those of find(1).
#include <algorithm>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/shelf.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("find prints paths from where it starts, directories before what is in them", "[cli][find]") {
  const Shelf shelf;
  CHECK(shelf.run("find", {"/data"}).out ==
        "/data\n/data/.hidden\n/data/big\n/data/link\n/data/lost\n/data/null\n/data/sub\n/data/sub/inner\n/data/twin\n");
  CHECK(shelf.run("find", {"data/", "/data/sub/inner"}).out.ends_with("data/twin\n/data/sub/inner\n"));
  CHECK(shelf.run("find", {"/data/link"}).out == "/data/link\n");
  CHECK(shelf.run("find", {"/data/link/", "-maxdepth", "0"}).out == "/data/link/\n");
  CHECK(shelf.run("find", {"/data", "-mindepth", "2"}).out == "/data/sub/inner\n");
  CHECK(shelf.run("find", {"/data", "-maxdepth", "1", "-type", "d"}).out == "/data\n/data/sub\n");
  CHECK(shelf.run("find", {"/data/sub", "-print0"}).out == std::string("/data/sub\0/data/sub/inner\0", 26));
  const auto missing = shelf.run("find", {"/none", "/data/sub"});
  CHECK(missing.code == exit_code(ErrorKind::not_found));
  CHECK(missing.out == "/data/sub\n/data/sub/inner\n");
  const Json record = Json::parse(shelf.run("find", {"--json", "-name", "null"}).out);
  CHECK(record["schema"] == "sifkit/find/v1");
  REQUIRE(record["files"].size() == 1);
  CHECK(record["files"][0]["path"] == "/data/null");
}

TEST_CASE("each test of find finds what it is for", "[cli][find]") {
  const Shelf shelf;
  const auto found = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "/data");
    const auto result = shelf.run("find", words);
    INFO(result.err);
    CHECK(result.code == 0);
    std::string out = result.out;
    std::replace(out.begin(), out.end(), '\n', ' ');
    return out;
  };
  const std::string big = "/data/big /data/twin ";
  CHECK(found({"-name", "*i*", "-type", "f"}) == "/data/.hidden /data/big /data/sub/inner /data/twin ");
  CHECK(found({"-iname", "BIG"}) == "/data/big ");
  CHECK(found({"-path", "/d*r"}) == "/data/sub/inner ");
  CHECK(found({"-path", "/data/*/inner"}) == "/data/sub/inner ");
  CHECK(found({"-ipath", "*/SUB"}) == "/data/sub ");
  CHECK(found({"-lname", "/none*"}) == "/data/lost ");
  CHECK(found({"-type", "l,c"}) == "/data/link /data/lost /data/null ");
  CHECK(found({"-size", "1536c"}) == big);
  CHECK(found({"-size", "3"}) == big);
  CHECK(found({"-size", "2k"}) == big);
  CHECK(found({"-size", "-1c", "-type", "c,d"}) == "/data /data/null /data/sub ");
  CHECK(found({"-size", "+5c", "-size", "-2k"}) == "/data/link /data/lost /data/sub/inner ");
  CHECK(found({"-perm", "4750"}) == big);
  CHECK(found({"-perm", "-u+s"}) == big);
  CHECK(found({"-perm", "/4002", "-type", "f,c"}) == "/data/big /data/null /data/twin ");
  CHECK(found({"-perm", "u=rw,go=r", "-name", "i*"}) == "/data/sub/inner ");
  CHECK(found({"-user", "ada"}) == big);
  CHECK(found({"-user", "1000"}) == big);
  CHECK(found({"-uid", "+999"}) == big);
  CHECK(found({"-gid", "100000"}) == big);
  CHECK(found({"-links", "2", "-type", "f"}) == big);
  CHECK(found({"-newer", "/data/sub"}) == big);
  CHECK(found({"-xattr"}) == "/data/.hidden ");
  CHECK(found({"-xattrname", "user.*"}) == "/data/.hidden ");
  CHECK(found({"-xattrname", "trusted.*"}).empty());
  CHECK(found({"-empty"}).empty());
}

TEST_CASE("tests of find are combined as find combines them", "[cli][find]") {
  const Shelf shelf;
  const auto count = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "/data");
    const auto out = shelf.run("find", words).out;
    return std::count(out.begin(), out.end(), '\n');
  };
  CHECK(count({}) == 9);
  CHECK(count({"!", "-type", "f"}) == 5);
  CHECK(count({"-not", "-not", "-type", "f"}) == 4);
  CHECK(count({"-type", "f", "-o", "-type", "d"}) == 6);
  CHECK(count({"-name", "big", "-o", "-type", "d", "-name", "sub"}) == 2);
  CHECK(count({"(", "-name", "big", "-o", "-type", "d", ")", "-a", "-name", "sub"}) == 1);
  CHECK(count({"!", "(", "-type", "f", "-o", "-type", "d", ")"}) == 3);
  CHECK(count({"--type", "f", "--or", "--type=d"}) == 6);
}

TEST_CASE("what is no expression of find is refused", "[cli][find]") {
  const Shelf shelf;
  const auto refused = [&](const std::vector<std::string>& words) {
    const auto result = shelf.run("find", words);
    CHECK(result.out.empty());
    CHECK(result.code == exit_code(ErrorKind::usage));
    return result.err.substr(0, result.err.find('\n'));
  };
  CHECK(refused({"-o", "-empty"}) == "sifkit: error: expected a test before 'or'");
  CHECK(refused({"-empty", "-o"}) == "sifkit: error: expected a test behind 'or'");
  CHECK(refused({"!"}) == "sifkit: error: expected a test behind 'not'");
  CHECK(refused({"(", "-empty"}) == "sifkit: error: '(' without its ')'");
  CHECK(refused({"-empty", ")"}) == "sifkit: error: ')' without its '('");
  CHECK(refused({"(", ")"}) == "sifkit: error: expected a test before ')'");
  CHECK(refused({"-type", "x"}) == "sifkit: error: --type: expected f, d, l, c, b, p or s, or several with commas between them, got 'x'");
  CHECK(refused({"-type", "fd"}) == "sifkit: error: --type: expected one letter, or several with commas between them, got 'fd'");
  CHECK(refused({"-type", "f,"}) == "sifkit: error: --type: expected one letter, or several with commas between them, got 'f,'");
  CHECK(refused({"-size", "-"}).starts_with("sifkit: error: --size: expected a number"));
  CHECK(refused({"-perm", "8"}).starts_with("sifkit: error: --perm: expected a mode"));
  CHECK(refused({"-perm", "77777"}).starts_with("sifkit: error: --perm: expected a mode"));
  CHECK(refused({"-name", "[a"}) == "sifkit: error: pattern '[a': '[' begins no set");
  CHECK(refused({"-uid", "ada"}) == "sifkit: error: --uid: expected a number, got 'ada'");
  CHECK(refused({"-exec", "rm"}).find("no option '-exec'") != std::string::npos);
  const auto nobody = shelf.run("find", {"-user", "eve"});
  CHECK(nobody.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(nobody.err, ContainsSubstring("--user: 'eve' is not in the image's /etc/passwd"));
}

TEST_CASE("find finds what find(1) does in the same tree", "[cli][find][interop]") {
  if (!has_program("find") || !has_program("unsquashfs")) SKIP_TEST("no find or no unsquashfs");
  const Shelf shelf;
  const std::string root = (shelf.directory / "unpacked").string();
  run_process({"unsquashfs", "-q", "-n", "-no-xattrs", "-d", root, shelf.image}, {"PATH=/usr/bin:/bin"}, true);
  // Sizes and links of directories are those of a file system.
  for (const std::string words :
       {"-name *i*", "! -name *i*", "-type f -o -type l", "( -type f -o -type l ) -size +0", "-perm -4000", "-perm /111",
        "-perm 644", "-perm -u=rw,g=r", "-maxdepth 2", "-mindepth 2 -maxdepth 3 ! -type d", "-path */data/*", "-lname *",
        "-size -2 ! -type d", "-size 1536c", "-size +1k -type f", "-empty -type f", "-links 2 -type f", "-newer /data/link"}) {
    INFO(words);
    std::vector<std::string> ours{"find", shelf.image};
    std::vector<std::string> theirs{"env", "-C", root, "find", "."};
    std::istringstream split(words);
    for (std::string word; split >> word;) {
      ours.push_back(word);
      theirs.push_back(word.starts_with("/data") ? root + word : word);
    }
    const auto sorted = [](const std::string& text, std::size_t skip) {
      std::vector<std::string> lines;
      std::istringstream in(text);
      for (std::string line; std::getline(in, line);) lines.push_back(line == "." ? "/" : line.substr(skip));
      std::sort(lines.begin(), lines.end());
      return lines;
    };
    const auto expected = sorted(run_process(theirs, {"PATH=/usr/bin:/bin", "LC_ALL=C"}, true).out, 1);
    CHECK(sorted(run_cli(ours).out, 0) == expected);
  }
}

TEST_CASE("of a depth that is told twice the last counts, as for find(1)", "[cli][find]") {
  const Shelf shelf;
  CHECK(shelf.run("find", {"-maxdepth", "1", "-maxdepth", "0"}).out == "/\n");
  CHECK(shelf.run("find", {"/data/sub", "-mindepth", "0", "-mindepth", "1"}).out == "/data/sub/inner\n");
}

TEST_CASE("find knows files whose owners the image has no names for", "[cli][find]") {
  const TempDir directory;
  TestImage image;
  image.layers = {TarBuilder()
                      .directory("etc")
                      .file("etc/passwd", "root:x:0:0\n")
                      .file("etc/group", "wheel:x:7:\n")
                      .add({.name = "d/a", .data = "a", .uid = 0, .gid = 7})
                      .add({.name = "d/b", .data = "b", .uid = 7, .gid = 7})
                      .add({.name = "d/c", .data = "c", .uid = 0, .gid = 8})
                      .bytes()};
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  CHECK(run_cli({"find", archive, "/d", "-type", "f", "-nouser"}).out == "/d/b\n");
  CHECK(run_cli({"find", archive, "/d", "-type", "f", "-nogroup"}).out == "/d/c\n");
  CHECK(run_cli({"find", archive, "/d", "-type", "f", "!", "-nouser", "!", "-nogroup"}).out == "/d/a\n");
}
