// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include <sifkit/core/error.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/run_process.h"
#include "support/temp_dir.h"
#include "support/verbs.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// Words of a help text that are options: "--force".
std::set<std::string> long_options(const std::string& text) {
  std::set<std::string> out;
  for (std::size_t at = text.find("--"); at != std::string::npos; at = text.find("--", at + 2)) {
    std::size_t end = at + 2;
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) != 0 || text[end] == '-')) ++end;
    if (end > at + 2 && (at == 0 || text[at - 1] == ' ' || text[at - 1] == ',' || text[at - 1] == '\n')) out.insert(text.substr(at, end - at));
  }
  return out;
}

}  // namespace

TEST_CASE("manual page and completions know every verb and option of --help", "[cli][help]") {
  const std::string bash = run_cli({"completion", "bash"}).out;
  const std::string fish = run_cli({"completion", "fish"}).out;
  const std::string man = run_cli({"man"}).out;
  std::string plain = man;
  for (std::size_t at; (at = plain.find("\\-")) != std::string::npos;) plain.replace(at, 2, "-");
  const auto verbs = verbs_below();
  REQUIRE(verbs.size() > 20);
  for (auto verb : verbs) {
    std::string name;
    for (const auto& word : verb) name += (name.empty() ? "" : " ") + word;
    INFO(name);
    verb.push_back("--help");
    const auto help = run_cli(verb);
    CHECK(help.code == 0);
    const auto options = long_options(help.out);
    CHECK(options.count("--json") == 1);
    const auto line = bash.find("'" + name + "') options=");
    REQUIRE(line != std::string::npos);
    const std::string words = bash.substr(line, bash.find('\n', line) - line) + "\n";
    const auto section = plain.find(".SS sifkit " + name + " ");
    REQUIRE(section != std::string::npos);
    const std::string described = plain.substr(section, plain.find(".SS", section + 1) - section);
    for (const auto& option : options) {
      INFO(option);
      CHECK((words.find(option + " ") != std::string::npos || words.find(option + "'") != std::string::npos));
      CHECK(described.find(option) != std::string::npos);
      CHECK(fish.find(" -l " + option.substr(2) + " ") != std::string::npos);
    }
  }
}

TEST_CASE("the manual page names every exit code, and every variable of the environment that the sources name", "[cli][help]") {
  const std::string man = run_cli({"man"}).out;
  std::set<int> codes;
  for (int kind = 0; kind <= static_cast<int>(ErrorKind::cancelled); ++kind) codes.insert(exit_code(static_cast<ErrorKind>(kind)));
  REQUIRE(codes.size() == static_cast<std::size_t>(ErrorKind::cancelled) + 1);
  for (const int code : codes) CHECK_THAT(man, ContainsSubstring("\n.TP\n.B " + std::to_string(code) + "\n"));

  const std::regex variable("\"((SIFKIT|APPTAINER|SINGULARITY|DOCKER|CONTAINER|XDG|SLURM|SOURCE|VERIFY|SIGN)_[A-Z_]*[A-Z]|DOCKER_TLS|KEYSERVER|TMPDIR|HOME|TERM)\"");
  std::set<std::string> names;
  for (const char* module : {"cli", "convert", "oci", "layers", "net", "sif", "trust", "core"}) {
    for (const auto& file : fs::directory_iterator(fs::path(SIFKIT_SOURCE_DIR) / module)) {
      if (file.path().extension() != ".cpp" || file.path().filename() == "manual.cpp") continue;
      // There they are the variables of containers.
      if (file.path().filename() == "runtime_scripts.cpp") continue;
      const std::string text = read_file(file.path());
      for (std::sregex_iterator at(text.begin(), text.end(), variable), end; at != end; ++at) names.insert((*at)[1]);
    }
  }
  REQUIRE(names.size() > 20);
  for (const auto& name : names) CHECK_THAT(man, ContainsSubstring(name));
}

