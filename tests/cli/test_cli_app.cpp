// SPDX-License-Identifier: Apache-2.0
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
