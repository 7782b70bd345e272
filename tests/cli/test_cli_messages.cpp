// SPDX-License-Identifier: Apache-2.0
//
// What a message says of the file it is about: its name, once.
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/error.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/fault_fixture.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// A directory of files of which most are of no use, sound ones beside them.
struct MessageFixture {
  TempDir directory;
  Environment keys{keys_below(directory.path().string())};
  Environment tmp{"TMPDIR", directory.path().string()};
  /// What nothing can be read from, and what something can.
  const std::vector<std::string> unreadable{"missing", "none/missing", "d1rectory", "dangling", "closed"};
  const std::vector<std::string> readable{"void", "words", "noise", "cut.sif", "cut.sqfs", "cut.tar"};

  std::string at(const std::string& name) const { return (directory / name).string(); }

  MessageFixture() {
    fs::permissions(directory.path(), fs::perms(0755));
    write_file(directory / "sound.tar", as_tar(docker_24(small_image())));
    REQUIRE(run_cli({"build", "-q", at("sound.sif"), at("sound.tar")}).code == 0);
    REQUIRE(run_cli({"build", "-q", "--format", "squashfs", at("sound.sqfs"), at("sound.tar")}).code == 0);
    const auto sif = read_file(directory / "sound.sif");
    fs::create_directory(directory / "d1rectory");
    write_file(directory / "void", "");
    write_file(directory / "words", "no image at all\n");
    write_file(directory / "noise", std::string(5000, '\x5a'));
    write_file(directory / "cut.sif", sif.substr(0, 1000));
    write_file(directory / "cut.sqfs", read_file(directory / "sound.sqfs").substr(0, 3000));
    write_file(directory / "cut.tar", read_file(directory / "sound.tar").substr(0, 1500));
    fs::create_symlink("nowhere", directory / "dangling");
    write_file(directory / "closed", sif);
    ::chmod(at("closed").c_str(), 0);
  }

  /// Runs a command for each of the files: `@` is the file, `+` stands before the names of sound ones. One that fails says
  /// the file's name once.
  void check(const std::vector<std::string>& command, const std::vector<std::string>& files) const {
    for (const auto& file : files) {
      auto args = command;
      for (auto& word : args) {
        if (word.starts_with('+')) word = at(word.substr(1));
        if (const auto mark = word.find('@'); mark != std::string::npos) word.replace(mark, 1, at(file));
      }
      fs::copy_file(directory / "sound.sif", directory / "work.sif", fs::copy_options::overwrite_existing);
      ::chmod(at("work.sif").c_str(), 0666);
      INFO(command[0] << " " << command[1] << " " << command.back() << " " << file);
      // Another program does not run with what root lends it.
      if (file == "closed" && !other_program().empty()) continue;
      const bool leave_root = file == "closed" && ::geteuid() == 0;
      // Nobody, who root is for the moment, may write here.
      if (leave_root) REQUIRE((::chmod(directory.path().c_str(), 0777) == 0 && ::seteuid(65534) == 0));
      const auto result = run_cli(args);
      if (leave_root) REQUIRE((::seteuid(0) == 0 && ::chmod(directory.path().c_str(), 0755) == 0));
      fs::remove(directory / "out.sif");
      if (result.code == 0) continue;  // some verbs can read some of them
      INFO(result.err);
      const auto message = result.err.substr(0, result.err.find("  hint: "));
      CHECK(count_of(message, at(file)) == 1);
      CHECK(message.starts_with("sifkit: error: "));
    }
  }
};

}  // namespace

TEST_CASE("a message names the file that it is about exactly once", "[cli][messages]") {
  const MessageFixture fixture;
  const std::vector<std::vector<std::string>> commands{{"build", "-q", "+out.sif", "@"}, {"build", "-q", "+out.sif", "docker-archive:@"}, {"build", "-q", "+out.sif", "oci-archive:@"}, {"build", "-q", "+out.sif", "oci:@"},
                                                       {"build", "-q", "+out.sif", "tar:@"}, {"build", "-q", "+out.sif", "sif:@"}, {"images", "@"}, {"inspect", "@"}, {"inspect", "sif:@"}, {"inspect", "squashfs:@"}, {"inspect", "--summary", "@"}, {"ls", "@"}, {"cat", "@", "/bin/tool"},
                                                       {"sif", "header", "@"}, {"sif", "list", "@"}, {"sif", "info", "1", "@"}, {"sif", "dump", "1", "@"}, {"sif", "del", "1", "@"}, {"sif", "setprim", "1", "@"}, {"sif", "set", "1", "@", "--name", "x"}, {"sif", "compact", "@"},
                                                       {"sif", "add", "@", "+sound.tar", "--datatype", "7"}, {"verify", "@"}, {"key", "import", "@"}};
  for (const auto& command : commands) {
    fixture.check(command, fixture.unreadable);
    fixture.check(command, fixture.readable);
  }
}

TEST_CASE("a message names the file that an option is given exactly once", "[cli][messages]") {
  const MessageFixture fixture;
  const auto made = run_process({"sh", "-c", "cd '" + fixture.directory.path().string() + "' && openssl genpkey -algorithm ed25519 -out key.pem && "
                                 "openssl pkcs8 -topk8 -in key.pem -passout pass:secret -out locked.pem && openssl req -x509 -key key.pem -subj /CN=ada -out ada.crt"}, {"PATH=/usr/bin:/bin"}, true);
  REQUIRE(made.code == 0);
  fs::permissions(fixture.directory / "locked.pem", fs::perms::group_read | fs::perms::others_read, fs::perm_options::add);
  using Commands = std::vector<std::vector<std::string>>;
  for (const auto& command : Commands{{"verify", "--key", "@", "+work.sif"},
                                      {"verify", "--certificate", "@", "+work.sif"},
                                      {"verify", "--certificate", "+ada.crt", "--certificate-intermediates", "@", "+work.sif"},
                                      {"verify", "--certificate", "+ada.crt", "--certificate-roots", "@", "+work.sif"},
                                      {"verify", "--policy", "@", "+work.sif"},
                                      {"sign", "--key", "@", "+work.sif"}}) {
    fixture.check(command, fixture.unreadable);
    fixture.check(command, fixture.readable);
  }
  for (const auto& command : Commands{{"sif", "add", "+work.sif", "@", "--datatype", "7"},
                                      {"sif", "set", "2", "+work.sif", "--metadata", "@"},
                                      {"sign", "--key", "+locked.pem", "--passphrase-file", "@", "+work.sif"},
                                      {"key", "newpair", "-N", "Ada", "--passphrase-file", "@"},
                                      {"key", "search", "--url", "https://127.0.0.1:1", "--cacert", "@", "ada"}}) {
    fixture.check(command, fixture.unreadable);
  }
  // The first line of a file may be a passphrase; this one is too long.
  fixture.check({"key", "newpair", "-N", "Ada", "--passphrase-file", "@"}, {"noise"});
  fixture.check({"sif", "set", "2", "+work.sif", "--metadata", "@"}, {"noise", "cut.sif", "cut.sqfs", "cut.tar"});
  for (const auto& command : Commands{{"build", "-q", "+out.sif", "+sound.tar", "--digestfile", "@"},
                                      {"build", "-q", "+out.sif", "+sound.tar", "--stats", "@"},
                                      {"key", "list", "--keydir", "@"}}) {
    fixture.check(command, {"d1rectory", "dangling", "void"});
  }
}
