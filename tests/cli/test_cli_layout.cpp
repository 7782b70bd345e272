// SPDX-License-Identifier: Apache-2.0
//
// What stands where on a terminal: the progress bar, tables.
#include <regex>
#include <thread>

#include "console.h"
#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"
#include "table.h"

using namespace sifkit;
using namespace sifkit::cli;
using namespace sifkit::testing;

namespace {

std::size_t columns_of(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80; }));
}

CliResult run_on_terminal(const std::vector<std::string>& args, int columns) {
  std::ostringstream out;
  std::ostringstream err;
  Console io{.out = out, .err = err};
  io.out_is_terminal = true;
  io.width = [columns] { return columns; };
  const int code = cli::run(args, io);
  return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("in the progress bar everything keeps its place", "[cli][layout]") {
  std::ostringstream out;
  std::ostringstream err;
  Console io{.out = out, .err = err};
  ConsoleLogger logger(io, LogLevel::info);
  ConsoleProgress progress(logger, ProgressStyle::bar, [] { return 80; });
  const auto line = [&] {
    auto text = err.str();
    err.str({});
    return text.substr(text.rfind('\r') == std::string::npos ? 0 : text.rfind('\r') + 4);
  };
  progress.stage("packing", 2000u << 20);
  CHECK(line() == "packing              0 %         0 B                               [..........]");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  for (const std::uint64_t bytes :
       {std::uint64_t{90000}, std::uint64_t{150} << 20, std::uint64_t{1200} << 20}) {
    progress.advance(bytes);
    const auto text = line();
    INFO(text);
    CHECK(text.size() == 79);
    CHECK(std::regex_match(
        text,
        std::regex(
            "packing            [ 0-9]{3} % [ 0-9.]{7} [KMG]?i?B +[0-9.]+ [KMG]?i?B/s +[0-9:]+ left  \\[[#.]{10}\\]")));
    CHECK(text.find('%') == 23);
    CHECK(text.find("/s") == 48);
    CHECK(text.find(" left") == 60);
    std::this_thread::sleep_for(std::chrono::milliseconds(110));
  }
  progress.stage("packing", ~std::uint64_t{0});
  line();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  progress.advance(5);
  const auto slow = line();
  CHECK(slow.find("left") == std::string::npos);  // a million years
  CHECK(slow.find('[') == 67);
  progress.stage("waiting for the service", 0);
  CHECK(line() == "waiting for the service");
}

TEST_CASE("a table gives way where it may, and to the width that there is", "[cli][layout]") {
  Table table({"ID", "KEY", "NAME"});
  table.allow_cut(1, 5, Keep::end);
  table.allow_cut(2, 4, Keep::start);
  table.add({"1", "0123456789ABCDEF", "Ödipus Rex"});
  table.add({"2", "AB", "x"});
  CHECK(table.text() == "ID  KEY               NAME\n1   0123456789ABCDEF  Ödipus Rex\n2   AB                x\n");
  const auto in = [&](int columns) {
    std::ostringstream stream;
    Console io{.out = stream, .err = stream};
    io.out_is_terminal = true;
    io.width = [columns] { return columns; };
    return table.text(io);
  };
  CHECK(in(32) == table.text());
  CHECK(in(24) == "ID  KEY        NAME\n1   …89ABCDEF  Ödipus R…\n2   AB         x\n");
  CHECK(in(17) == "ID  KEY    NAME\n1   …CDEF  Ödipu…\n2   AB     x\n");
  CHECK(in(1) == "ID  KEY    NAME\n1   …CDEF  Ödi…\n2   AB     x\n");
}

TEST_CASE("key list and images fit the terminal, and are whole elsewhere", "[cli][layout]") {
  TempDir directory;
  const Environment environment(keys_below(directory.path().string()));
  const auto made = run_cli({"key", "newpair", "--no-passphrase", "--json", "-N",
                             "Ada Lovelace of the Analytical Engine", "-E", "ada@example.org"});
  REQUIRE(made.code == 0);
  const auto fingerprint = Json::parse(made.out)["key"]["fingerprint"].get<std::string>();
  auto image = small_image();
  image.tag = "registry.example.org/a/rather/long/name/of/an/image:with-its-tag";
  write_file(directory / "app.tar", as_tar(docker_24(image)));
  const auto archive = (directory / "app.tar").string();
  for (const auto& args : {std::vector<std::string>{"key", "list"}, std::vector<std::string>{"images", archive}}) {
    std::istringstream lines(run_on_terminal(args, 80).out);
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(columns_of(line) <= 80);
    }
  }
  CHECK_THAT(run_on_terminal({"key", "list"}, 80).out,
             ContainsSubstring("…" + fingerprint.substr(fingerprint.size() - 16)));
  CHECK_THAT(run_on_terminal({"key", "list"}, 200).out,
             ContainsSubstring(fingerprint + "  ") &&
                 ContainsSubstring("Ada Lovelace of the Analytical Engine <ada@example.org>\n"));
  CHECK_THAT(run_cli({"key", "list"}).out,
             ContainsSubstring(fingerprint + "  ") &&
                 ContainsSubstring("Ada Lovelace of the Analytical Engine <ada@example.org>\n"));
  CHECK_THAT(run_on_terminal({"images", archive}, 80).out, ContainsSubstring(":with-its-tag "));
  CHECK_THAT(run_cli({"images", archive}).out,
             ContainsSubstring("registry.example.org/a/rather/long/name/of/an/image:with-its-tag  "));
}

TEST_CASE("history cuts commands to the terminal's width, unless that is not wanted", "[cli][layout]") {
  TempDir directory;
  TestImage image = small_image();
  const std::string command = "RUN make && " + std::string(150, 'x') + " && end";
  image.history = {{{"created_by", command}}};
  write_file(directory / "app.tar", as_tar(docker_24(image)));
  const auto archive = (directory / "app.tar").string();
  const auto cut = run_on_terminal({"history", archive}, 80).out;
  CHECK_THAT(cut, ContainsSubstring("RUN make && x") && !ContainsSubstring("end"));
  CHECK_THAT(run_on_terminal({"history", "--no-trunc", archive}, 80).out, ContainsSubstring(command + "\n"));
  CHECK(run_cli({"history", archive}).out == run_cli({"history", "--no-trunc", archive}).out);
}
