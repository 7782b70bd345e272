// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>

#include "runtime_scripts.h"
#include "shell.h"
#include "support/catch.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::EndsWith;

namespace {

using Words = std::vector<std::string>;

/// Words made of everything that a shell may take for something else.
Words random_words(std::mt19937& random, std::size_t most) {
  static constexpr std::string_view kAlphabet = "ab \t\n'\"`$\\!*?[]{}()<>|&;#~=%\xc3\xa9";
  Words words(random() % (most + 1));
  for (auto& word : words) {
    const std::size_t length = random() % 12;
    for (std::size_t i = 0; i < length; ++i) word += kAlphabet[random() % kAlphabet.size()];
  }
  return words;
}

std::string joined(const Words& words) {
  std::string out;
  for (const auto& word : words) out += word + '\1';
  return out;
}

/// What the program that the script starts is given. The first word of the image is a printer of its arguments.
class RunScript {
 public:
  RunScript() {
    write_file(directory_ / "print", "#!/bin/sh\nfor word in \"$@\"; do printf '%s\\001' \"$word\"; done\n");
    std::filesystem::permissions(directory_ / "print", std::filesystem::perms::owner_all);
  }

  std::string printer() const { return (directory_ / "print").string(); }

  std::string run(const std::string& shell, const Words& entrypoint, const Words& cmd, const Words& args,
                  const Words& environment = {}) {
    write_file(directory_ / "runscript", run_script(entrypoint, cmd));
    Words argv{shell, (directory_ / "runscript").string()};
    argv.insert(argv.end(), args.begin(), args.end());
    Words variables{"PATH=/usr/bin:/bin"};
    variables.insert(variables.end(), environment.begin(), environment.end());
    const auto result = run_process(argv, variables);
    CHECK(result.code == 0);
    return result.out;
  }

