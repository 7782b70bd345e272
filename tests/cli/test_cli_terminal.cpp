// SPDX-License-Identifier: Apache-2.0
//
// What reaches a terminal: whatever an image, a key or a service says, nothing that would steer it.
#include <algorithm>
#include <map>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/engine_server.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/temp_dir.h"
#include "support/terminal.h"
#include "support/verbs.h"
#include "terminal_filter.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Colours, OSC 52 and 8, BEL, CR, BS, DEL, CSI as one character, and changes of direction, all of it valid UTF-8.
const std::string kEvil = "a\x1b[31m\x1b]52;c;ZXZpbA==\a\x1b]8;;x\x1b\\\r\b\x7f\xc2\x9b" "31m\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8z";
const std::string kEvilBytes = kEvil + "\x9b" "31m\xff\xc2";

bool steers(std::string_view text) {
  while (!text.empty()) {
    const auto length = utf8_sequence(text);
    if (length == 0) return true;
    const auto piece = text.substr(0, length);
    text.remove_prefix(length);
    if (length == 1 && (piece[0] == '\x7f' || (piece[0] >= 0 && piece[0] < ' ' && piece[0] != '\n' && piece[0] != '\t'))) return true;
    if (length == 2 && ((piece >= "\xc2\x80" && piece <= "\xc2\x9f") || piece == "\xd8\x9c")) return true;
    if (length == 3 && (piece == "\xe2\x80\x8e" || piece == "\xe2\x80\x8f" || (piece >= "\xe2\x80\xa8" && piece <= "\xe2\x80\xae") || (piece >= "\xe2\x81\xa6" && piece <= "\xe2\x81\xa9"))) return true;
  }
  return false;
}

/// Files of a stranger's, in a directory that commands run in, and a service that answers as one.
struct Stranger {
  TempDir directory;
  std::string fingerprint;
  EngineServer service{[](const std::string& path) -> std::optional<std::string> {
    if (path.find("op=index") != std::string::npos) {
      return EngineServer::response(200, "info:1:1\npub:0123456789ABCDEF0123456789ABCDEF01234567:22:256:1600000000::\nuid:a%1b[31m%c2%9b31m%0d%e2%80%ae:1600000000::\n", "text/plain");
    }
    return EngineServer::response(500, kEvilBytes, "text/plain");
  }};

  Stranger() {
    TestImage image = small_image();
    image.tag = "app:1";
    image.config = Json{{"Env", {"PATH=/bin", "A=" + kEvil, kEvil + "=1"}}, {"Cmd", {kEvil}}, {"Labels", {{kEvil, kEvil}}}};
    image.layers.push_back(TarBuilder()
                               .file(kEvilBytes, kEvilBytes)
                               .file("text", kEvilBytes)
                               .file("gone" + kEvilBytes, "older")
                               .symlink("link", kEvilBytes)
                               .file("lib/apk/db/installed", "P:" + kEvilBytes + "\nV:" + kEvilBytes + "\nL:" + kEvilBytes + "\n\n")
                               .directory(".singularity.d")
                               .file(".singularity.d/runscript.help", kEvilBytes)
                               .directory("scif/apps/" + kEvil + "/scif")
                               .file("scif/apps/" + kEvil + "/scif/labels.json", Json{{kEvil, kEvil}}.dump())
                               .bytes());
    image.layers.push_back(TarBuilder().file("gone" + kEvilBytes, "newer").bytes());
    Members members = docker_24(image);
    for (auto& member : members) {
      if (member.name != "manifest.json") continue;
      Json manifest = Json::parse(member.bytes);
      manifest[0]["RepoTags"] = Json::array({"app:1", kEvil});
      member.bytes = manifest.dump();
    }
    write_file(directory / "app.tar", as_tar(members));
    write_file(directory / kEvilBytes, "no image");
    write_file(directory / "data", kEvilBytes);
    const std::string key = program({"key", "newpair", "--json", "-N", "Ada \xc2\x9b" "31m\xe2\x80\xae", "--no-passphrase"}).out;
    fingerprint = Json::parse(key)["key"]["fingerprint"];
    REQUIRE(program({"key", "export", "--armor", "-o", "key.asc", fingerprint}).code == 0);
    REQUIRE(program({"build", "-q", "app.sif", "app.tar"}).code == 0);
    REQUIRE(program({"build", "-q", "--format", "squashfs", "app.sqfs", "app.tar"}).code == 0);
    REQUIRE(program({"build", "-q", "--sandbox", "box", "app.tar"}).code == 0);
    REQUIRE(program({"sign", "app.sif"}).code == 0);
    REQUIRE(program({"sif", "new", "odd.sif"}).code == 0);
    REQUIRE(program({"sif", "add", "odd.sif", "data", "--datatype", "1", "--filename", kEvilBytes}).code == 0);
  }

