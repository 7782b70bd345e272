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
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

TEST_CASE("a message names the file that it is about exactly once", "[cli][messages]") {
  TempDir directory;
  const Environment keys(keys_below(directory.path().string()));
  const Environment tmp("TMPDIR", directory.path().string());
  const auto at = [&](const std::string& name) { return (directory / name).string(); };
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
  std::vector<std::string> files{"missing", "none/missing", "d1rectory", "void", "words", "noise", "cut.sif", "cut.sqfs", "cut.tar", "dangling"};
  if (::geteuid() != 0) files.emplace_back("closed");

  // `@` is the file.
  const std::vector<std::vector<std::string>> commands{{"build", "-q", "out.sif", "@"}, {"build", "-q", "out.sif", "docker-archive:@"}, {"build", "-q", "out.sif", "oci-archive:@"}, {"build", "-q", "out.sif", "oci:@"},
                                                       {"build", "-q", "out.sif", "tar:@"}, {"build", "-q", "out.sif", "sif:@"}, {"images", "@"}, {"inspect", "@"}, {"inspect", "sif:@"}, {"inspect", "squashfs:@"}, {"inspect", "--summary", "@"}, {"ls", "@"}, {"cat", "@", "/bin/tool"},
                                                       {"sif", "header", "@"}, {"sif", "list", "@"}, {"sif", "info", "1", "@"}, {"sif", "dump", "1", "@"}, {"sif", "del", "1", "@"}, {"sif", "setprim", "1", "@"}, {"sif", "set", "1", "@", "--name", "x"}, {"sif", "compact", "@"},
                                                       {"sif", "add", "@", at("sound.tar"), "--datatype", "7"}, {"verify", "@"}, {"verify", "--key", "@", at("sound.sif")}, {"sign", "--key", "@", at("sound.sif")}, {"key", "import", "@"}};
  for (const auto& command : commands) {
    for (const auto& file : files) {
      auto args = command;
      for (auto& word : args) {
        if (const auto mark = word.find('@'); mark != std::string::npos) word.replace(mark, 1, at(file));
        if (word == "out.sif") word = at(word);
      }
      INFO(command[0] << " " << command[1] << " " << command.back() << " " << file);
      const auto result = run_cli(args);
      fs::remove(directory / "out.sif");
      if (result.code == 0) continue;  // some verbs can read some of them
      INFO(result.err);
      const auto message = result.err.substr(0, result.err.find("  hint: "));
      CHECK(count_of(message, at(file)) == 1);
      CHECK(message.starts_with("sifkit: error: "));
    }
  }
}