 private:
  TempDir directory_;
};

Words operator+(Words left, const Words& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace

TEST_CASE("the runscript hands the image's words over unchanged, whatever is in them", "[convert][runscript]") {
  RunScript script;
  const std::string shell = GENERATE("dash", "bash");
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    const Words entrypoint = Words{script.printer()} + random_words(random, 3);
    const Words cmd = random_words(random, 3);
    const Words tail(entrypoint.begin() + 1, entrypoint.end());
    INFO(run_script(entrypoint, cmd));
    CHECK(script.run(shell, entrypoint, cmd, {}) == joined(tail + cmd));
    CHECK(script.run(shell, entrypoint, cmd, {}, {"SINGULARITY_NO_EVAL=1"}) == joined(tail + cmd));
    CHECK(script.run(shell, {}, entrypoint, {}) == joined(tail));
    CHECK(script.run(shell, {}, entrypoint, {}, {"SINGULARITY_NO_EVAL=1"}) == joined(tail));
  }
}

TEST_CASE("arguments of the caller replace the image's default command", "[convert][runscript]") {
  RunScript script;
  const Words entrypoint{script.printer(), "-x", "a b"};
  CHECK(script.run("dash", entrypoint, {"default"}, {"one", "two words"}) == joined({"-x", "a b", "one", "two words"}));
  CHECK(script.run("dash", {}, {"default"}, {script.printer(), "one"}) == joined({"one"}));
  CHECK(script.run("dash", entrypoint, {}, {"one"}) == joined({"-x", "a b", "one"}));
}

TEST_CASE("arguments of the caller are evaluated once more, unless that is refused", "[convert][runscript]") {
  RunScript script;
  const Words entrypoint{script.printer()};
  CHECK(script.run("dash", entrypoint, {}, {"$X"}, {"X=value"}) == joined({"value"}));
  CHECK(script.run("dash", entrypoint, {}, {"$X"}, {"X=value", "SINGULARITY_NO_EVAL=1"}) == joined({"$X"}));
}

TEST_CASE("the line that the runtime looks for stands alone", "[convert][runscript]") {
  const std::string text = run_script({"a"}, {"b"});
  CHECK(text.find("\neval \"set ${SINGULARITY_OCI_RUN}\"\n") != std::string::npos);
}

TEST_CASE("variables of the image reach the environment", "[convert][environment]") {
  WarningList warnings;
  TempDir directory;
  const std::string shell = GENERATE("dash", "bash");
  std::mt19937 random(11);
  for (int round = 0; round < 60; ++round) {
    std::string value;
    for (const auto& word : random_words(random, 4)) value += word + ":";
    if (round % 5 == 0) value += "<(touch canary)}$(touch canary)";
    const bool path = round % 4 == 0;
    const std::string name = path ? "PATH" : "VALUE_1";
    write_file(directory / "env.sh", environment_script({name + "=" + value}, warnings) + "printf '%s' \"$" + name + "\"\n");
    INFO(read_file(directory / "env.sh"));
    const std::string program = shell == "dash" ? "/bin/dash" : "/bin/bash";
    CHECK(run_process({program, (directory / "env.sh").string()}, {"OTHER=1"}).out == value);
    if (!path) CHECK(run_process({program, (directory / "env.sh").string()}, {"VALUE_1=mine"}).out == "mine");
  }
  CHECK(warnings.total() == 0);
}

TEST_CASE("variables that no shell can name are left out and reported once", "[convert][environment]") {
  WarningList warnings;
  CHECK(environment_script({"A-B=1", "=x", "", "1A=2", "OK=1"}, warnings) == "#!/bin/sh\nexport OK=\"${OK:-\"1\"}\"\n");
  REQUIRE(warnings.total() == 1);
  CHECK(warnings.listed()[0].kind == "env-name");
  CHECK(warnings.listed()[0].text == "left out of the environment: 'A-B', '', '1A' (no shell accepts such a name)");
}

TEST_CASE("a variable without a value is empty, which is reported", "[convert][environment]") {
  WarningList warnings;
  CHECK(environment_script({"BARE"}, warnings) == "#!/bin/sh\nexport BARE=\"${BARE:-}\"\n");
  REQUIRE(warnings.total() == 1);
  CHECK(warnings.listed()[0].kind == "env-odd");
  CHECK(warnings.listed()[0].text == "empty in the environment: 'BARE' (the image gives no value)");
}

TEST_CASE("variables that the runtime sets itself are left out and reported once", "[convert][environment]") {
  WarningList warnings;
  const Words env{"UID=1000", "GID=1000", "EUID=0", "PPID=1", "HOME=/data", "PWD=/x", "OPTIND=3", "APPTAINER_NAME=foo", "APPTAINER_CONTAINER=/x.sif", "IFS=:", "key=x", "PWD=/y", "LAST=yes"};
  CHECK(environment_script(env, warnings) == "#!/bin/sh\nexport LAST=\"${LAST:-\"yes\"}\"\n");
  REQUIRE(warnings.total() == 1);
  CHECK(warnings.listed()[0].kind == "env-reserved");
  CHECK(warnings.listed()[0].text ==
        "left out of the environment: 'UID', 'GID', 'EUID', 'PPID', 'HOME', 'OPTIND', 'APPTAINER_NAME', 'APPTAINER_CONTAINER', 'IFS', 'key', 'PWD' (the runtime sets these itself)");
}

TEST_CASE("every variable that the runtime sets itself is left out", "[convert][environment]") {
  for (const char* name : {"APPTAINER_CONTAINER", "APPTAINER_INSTANCE", "APPTAINER_NAME", "DIRSTACK", "EUID", "GID", "HOME", "IFS", "LINENO", "OPTIND", "PPID", "PWD", "RANDOM", "SINGULARITY_APPNAME", "SINGULARITY_ENVIRONMENT", "SING_USER_DEFINED_APPEND_PATH", "SING_USER_DEFINED_PATH", "SING_USER_DEFINED_PREPEND_PATH", "SRANDOM", "UID", "__apptainer_cmd__", "__exported_env__", "__script__", "e", "key"}) {
    WarningList warnings;
    INFO(name);
    CHECK(environment_script({std::string(name) + "=1"}, warnings) == "#!/bin/sh\n");
    CHECK(warnings.count("env-reserved") == 1);
    // Names that look like it are any image's.
    CHECK(environment_script({std::string(name) + "_=1"}, warnings) != "#!/bin/sh\n");
  }
}

TEST_CASE("a warning about variables names twenty of them", "[convert][environment]") {
  WarningList warnings;
  Words env;
  for (int i = 0; i < 1000; ++i) env.push_back(std::to_string(i) + "=x");
  environment_script(env, warnings);
  REQUIRE(warnings.total() == 1);
  CHECK_THAT(warnings.listed()[0].text, EndsWith("'18', '19' and 980 more (no shell accepts such a name)"));
}

TEST_CASE("variables that bash keeps for itself stop no shell", "[convert][environment]") {
  WarningList warnings;
  TempDir directory;
  write_file(directory / "env.sh", environment_script({"SHELLOPTS=errexit", "BASHOPTS=x", "BASH_VERSINFO=1", "LAST=yes"}, warnings) + "printf '%s' \"$SHELLOPTS $LAST\"\n");
  const auto run = [&](Words shell) { return run_process(shell + Words{(directory / "env.sh").string()}, {"PATH=/usr/bin:/bin"}, true).out; };
  CHECK(run({"dash"}) == "errexit yes");
  const auto bash = run({"bash", "--posix"});
  CHECK_THAT(bash, EndsWith(" yes"));
  CHECK_THAT(bash, !ContainsSubstring("readonly"));
  CHECK(warnings.total() == 0);
}

TEST_CASE("of two values of a variable the last one counts", "[convert][environment]") {
  WarningList warnings;
  const Words env{"PATH=/old", "FOO=first", "BAR=1", "PATH=/bin", "FOO=second", "BAR", "BAZ", "BAZ=", "BAZ=3"};
  CHECK(environment_script(env, warnings) ==
        "#!/bin/sh\nexport BAR=\"${BAR:-\"1\"}\"\nexport PATH=\"/bin\"\nexport FOO=\"${FOO:-\"second\"}\"\nexport BAZ=\"${BAZ:-\"3\"}\"\n");
  CHECK(warnings.total() == 0);
}

namespace {

/// A container's scripts in a directory that stands for its root, which is as far as a test can go without one.
class Scripts {
 public:
  Scripts(const Words& env, const Words& entrypoint, const Words& cmd) {
    WarningList warnings;
    for (const auto& script : fixed_scripts()) put(script.path, script.text);
    put(kEnvironmentScriptPath, environment_script(env, warnings));
    put(kRunScriptPath, run_script(entrypoint, cmd));
  }

