// SPDX-License-Identifier: Apache-2.0
//
// Directories as output, by `build --sandbox` and `cp`: for an ordinary user as for root.
#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/unfinished.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/fault_fixture.h"
#include "support/tar_builder.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kOrdinary = 65534;  ///< who root becomes for a command

/// A directory that everybody may write to, and commands run there by an ordinary user.
struct SandboxFixture {
  TempDir directory;
  fs::path out = directory / "out";
  std::string archive = "tar:" + (directory / "root.tar").string();

  SandboxFixture() {
    fs::create_directory(out);
    for (const auto& path : {directory.path(), out}) fs::permissions(path, fs::perms::all);
  }
  ~SandboxFixture() { remove_tree(out); }  // directories without the right to write, too

  void write_archive(unsigned root_mode) const {
    write_file(directory / "root.tar",
               TarBuilder()
                   .directory(".", root_mode)
                   .directory("bin")
                   .add({.name = "bin/as-owner", .data = "o", .mode = 04755, .uid = 1234, .gid = 1234})
                   .add({.name = "bin/as-group", .data = "g", .mode = 02755, .uid = 1234, .gid = 1234})
                   .add({.name = "closed/", .type = '5', .mode = 0555, .mtime = 86400})
                   .file("closed/inner", "inner\n")
                   .bytes());
  }

  CliResult run_as_user(const std::vector<std::string>& args) const {
    const fs::path said = directory / "said";
    fs::remove(said);
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 99;
      try {
        const bool root = ::geteuid() == 0;
        if (!root || (::setgroups(0, nullptr) == 0 && ::setgid(kOrdinary) == 0 && ::setuid(kOrdinary) == 0)) {
          const auto result = run_cli(args);
          write_file(said, result.err);
          code = result.code;
        }
      } catch (...) {
        code = 98;
      }
      ::_exit(code);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), {}, fs::exists(said) ? read_file(said) : std::string()};
  }

  std::string at(const std::string& name) const { return (out / name).string(); }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(out)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
};

struct stat sandbox_status(const fs::path& path) {
  struct stat status {};
  CHECK(::lstat(path.c_str(), &status) == 0);
  return status;
}

unsigned sandbox_mode(const fs::path& path) { return sandbox_status(path).st_mode & 07777; }

}  // namespace

TEST_CASE("an ordinary user gets a directory that its owner may not write to", "[cli][sandbox]") {
  const SandboxFixture fixture;
  fixture.write_archive(0555);
  for (const std::string option : {"-q", "--force"}) {  // the second time it replaces such a one, too
    const auto result = fixture.run_as_user({"build", option, "--sandbox", fixture.at("box"), fixture.archive});
    INFO(option << ": " << result.err);
    CHECK(result.code == 0);
    CHECK(sandbox_mode(fixture.out / "box") == 0555u);
    CHECK(read_file(fixture.out / "box/closed/inner") == "inner\n");
    CHECK(fixture.names() == std::vector<std::string>{"box"});
  }
}

TEST_CASE("an ordinary user copies a directory that its owner may not write to", "[cli][sandbox][cp]") {
  const SandboxFixture fixture;
  fixture.write_archive(0755);
  const std::string image = (fixture.directory / "x.sqfs").string();
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", image, fixture.archive}).code == 0);
  for (const std::string option : {"-q", "--force"}) {
    const auto result = fixture.run_as_user({"cp", option, image, "/closed", fixture.out.string()});
    INFO(option << ": " << result.err);
    CHECK(result.code == 0);
    CHECK(sandbox_mode(fixture.out / "closed") == 0555u);
    CHECK(sandbox_status(fixture.out / "closed").st_mtime == 86400);
    CHECK(read_file(fixture.out / "closed/inner") == "inner\n");
    CHECK(fixture.names() == std::vector<std::string>{"closed"});
  }
}

TEST_CASE("a directory whose owners are not kept lends nobody rights", "[cli][sandbox]") {
  const SandboxFixture fixture;
  fixture.write_archive(0755);
  const auto result = fixture.run_as_user({"build", "--sandbox", fixture.at("box"), fixture.archive});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("owners, and with them setuid and setgid of files, are not kept"));
  CHECK(sandbox_mode(fixture.out / "box/bin/as-owner") == 0755u);
  CHECK(sandbox_mode(fixture.out / "box/bin/as-group") == 0755u);
  if (::geteuid() != 0) SKIP_TEST("only root keeps owners");
  REQUIRE(run_cli({"build", "-q", "--sandbox", fixture.at("kept"), fixture.archive}).code == 0);
  CHECK(sandbox_status(fixture.out / "kept/bin/as-owner").st_uid == 1234);
  CHECK(sandbox_mode(fixture.out / "kept/bin/as-owner") == 04755u);
  CHECK(sandbox_mode(fixture.out / "kept/bin/as-group") == 02755u);
}

