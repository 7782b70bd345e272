// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include "support/catch.h"
#include "support/cli_run.h"

#include "console.h"

using sifkit::testing::run_cli;

TEST_CASE("a wrong command line is exit code 2 and names the nearest verb", "[cli]") {
  const auto result = run_cli({"verzion"});
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, ContainsSubstring("no verb 'verzion'"));
  CHECK_THAT(result.err, ContainsSubstring("hint: did you mean 'version'?"));

  CHECK(run_cli({}).code == 2);
  CHECK(run_cli({"version", "--no-such-flag"}).code == 2);
  const auto inner = run_cli({"sif", "lsit", "x.sif"});
  CHECK(inner.code == 2);
  CHECK_THAT(inner.err, ContainsSubstring("no verb 'lsit'") && ContainsSubstring("hint: did you mean 'list'?"));
  CHECK_THAT(run_cli({"key"}).err, ContainsSubstring("a verb is missing") && ContainsSubstring("hint: see 'sifkit key --help'"));
}

TEST_CASE("help goes to standard output", "[cli]") {
  const auto result = run_cli({"--help"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, ContainsSubstring("version"));
  CHECK(run_cli({"version", "--help"}).code == 0);
}

TEST_CASE("a result that cannot be written is an error", "[cli]") {
  std::ostringstream err;
  std::ostream broken(nullptr);
  sifkit::cli::Console io{.out = broken, .err = err};
  const std::vector<std::string> args{"version"};
  CHECK(sifkit::cli::run(args, io) == 5);
  CHECK_THAT(err.str(), ContainsSubstring("standard output"));
}

TEST_CASE("sizes and times are written for people", "[cli]") {
  using namespace sifkit::cli;
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1048575) == "1.0 MiB");
  CHECK(human_bytes(5ull << 40) == "5.0 TiB");
  CHECK(human_time(59.6) == "1:00");
  CHECK(human_time(3723) == "1:02:03");
}

TEST_CASE("numbers are decimal digits and nothing else", "[cli]") {
  const std::vector<std::vector<std::string>> options{{"build", "x.sif", "none.tar", "--threads"},    {"build", "x.sif", "none.tar", "--service-timeout"}, {"sign", "x.sif", "--keyidx"}, {"sign", "x.sif", "--group-id"},
                                                      {"sign", "x.sif", "--sif-id"},                  {"sign", "x.sif", "--passphrase-fd"},                {"verify", "x.sif", "-g"},      {"verify", "x.sif", "--id"},
                                                      {"sif", "add", "x.sif", "none", "--datatype"},  {"sif", "add", "x.sif", "none", "--partarch"},       {"sif", "add", "x.sif", "none", "--groupid"},
                                                      {"sif", "add", "x.sif", "none", "--alignment"}};
  for (const auto& option : options) {
    for (const std::string number : {"", " ", "+2", "0x10", "1e3", "2 ", " 2", "2.0", "2K", "1_000", "two", "true", "99999999999999999999"}) {
      auto args = option;
      args.push_back(number);
      INFO(option[0] << " " << option.back() << " '" << number << "'");
      const auto result = run_cli(args);
      CHECK(result.code == 2);
      CHECK_THAT(result.err, ContainsSubstring("expected a number from ") && ContainsSubstring("got '" + number + "'"));
    }
  }
  // Not octal: the file is not there, which is found out after the options.
  CHECK(run_cli({"build", "x.sif", "none.tar", "-j", "010"}).code == 3);
  CHECK_THAT(run_cli({"build", "x.sif", "none.tar", "--service-timeout", "086401"}).err, ContainsSubstring("from 1 to 86400"));
}

TEST_CASE("the bar fits a terminal that is made narrower meanwhile", "[cli]") {
  using namespace sifkit::cli;
  std::ostringstream out;
  std::ostringstream err;
  Console io{.out = out, .err = err};
  ConsoleLogger logger(io, sifkit::LogLevel::info);
  int columns = 0;
  ConsoleProgress progress(logger, ProgressStyle::bar, [&] { return columns; });
  for (const int width : {100, 40, 10, 1, 0, 300}) {
    INFO(width);
    columns = width;
    err.str({});
    progress.stage("packing", 1000);
    std::string line = err.str();
    line.erase(0, line.starts_with("\r\033[K") ? 4 : 0);
    CHECK(line.starts_with("p"));
    CHECK(line.size() < static_cast<std::size_t>(std::max(width, 2)));
  }
}