  std::vector<std::string> environment() const {
    return {"PATH=/usr/bin:/bin", "HOME=" + directory.path().string(), "TMPDIR=" + directory.path().string(), "TERM=dumb", "SIFKIT_PASSPHRASE="};
  }

  /// Off a terminal, in the directory.
  ProcessResult program(std::vector<std::string> args) const {
    args.insert(args.begin(), {"env", "-C", directory.path().string(), tested_program()});
    return run_process(args, environment());
  }

  std::unique_ptr<Terminal> on_terminal(std::vector<std::string> args) const {
    args.insert(args.begin(), {"/usr/bin/env", "-C", directory.path().string(), tested_program()});
    return Terminal::start(args, environment(), true);
  }
};

/// For every verb what is done with a stranger's files. `@` stands for the hostile name, which is there and no image.
const std::map<std::string, std::vector<std::vector<std::string>>> kCommands{
    {"build", {{"x.sif", "app.tar"}, {"--json", "y.sif", "app.tar"}, {"-v", "--dry-run", "z.sif", "app.tar"}, {"z.sif", "@"}, {"z.sif", "none@"}, {"--label", "@", "z.sif", "app.tar"}, {"z.sif", "docker-archive:app.tar:@"}}},
    {"cache list", {{"@"}}},
    {"cache path", {{"@"}}},
    {"cache clean", {{"@"}}},
    {"cache prune", {{"--max-size", "@"}}},
    {"copy", {{"app.tar", "oci:l1:x"}, {"--json", "app.sif", "docker-archive:@.tar:x"}, {"app.tar", "@"}, {"none@", "oci:l2"}, {"app.tar", "oci:@"}, {"app.tar", "docker-archive:x:@"}}},
    {"images", {{"app.tar"}, {"--json", "app.tar"}, {"@"}}},
    {"inspect", {{"app.sif"}, {"--summary", "app.sqfs"}, {"--summary", "box"}, {"-l", "-r", "-e", "-d", "app.sif"}, {"-H", "app.sqfs"}, {"-H", "box"}, {"--list-apps", "app.sqfs"}, {"--app", "a", "app.sqfs"}, {"--app", "@", "app.sqfs"}, {"--json", "app.sif"}, {"--all", "box"}, {"--oci", "app.tar"}, {"--json", "--summary", "app.sif"}, {"-d", "odd.sif"}, {"app.sif", "@"}, {"@"}}},
    {"ls", {{"app.sif"}, {"-la", "app.sif"}, {"-R", "app.sif", "/"}, {"--json", "app.sif"}, {"app.sif", "/@", "/none@", "/"}}},
    {"cat", {{"app.sif", "/text"}, {"app.sif", "/none@"}, {"app.sif", "/text", "/@"}}},
    {"stat", {{"app.sif", "/@"}, {"--json", "app.sif", "/@", "/link"}, {"app.sif", "/none@"}}},
    {"readlink", {{"app.sif", "/link"}, {"-n", "app.sif", "/link"}, {"-f", "app.sif", "/@"}, {"app.sif", "/none@"}}},
    {"find", {{"app.sif"}, {"app.sif", "/@"}, {"-print0", "app.sif"}, {"--json", "app.sif", "-name", "a*"}, {"app.sif", "-name", "@["}, {"app.sif", "-user", "@"}, {"app.sif", "-newer", "/none@"}}},
    {"du", {{"-a", "app.sif"}, {"--layers", "app.tar"}, {"--duplicates", "app.sif"}, {"--json", "-a", "app.tar"}, {"app.sif", "/none@"}}},
    {"history", {{"app.tar"}, {"--files", "app.tar"}, {"--json", "--files", "app.tar"}, {"app.sif"}, {"@"}}},
    {"report", {{"-F", "-o", "page@", "app.tar"}, {"--json", "-F", "-o", "page@", "app.sif"}, {"-o", "page", "@"}}},
    {"edit", {{"--label", "a=@", "app.sqfs"}, {"--json", "--name", "@", "app.sqfs"}, {"--remove-label", "@", "app.sif"}, {"--remove", "/none@", "app.sif"}, {"--add", "@:/x", "@"}}},
    {"check", {{"app.sif"}, {"--deep", "app.tar"}, {"--json", "app.sif"}, {"--sarif", "app.sif"}, {"--for", "@", "app.sif"}, {"--glibc", "@", "app.sif"}, {"@"}}},
    {"sbom gen", {{"app.sif"}, {"--format", "cyclonedx", "app.tar"}, {"--name", "@", "app.sif"}, {"--format", "@", "app.sif"}, {"@"}}},
    {"sbom add", {{"--json", "app.sif"}, {"app.sif", "@"}, {"--format", "@", "app.sif", "data"}}},
    {"sbom list", {{"app.sif"}, {"--json", "app.sif"}, {"@"}}},
    {"sbom get", {{"app.sif"}, {"--format", "@", "app.sif"}, {"@"}}},
    {"diff", {{"app.tar", "box"}, {"--with-singularity", "app.tar", "app.sif"}, {"--json", "app.sif", "odd.sif"}, {"--ignore", "@[", "app.sif", "box"}, {"@", "app.sif"}}},
    {"digest", {{"app.sif"}, {"app.tar"}, {"--tree", "app.tar"}, {"--json", "--tree", "app.sif"}, {"@"}}},
    {"tar", {{"app.sif"}, {"app.sif", "/none@"}, {"@"}}},
    {"cp", {{"app.sif", "/@", "copy"}, {"--json", "app.sif", "/@", "copy2"}, {"app.sif", "/none@", "copy3"}, {"app.sif", "/", "copy4"}, {"app.sif", "/@", "copy"}}},
    {"pull", {{"docker://127.0.0.1:1/@"}, {"@"}, {"shub://@"}, {"--name", "@", "--no-https", "--retries", "0", "http://127.0.0.1:1/x.sif"}, {"--authfile", "@", "--no-https", "--retries", "0", "docker://127.0.0.1:1/x"}}},
    {"push", {{"@", "oras://127.0.0.1:1/x"}, {"app.sif", "@"}, {"--no-https", "--retries", "0", "app.sif", "oras://127.0.0.1:1/x"}, {"app.sif", "oras://127.0.0.1:1/@"}, {"app.sif", "docker://127.0.0.1:1/@"}, {"--annotation", "@", "app.sif", "oras://127.0.0.1:1/x"}}},
    {"registry login", {{"@"}, {"--username", "@", "@"}}},
    {"registry logout", {{"@"}, {"--authfile", "@", "127.0.0.1:1"}}},
    {"registry list", {{"--authfile", "@"}, {"--json", "--authfile", "@"}}},
    {"sif header", {{"odd.sif"}, {"@"}}},
    {"sif list", {{"odd.sif"}, {"--json", "odd.sif"}, {"@"}}},
    {"sif info", {{"1", "odd.sif"}, {"--json", "1", "odd.sif"}, {"1", "@"}}},
    {"sif dump", {{"1", "odd.sif"}, {"@", "odd.sif"}}},
    {"sif new", {{"@"}, {"no/@"}}},
    {"sif add", {{"odd.sif", "data", "--datatype", "7", "--filename", "@", "--json"}, {"odd.sif", "data", "--datatype", "9", "--sbomformat", "@"}, {"@", "data", "--datatype", "7"}}},
    {"sif del", {{"--json", "2", "odd.sif"}, {"9", "@"}}},
    {"sif setprim", {{"1", "@"}}},
    {"sif set", {{"1", "odd.sif", "--name", "@", "--json"}, {"1", "odd.sif", "--digest", "@"}, {"1", "@", "--name", "x"}}},
    {"sif compact", {{"odd.sif", "--json"}, {"@"}}},
    {"sign", {{"@"}, {"odd.sif", "--key", "@"}, {"odd.sif", "--key-name", "@"}}},
    {"verify", {{"app.sif"}, {"--json=v1", "app.sif"}, {"--json", "app.sif"}, {"@"}, {"app.sif", "@"}, {"--key", "@", "app.sif"}, {"--policy", "@", "app.sif"}}},
    {"key newpair", {{"-N", "Eve \xc2\x9b" "31m", "--no-passphrase"}, {"-N", "@", "--no-passphrase"}, {"--expires", "@"}}},
    {"key list", {{}, {"--json"}, {"--keydir", "@"}}},
    {"key import", {{"key.asc"}, {"@"}}},
    {"key export", {{"--armor", "Ada"}, {"--armor", "@"}}},
    {"key remove", {{"@"}}},
    {"key search", {{"--keyserver", "SERVER", "x"}, {"--keyserver", "SERVER", "--json", "x"}, {"--keyserver", "@", "x"}}},
    {"key pull", {{"--keyserver", "SERVER", "FINGERPRINT"}, {"@"}}},
    {"key push", {{"--keyserver", "SERVER", "FINGERPRINT"}, {"@"}}},
    {"completion", {{"@"}}},
    {"man", {{"@"}}},
    {"version", {{"@"}}},
    {"help", {{"@"}}},
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
  return text;
}

}  // namespace