TEST_CASE("what cannot be removed of a directory that was replaced is named", "[cli][sandbox]") {
  const SandboxFixture fixture;
  fixture.write_archive(0755);
  if (::geteuid() != 0) SKIP_TEST("only root can put another user's files into a directory");
  fs::create_directories(fixture.out / "box/kept");
  write_file(fixture.out / "box/kept/file", "kept");
  write_file(fixture.out / "box/gone", "gone");
  REQUIRE(::chown(fixture.at("box").c_str(), kOrdinary, kOrdinary) == 0);
  const auto result = fixture.run_as_user({"build", "--force", "--sandbox", fixture.at("box"), fixture.archive});
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(read_file(fixture.out / "box/closed/inner") == "inner\n");
  const auto names = fixture.names();
  REQUIRE(names.size() == 2);
  CHECK(names[0].ends_with(".partial"));
  CHECK_THAT(result.err, ContainsSubstring(fmt::format("what is left of it is '{}'", fixture.at(names[0]))) &&
                             ContainsSubstring("[old-directory]"));
  CHECK(read_file(fixture.out / names[0] / "kept/file") == "kept");
  CHECK_FALSE(fs::exists(fixture.out / names[0] / "gone"));
}

TEST_CASE("a directory with a mount point in it is not replaced", "[cli][sandbox]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("mkdir -p 'etc/m n' etcetera && touch etc/old && "
                        "$SIFKIT build -q --format squashfs ../x.sqfs ../app.tar")
              .code == 0);
  // Of the same file system: no device number tells.
  const std::string mounted = R"(unshare -rm bash -c 'mount --bind "etc/m n" "etc/m n" && eval "$0"' )";
  if (fixture.shell(mounted + "true").code != 0) SKIP_TEST("no mount namespaces here");
  for (const std::string command : {"'$SIFKIT build -Fs etc ../app.tar'", "'$SIFKIT cp -F ../x.sqfs /etc .'"}) {
    const auto result = fixture.shell(mounted + command);
    INFO(command << ": " << result.err);
    CHECK(result.code == exit_code(ErrorKind::denied));
    CHECK_THAT(result.err, ContainsSubstring("etc' cannot be written: '/") &&
                               ContainsSubstring("/out/etc/m n' is a mount point\n  hint: unmount it"));
    CHECK(fs::exists(fixture.out / "etc/old"));
    CHECK(fixture.count() == 2);
  }
  const auto beside = fixture.shell(mounted + "'$SIFKIT build -q -F --sandbox etcetera ../app.tar'");
  INFO(beside.err);
  CHECK(beside.code == 0);
  CHECK(fixture.count() == 2);
}

TEST_CASE("the root of a user namespace copies a link of an owner who is unknown there", "[cli][sandbox][cp]") {
  const FaultFixture fixture;
  if (fixture.shell("unshare -r true").code != 0) SKIP_TEST("no user namespaces here");
  write_file(fixture.directory / "root.tar",
             TarBuilder()
                 .add({.name = "link", .type = '2', .link = "bin", .mode = 0777, .uid = 1234, .gid = 1234})
                 .directory("bin")
                 .add({.name = "bin/as-owner", .data = "o", .mode = 04755, .uid = 1234, .gid = 1234})
                 .bytes());
  REQUIRE(fixture.shell("$SIFKIT build -q --format squashfs ../x.sqfs tar:../root.tar").code == 0);
  const auto link = fixture.shell("unshare -r $SIFKIT cp ../x.sqfs /link link");
  INFO(link.err);
  CHECK(link.code == 0);
  CHECK(fs::read_symlink(fixture.out / "link") == "bin");
  // Nor does a file there lend the rights of who is no owner of it.
  const auto directory = fixture.shell("unshare -r $SIFKIT cp ../x.sqfs /bin bin");
  INFO(directory.err);
  CHECK(directory.code == 0);
  CHECK(sandbox_mode(fixture.out / "bin/as-owner") == 0755u);
}

TEST_CASE("a link is put in place where renaming knows no flags, as on NFS", "[cli][sandbox][cp][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("mkdir ../tree && ln -s bin ../tree/link && "
                        "$SIFKIT build -q --format squashfs ../x.sqfs dir:../tree")
              .code == 0);
  const auto copy = [&](const std::string& option, int error_number) {
    return fixture.shell("exec $SIFKIT cp " + option + " ../x.sqfs /link link",
                         {"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0",
                          "SIFKIT_FAULT=renameat2:1:" + std::to_string(error_number)});
  };
  for (const int error_number : {EINVAL, ENOSYS, EOPNOTSUPP}) {
    INFO(error_number);
    fixture.clear();
    CHECK(copy("-q", error_number).code == 0);
    CHECK(fs::read_symlink(fixture.out / "link") == "bin");
    const auto again = copy("-q", error_number);
    CHECK(again.code == exit_code(ErrorKind::exists));
    CHECK_THAT(again.err, ContainsSubstring("'link' is there already"));
    fs::remove(fixture.out / "link");
    fs::create_symlink("old", fixture.out / "link");
    CHECK(copy("--force", error_number).code == 0);
    CHECK(fs::read_symlink(fixture.out / "link") == "bin");
    CHECK(fixture.count() == 1);
  }
}
