// SPDX-License-Identifier: Apache-2.0
//
// `tar` and `cp`: what comes out of an image is what is in it, and nothing goes elsewhere.
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/run_process.h"
#include "support/shelf.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

struct stat status_of(const fs::path& path) {
  struct stat status {};
  CHECK(::lstat(path.c_str(), &status) == 0);
  return status;
}

std::size_t entries_of(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

}  // namespace

TEST_CASE("tar gives an archive that makes the same image again", "[cli][tar]") {
  const Shelf shelf;
  const auto archive = shelf.run("tar", {});
  CHECK(archive.code == 0);
  CHECK(archive.err.empty());
  CHECK(shelf.run("tar", {}).out == archive.out);
  CHECK(archive.out.find("hdrcharset") == std::string::npos);
  write_file(shelf.directory / "again.tar", archive.out);
  const std::string again = (shelf.directory / "again.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", again, "tar:" + (shelf.directory / "again.tar").string()}).code == 0);
  CHECK(run_cli({"ls", "--json", "-R", again}).out == shelf.ls({"--json", "-R"}).out);
  CHECK(run_cli({"cat", again, "/data/twin"}).out == std::string(1536, 'b'));
}

TEST_CASE("tar of a path has that and nothing of the directories on the way", "[cli][tar]") {
  const Shelf shelf;
  if (!has_program("tar")) SKIP_TEST("no tar");
  const auto result = shelf.run("tar", {"/data/sub", "/none", "/data/twin"});
  CHECK(result.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(result.err, ContainsSubstring("'/none' is not in the image"));
  write_file(shelf.directory / "part.tar", result.out);
  CHECK(run_process({"tar", "-tf", (shelf.directory / "part.tar").string()}, {"PATH=/usr/bin:/bin"}, true).out ==
        "data/sub/\ndata/twin\ndata/sub/inner\n");
  CHECK(shelf.run("tar", {"/"}).out == shelf.run("tar", {}).out);
}

TEST_CASE("cp copies files, links and directories", "[cli][cp]") {
  const Shelf shelf;
  const auto out = shelf.directory / "out";
  fs::create_directory(out);
  const auto copied = shelf.run("cp", {"/data/big", "/data/link", "/data/sub/", "/data/.hidden", out.string()});
  INFO(copied.err);
  CHECK(copied.code == 0);
  CHECK(entries_of(out) == 4);
  CHECK(read_file(out / "big") == std::string(1536, 'b'));
  CHECK(status_of(out / "big").st_mtime == 86400);
  const bool root = ::geteuid() == 0;
  CHECK((status_of(out / "big").st_mode & 07777) == (root ? 04750u : 0750u));
  if (root) CHECK(status_of(out / "big").st_uid == 1000);
  CHECK(fs::read_symlink(out / "link") == "../bin");
  CHECK(read_file(out / "sub" / "inner") == "inner\n");

  REQUIRE(shelf.run("cp", {"/data/sub/inner", (out / "new name").string()}).code == 0);
  CHECK(read_file(out / "new name") == "inner\n");
  REQUIRE(shelf.run("cp", {"-L", "/data/link", (out / "bin").string()}).code == 0);
  CHECK(fs::is_directory(fs::symlink_status(out / "bin")));
  REQUIRE(shelf.run("cp", {"-q", "/data", (out / "tree").string()}).code == 0);
  CHECK(status_of(out / "tree" / "big").st_ino == status_of(out / "tree" / "twin").st_ino);
  CHECK(fs::read_symlink(out / "tree" / "lost") == "/none/at/all");
  const Json record = Json::parse(shelf.run("cp", {"--json", "/bin", (out / "j").string()}).out);
  CHECK(record["schema"] == "sifkit/cp/v1");
  CHECK(record["files"] == Json::array({{{"path", "/bin"}, {"target", (out / "j").string()}}}));
}

TEST_CASE("cp writes files to standard output where - is said", "[cli][cp]") {
  const Shelf shelf;
  const auto result = shelf.run("cp", {"/data/sub/inner", "/data/.hidden", "-"});
  CHECK(result.out == "inner\nh");
  CHECK(result.code == 0);
  CHECK_FALSE(fs::exists("-"));
  const auto refused = shelf.run("cp", {"/data/sub", "-"});
  CHECK(refused.code == exit_code(ErrorKind::usage));
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, ContainsSubstring("'/data/sub' is a directory, not a regular file\n  hint: 'sifkit tar SRC PATH' writes an archive of a directory\n"));
  CHECK(shelf.run("cp", {"--json", "/data/big", "-"}).code == exit_code(ErrorKind::usage));
}