TEST_CASE("no verb steers a terminal by what a stranger has written", "[cli][terminal][hostile]") {
  const Stranger stranger;
  if (!stranger.on_terminal({"version"})) SKIP_TEST("no pseudo-terminal can be had");
  for (const auto& verb : verbs_below()) {
    std::string name;
    for (const auto& word : verb) name += (name.empty() ? "" : " ") + word;
    INFO(name);
    const auto commands = kCommands.find(name);
    REQUIRE(commands != kCommands.end());  // a new verb belongs into the table above
    bool shown = false;
    for (const auto& command : commands->second) {
      auto args = verb;
      std::string line;
      for (const auto& word : command) {
        args.push_back(replaced(replaced(replaced(word, "@", kEvilBytes), "SERVER", "http://" + stranger.service.place()), "FINGERPRINT", stranger.fingerprint));
        line += word + " ";
      }
      INFO(line);
      const auto terminal = stranger.on_terminal(args);
      REQUIRE(terminal);
      const int code = terminal->wait();
      INFO(terminal->screen());
      CHECK(code < 128);
      CHECK(code != exit_code(ErrorKind::internal));
      CHECK_FALSE(steers(terminal->screen()));
      shown = shown || terminal->screen().find("\\x1b") != std::string::npos || terminal->screen().find("\\u009b") != std::string::npos || terminal->screen().find("\\xc2\\x9b") != std::string::npos;
    }
    CHECK(shown);
  }
}