  std::string path(std::string_view name) const { return (directory_ / name).string(); }

  /// Runs an action; its program is told to print its words and then its variables.
  std::string act(const Words& shell, const std::string& action, const Words& args, const Words& variables = {}) const {
    const auto result = run_process(shell + Words{path(".singularity.d/actions/" + action)} + args, Words{"PATH=/usr/bin:/bin"} + variables);
    CHECK(result.code == 0);
    // Nothing that a value holds was carried out.
    CHECK(std::filesystem::is_empty(directory_ / "here"));
    CHECK_FALSE(std::filesystem::exists(directory_ / "canary"));
    return result.out;
  }

 private:
  void put(std::string_view name, std::string text) {
    for (std::size_t at = 0; (at = text.find("/.singularity.d", at)) != std::string::npos; at += directory_.path().native().size() + 1) text.insert(at, directory_.path().native());
    std::filesystem::create_directories((directory_ / name).parent_path());
    write_file(directory_ / name, text);
    std::filesystem::permissions(directory_ / name, std::filesystem::perms::owner_all);
  }

  std::filesystem::path made(std::string_view name) const {
    std::filesystem::create_directories(directory_ / name);
    return directory_ / name;
  }

  TempDir directory_;
  WorkingDirectory inside_{made("here")};
};

const Words kHostile{
    "",
    "$(touch canary)",
    "`touch canary`",
    "; touch canary #",
    "\ntouch canary\n",
    "'; touch canary; '",
    "\"; touch canary; \"",
    "\"'$(touch canary)'\"",
    "'\"'\"'$(touch canary)",
    "\\$(touch canary)",
    "\\\\$(touch canary)",
    "\\\"; touch canary; \\\"",
    "}; touch canary; {",
    "}\"; touch canary; \"",
    "${x:=$(touch canary)}",
    "$((touch canary))",
    "<(touch canary)",
    ">canary",
    "| touch canary",
    "& touch canary &",
    "a\\",
    "a\\\\",
    "\\",
    "'",
    "\"",
    "`",
    "$",
    "${",
    "$(",
    "!!",
    "!$",
    "*",
    "~root",
    "{a,b}",
    "[a-z]*",
    "-n",
    "--",
    "-x",
    " lead and trail ",
    "\t\n\n",
    "line\r\nline",
    "\r\n",
    "\r\r\n\r",
    "\\\r\n",
    "\\\\\r\n",
    "'\r\n'\"\r\n\"",
    "}\r\n$(touch canary)",
    "\r\n$(touch canary)\r\n",
    "\xc2\x80$(touch canary)",
    "a\xc2\x81",
    "\xc2\x80\n\xc2\x81\r\n'\\",
    "\xef\xbf\xbd\xef\xbb\xbf",
    "\x01\x02\x7f\x1b[2J",
    "\xff\xfe\xc3",
    "\xc3\xa9\xe2\x80\xa8",
    "EOF\n$(touch canary)\nEOF",
    "%s%n\\0",
    "a=b; touch canary",
    "#",
    "\\\n",
};

}  // namespace

TEST_CASE("hostile words and values arrive as they are and nothing of them is carried out", "[convert][scripts][hostile]") {
  const Words shell = GENERATE(Words{"dash"}, Words{"bash"}, Words{"bash", "--posix"});
  const std::string print = "for w in \"$@\"; do printf '%s\\001' \"$w\"; done; printf '%s\\001' \"$V\" \"$file\"";
  for (const auto& value : kHostile) {
    INFO(value);
    const Words env{"PATH=/usr/bin:/bin:" + value, "V=" + value, "file=" + value, value + "=x", "A\n" + value + "=y"};
    const Scripts scripts(env, {"/bin/sh", "-c", print, value}, {"-" + value, value});
    for (const auto name : {kEnvironmentScriptPath, kRunScriptPath}) {
      for (const char* each : {"sh", "dash", "bash"}) CHECK(run_process({each, "-n", scripts.path(name)}, {"PATH=/usr/bin:/bin"}).code == 0);
    }
    CHECK(scripts.act(shell, "run", {}) == joined({"-" + value, value, value, value}));
    CHECK(scripts.act(shell, "run", {}, {"SINGULARITY_NO_EVAL=1"}) == joined({"-" + value, value, value, value}));
    CHECK(scripts.act(shell, "run", {value}, {"SINGULARITY_NO_EVAL=1"}) == joined({value, value, value}));
    CHECK(scripts.act(shell, "exec", {"/bin/sh", "-c", print, "-", value}) == joined({value, value, value}));
    // The caller's own value wins, and is no code either.
    CHECK(scripts.act(shell, "exec", {"/bin/sh", "-c", print, "-"}, {"V=mine" + value}) == joined({"mine" + value, value}));
  }
}

TEST_CASE("a script holds nothing that the runtime's reader takes for something else", "[convert][scripts]") {
  for (const std::string text : {"a\r\nb", "\xc2\x80", "x\xc2\x81y", "\xff", "\xc3", "\r\n\xc2\x80\r\n"}) {
    WarningList warnings;
    INFO(text);
    CHECK_FALSE(reads_as_written(text));
    CHECK(reads_as_written(environment_script({"V=" + text, "PATH=" + text}, warnings)));
    CHECK(reads_as_written(run_script({"/bin/sh", text}, {text})));
    CHECK(warnings.total() == 0);
  }
  CHECK(reads_as_written("a\rb\n\r\xc2\x82\xef\xbf\xbd"));
}

TEST_CASE("a CR before a LF stands between quotes of its own", "[convert][scripts]") {
  WarningList warnings;
  CHECK(environment_script({"V=a\r\nb"}, warnings) == "#!/bin/sh\nif [ -z \"${V:-}\" ]; then V=\"a\r\"\"\nb\"; fi\nexport V\n");
  CHECK_THAT(run_script({}, {"a\r\n"}), ContainsSubstring("OCI_CMD='\"a\r\"\"\n\"'\n"));
}

TEST_CASE("long words are broken into lines that the runtime reads", "[convert][runscript]") {
  RunScript script;
  const std::string shell = GENERATE("dash", "bash");
  for (const std::string piece : {"c", "'", "\\", "$", "\r\n", "\xc2\x80", "\xe2\x80\xa8", "ab\n", "\"'", "\xc2\x80'"}) {
    INFO(piece);
    std::string word;
    while (word.size() < 90'000) word += piece;
    const std::string text = run_script({script.printer(), word}, {"x", word});
    std::size_t longest = 0;
    for (std::size_t start = 0, end; start < text.size(); start = end + 1) {
      end = std::min(text.find('\n', start), text.size());
      longest = std::max(longest, end - start);
    }
    CHECK(longest < 65'536);
    CHECK(script.run(shell, {script.printer(), word}, {"x", word}, {}) == joined({word, "x", word}));
    CHECK(script.run(shell, {script.printer(), word}, {"x", word}, {}, {"SINGULARITY_NO_EVAL=1"}) == joined({word, "x", word}));
  }
  const Words many(5000, "a word of twenty");
  CHECK(script.run(shell, {script.printer()}, many, {}) == joined(many));
  CHECK_THAT(run_script({}, {std::string(50'000, 'c')}), ContainsSubstring("OCI_CMD='\"" + std::string(50'000, 'c') + "\"'\n"));
}

TEST_CASE("every fixed script is one that a POSIX shell can read", "[convert][scripts]") {
  TempDir directory;
  for (const auto& script : fixed_scripts()) {
    INFO(script.path);
    write_file(directory / "script", script.text);
    for (const char* shell : {"dash", "bash"}) {
      CHECK(run_process({shell, "-n", (directory / "script").string()}, {"PATH=/usr/bin:/bin"}).code == 0);
    }
  }
}