TEST_CASE("who owns a file gets a copy that lends nobody rights, and no word of owners", "[cli][cp]") {
  const TempDir directory;
  const auto uid = ::geteuid() == 0 ? 4321u : ::geteuid();
  const auto gid = ::geteuid() == 0 ? 4321u : ::getegid();
  write_file(directory / "root.tar", TarBuilder()
                                         .directory("bin")
                                         .add({.name = "bin/mine", .data = "mine", .mode = 04755, .uid = uid, .gid = gid})
                                         .add({.name = "bin/other", .data = "other", .mode = 04755, .uid = uid + 1, .gid = gid})
                                         .add({.name = "bin/null", .type = '3', .mode = 0666, .major = 1, .minor = 3})
                                         .bytes());
  const auto image = (directory / "x.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "root.tar").string()}).code == 0);
  fs::create_directory(directory / "out");
  fs::permissions(directory.path(), fs::perms::all);
  fs::permissions(directory / "out", fs::perms::all);
  const auto pid = ::fork();
  if (pid == 0) {
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(gid) != 0 || ::setuid(uid) != 0)) ::_exit(99);
    const auto mine = run_cli({"cp", image, "/bin/mine", (directory / "out/mine").string()});
    const auto other = run_cli({"cp", image, "/bin/other", (directory / "out/other").string()});
    const bool told = other.err.find("is not kept [owner-dropped]") != std::string::npos;
    const auto both = run_cli({"cp", image, "/bin", (directory / "out/bin").string()});
    const bool named = both.err.find("'/bin/null': only the machine's root ") != std::string::npos;
    ::_exit(mine.code != 0 || other.code != 0 || both.code != 0 ? 1 : !mine.err.empty() ? 2 : !told ? 3 : !named ? 4 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK((status_of(directory / "out/mine").st_mode & 07777) == 0755u);
  CHECK(status_of(directory / "out/mine").st_uid == uid);
  CHECK((status_of(directory / "out/other").st_mode & 07777) == 0755u);
}

TEST_CASE("cp leaves alone what is there, unless it is told", "[cli][cp]") {
  const Shelf shelf;
  const auto there = shelf.directory / "there";
  write_file(there, "old");
  for (const std::string path : {"/data/big", "/data/link", "/data/sub"}) {
    INFO(path);
    const auto refused = shelf.run("cp", {path, there.string()});
    CHECK(refused.code == exit_code(ErrorKind::exists));
    CHECK_THAT(refused.err, ContainsSubstring("'" + path + "': '" + there.string() + "' "));
    CHECK(read_file(there) == "old");
  }
  // No directory takes the place of a file, so nothing is said of --force, which would not help.
  const auto over = shelf.run("cp", {"/data/sub", there.string()});
  CHECK(over.err.ends_with("is no directory and is not replaced by one\n"));
  CHECK(shelf.run("cp", {"-F", "/data/sub/inner", there.string()}).code == 0);
  CHECK(read_file(there) == "inner\n");
  CHECK(shelf.run("cp", {"-F", "/data/link", there.string()}).code == 0);
  CHECK(fs::read_symlink(there) == "../bin");
  // A link is not followed, whatever it leads to.
  const auto victim = shelf.directory / "victim";
  write_file(victim, "mine");
  fs::remove(there);
  fs::create_symlink(victim, there);
  CHECK(shelf.run("cp", {"/data/sub/inner", there.string()}).code != 0);
  CHECK(shelf.run("cp", {"-F", "/data/sub/inner", there.string()}).code != 0);
  CHECK(read_file(victim) == "mine");
  CHECK(fs::is_symlink(there));
}

TEST_CASE("cp refuses what it cannot copy, and goes on", "[cli][cp]") {
  const Shelf shelf;
  const auto out = shelf.directory / "out";
  fs::create_directory(out);
  const auto result = shelf.run("cp", {"/none", "/data/null", "/", "/data/sub/inner", out.string()});
  CHECK(result.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(result.err, ContainsSubstring("'/none' is not in the image") &&
                             ContainsSubstring("'/data/null': a device, a pipe or a socket is copied only with") &&
                             ContainsSubstring("the root has no name of its own"));
  CHECK(entries_of(out) == 1);
  CHECK(shelf.run("cp", {"/data/big", "/data/sub", (out / "none").string()}).code == exit_code(ErrorKind::not_found));
  CHECK(shelf.run("cp", {"/data/big", (out / "none/").string()}).code == exit_code(ErrorKind::not_found));
  CHECK(shelf.run("cp", {"/data/big", (out / "none" / "x").string()}).code == exit_code(ErrorKind::not_found));
  const auto alone = shelf.run("cp", {"/data/big"});
  CHECK(alone.code == exit_code(ErrorKind::usage));
  CHECK(alone.err == "sifkit: error: expected a PATH of the image and a DEST\n  hint: sifkit cp SRC PATH... DEST\n");
  CHECK(entries_of(out) == 1);
}

TEST_CASE("a directory becomes the one that DEST names with a slash", "[cli][cp]") {
  const Shelf shelf;
  REQUIRE(shelf.run("cp", {"/data/sub", (shelf.directory / "new/").string()}).code == 0);
  CHECK(read_file(shelf.directory / "new/inner") == "inner\n");
}

TEST_CASE("capabilities leave an image under the kernel's name", "[cli][cp][tar]") {
  const TempDir directory;
  // VFS_CAP_REVISION_2, CAP_NET_RAW permitted and effective.
  const std::string value("\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const auto archive = "tar:" + (directory / "root.tar").string();
  write_file(directory / "root.tar",
             TarBuilder()
                 .directory("bin")
                 .add({.name = "bin/ping", .data = "p", .mode = 0755, .pax = {{"SCHILY.xattr.security.capability", value}}})
                 .bytes());
  const std::string image = (directory / "x.sif").string();
  REQUIRE(run_cli({"build", "-q", image, archive}).code == 0);
  CHECK(run_cli({"tar", image, "/bin"}).out == run_cli({"tar", archive, "/bin"}).out);
  CHECK_THAT(run_cli({"stat", image, "/bin/ping"}).out, ContainsSubstring("user.sifkit.cap"));

  REQUIRE(run_cli({"cp", image, "/bin", (directory / "tree").string()}).code == 0);
  REQUIRE(run_cli({"cp", image, "/bin/ping", (directory / "ping").string()}).code == 0);
  const char* name = ::geteuid() == 0 ? "security.capability" : "user.sifkit.cap";
  for (const auto& path : {directory / "tree/ping", directory / "ping"}) {
    char found[64];
    const auto size = ::getxattr(path.c_str(), name, found, sizeof found);
    if (size < 0 && errno == ENOTSUP) SKIP_TEST("no attributes on this file system");
    CHECK(std::string(found, size < 0 ? 0 : static_cast<std::size_t>(size)) == value);
    CHECK(::listxattr(path.c_str(), found, sizeof found) == static_cast<ssize_t>(std::strlen(name) + 1));
  }
}

TEST_CASE("holes stay holes in what cp writes", "[cli][cp]") {
  const TempDir directory;
  write_file(directory / "root.tar", TarBuilder().directory("bin").file("bin/hole", std::string(8u << 20, '\0') + "end").bytes());
  const std::string image = (directory / "x.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, "tar:" + (directory / "root.tar").string()}).code == 0);
  REQUIRE(run_cli({"cp", image, "/bin/hole", (directory / "hole").string()}).code == 0);
  CHECK(fs::file_size(directory / "hole") == (8u << 20) + 3);
  CHECK(status_of(directory / "hole").st_blocks * 512 < 1 << 20);
}