TEST_CASE("a file or a pipe gets the bytes as they are", "[cli][terminal]") {
  const Stranger stranger;
  CHECK(stranger.program({"cat", "app.sif", "/text"}).out == kEvilBytes);
  CHECK(stranger.program({"sif", "dump", "1", "odd.sif"}).out == kEvilBytes);
  CHECK(stranger.program({"inspect", "-H", "app.sqfs"}).out == kEvilBytes + "\n");
  CHECK(stranger.program({"inspect", "-H", "box"}).out == kEvilBytes + "\n");
  CHECK(stranger.program({"inspect", "-d", "odd.sif"}).out == kEvilBytes + "\n");
  CHECK_THAT(stranger.program({"inspect", "-l", "app.sif"}).out, ContainsSubstring(kEvil + ": " + kEvil + "\n"));
  CHECK_THAT(stranger.program({"ls", "app.sif"}).out, ContainsSubstring("\n" + kEvilBytes + "\n") || ContainsSubstring(kEvilBytes + "\n"));
}

TEST_CASE("the bar is the only thing that controls a terminal", "[cli][terminal]") {
  const Stranger stranger;
  std::vector<std::string> environment = stranger.environment();
  std::replace(environment.begin(), environment.end(), std::string("TERM=dumb"), std::string("TERM=xterm"));
  const auto terminal = Terminal::start({"/usr/bin/env", "-C", stranger.directory.path().string(), tested_program(), "build", "bar.sif", "app.tar"}, environment, true);
  if (!terminal) SKIP_TEST("no pseudo-terminal can be had");
  CHECK(terminal->wait() == 0);
  CHECK_THAT(terminal->screen(), ContainsSubstring("\r\x1b[K"));
  CHECK_FALSE(steers(replaced(terminal->screen(), "\r\x1b[K", "")));
}