TEST_CASE("no line of any help is wider than a terminal of 80 columns, and no word gets lost in folding it", "[cli][help]") {
  auto verbs = verbs_below();
  for (const std::vector<std::string>& group : {std::vector<std::string>{}, {"sif"}, {"key"}, {"sif", "help"}}) verbs.push_back(group);
  for (auto verb : verbs) {
    verb.push_back("--help");
    std::istringstream help(run_cli(verb).out);
    std::string text;
    for (std::string line; std::getline(help, line);) {
      INFO(line);
      const auto columns = std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80; });
      CHECK(columns <= 80);
      CHECK(!line.ends_with(' '));
      text += line.substr(std::min(line.find_first_not_of(' '), line.size())) + " ";
    }
    if (verb.size() == 2 && verb[0] == "build") {
      CHECK_THAT(text, ContainsSubstring("squashfs:FILE, a path, or - for standard input ") && ContainsSubstring("layers, metadata_bytes, sparse_segments, stream_bytes, tar_extension_bytes, trailing_bytes "));
    }
  }
}

TEST_CASE("the options of build stand in groups, those of every verb last", "[cli][help]") {
  const auto help = run_cli({"build", "--help"}).out;
  std::size_t last = 0;
  for (const std::string title : {"Arguments:", "Output:", "Source:", "Compression:", "Contents:", "Signature:", "Common options:"}) {
    INFO(title);
    const auto at = help.find("\n" + title + "\n");
    REQUIRE(at != std::string::npos);
    CHECK(at > last);
    last = at;
  }
  CHECK(help.find("\nOptions:") == std::string::npos);
}

namespace {

/// What a shell needs around the completion script. "try WORDS" prints what it would offer.
struct Shell {
  std::string name;
  std::vector<std::string> command;
  std::string before;
  std::string attempt;
};

void check_completions(const Shell& shell) {
  if (!has_program(shell.name)) SKIP_TEST("no " + shell.name);
  // The words up to the cursor, and what they are to become.
  static constexpr std::pair<const char*, const char*> kCases[] = {
      {"bu", "build"}, {"build --verify", "--verify-after"}, {"key im", "import"}, {"-q help sif l", "list"}, {"sif list --js", "--json"}};
  TempDir directory;
  const auto script = directory / shell.name;
  write_file(script, run_cli({"completion", shell.name}).out);
  std::string text = shell.before + ("source " + script.string() + "\n") + shell.attempt;
  std::string expected;
  for (const auto& [words, completed] : kCases) {
    text += std::string("try ") + words + "\n";
    expected += std::string(completed) + "\n";
  }
  auto command = shell.command;
  command.push_back(text);
  CHECK(run_process(command, {"PATH=/usr/bin:/bin", "HOME=" + directory.path().string(), "LC_ALL=C.UTF-8"}, true).out == expected);
}

}  // namespace

TEST_CASE("bash completes by the script that is for it", "[cli][help]") {
  check_completions({"bash", {"bash", "--norc", "-c"}, "", "try() { COMP_WORDS=(sifkit \"$@\"); COMP_CWORD=$#; _sifkit; echo \"${COMPREPLY[@]}\"; }\n"});
}

TEST_CASE("fish completes by the script that is for it", "[cli][help]") {
  check_completions({"fish", {"fish", "--no-config", "-c"}, "", "function try; complete -C \"sifkit $argv\" | string replace -r '\\t.*' ''; end\n"});
}

TEST_CASE("zsh completes by the script that is for it", "[cli][help]") {
  check_completions({"zsh", {"zsh", "-fc"}, "compdef() {}; _files() {}; _describe() { [[ $1 == -o ]] && shift; print -l -- ${(P)2}; }\n",
                     "try() { words=(sifkit \"$@\"); CURRENT=$#words; PREFIX=${words[-1]}; _sifkit | sed -n \"s/^\\(${PREFIX}[^:]*\\):.*/\\1/p\"; }\n"});
}

TEST_CASE("every family of verbs has help as a verb", "[cli][help]") {
  for (const std::string family : {"sif", "key", "sbom", "registry", "cache"}) {
    INFO(family);
    const auto help = run_cli({family, "help"});
    CHECK(help.code == 0);
    CHECK(help.out == run_cli({family, "--help"}).out);
    CHECK(run_cli({family, "help", "nothing"}).code == exit_code(ErrorKind::usage));
  }
  CHECK(run_cli({"cache", "help", "prune"}).out == run_cli({"cache", "prune", "--help"}).out);
}