TEST_CASE("a character that comes in pieces is one", "[cli][terminal]") {
  std::ostringstream terminal;
  {
    cli::TerminalFilter filter(terminal);
    std::ostream out(&filter);
    for (const char c : std::string("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\xc2\x9b\n\t\x1b")) out << c << std::flush;
    CHECK(terminal.str() == "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\\u009b\n\t\\x1b");
    out << "\xe2\x82";
    cli::TerminalFilter::clear_line(out);
  }
  CHECK(terminal.str().ends_with("\\x1b\r\x1b[K\\xe2\\x82"));
}

TEST_CASE("a passphrase is typed unseen, also after Ctrl-Z and fg", "[cli][terminal][key]") {
  const Stranger stranger;
  std::vector<std::string> environment = stranger.environment();
  environment.pop_back();  // SIFKIT_PASSPHRASE
  const auto terminal = Terminal::start({"/usr/bin/env", "-C", stranger.directory.path().string(), "bash", "--norc", "--noprofile", "--noediting", "-i"}, environment, false);
  if (!terminal) SKIP_TEST("no pseudo-terminal can be had");
  const std::string question = "Passphrase for the new key: ";
  terminal->type(tested_program() + " key newpair -N Eve\n");
  terminal->wait_for(question);
  CHECK_FALSE(terminal->echoes());
  terminal->type("half a sec");
  terminal->type("\x1a");
  CHECK_THAT(terminal->wait_for("Stopped"), ContainsSubstring("Stopped"));
  CHECK(terminal->echoes());
  terminal->type("fg\n");
  terminal->wait_for(question, 2);
  CHECK_FALSE(terminal->echoes());
  terminal->type("secret\n");
  terminal->wait_for("The same again: ");
  terminal->type("\x1a");
  terminal->wait_for("Stopped", 2);
  terminal->type("fg\n");
  terminal->wait_for("The same again: ", 2);
  CHECK_FALSE(terminal->echoes());
  terminal->type("secret\n");
  CHECK_THAT(terminal->wait_for("  Eve"), ContainsSubstring("  Eve"));
  terminal->type("exit\n");
  CHECK(terminal->wait() == 0);
  CHECK(terminal->screen().find("half a sec") == std::string::npos);
  CHECK(terminal->screen().find("secret") == std::string::npos);
}
