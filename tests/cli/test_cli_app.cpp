// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <sifkit/core/json.h>

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
  CHECK_THAT(run_cli({"key"}).err, ContainsSubstring("a verb is missing") && ContainsSubstring("hint: newpair, list, ") && ContainsSubstring("see 'sifkit key --help'"));
}

TEST_CASE("for verbs that other tools have it is said what there is here", "[cli]") {
  const std::pair<const char*, const char*> verbs[] = {{"exec", "apptainer exec"},          {"run", "apptainer run"},  {"shell", "apptainer shell"}, {"search", "sifkit key search"},
                                                       {"instance", "instance"},   {"remote", "--keyserver"},           {"oci", "oci:DIR"},        {"delete", "sifkit sif del"}, {"config", "sifkit man"},
                                                       {"list", "'sif list'"}, {"dump", "did you mean 'sif dump'?"}, {"newpair", "did you mean 'key newpair'?"}, {"header", "'sif header'"}};
  for (const auto& [verb, instead] : verbs) {
    INFO(verb);
    for (const std::vector<std::string>& args : {std::vector<std::string>{verb}, {verb, "x", "y"}, {verb, "--fakeroot"}}) {
      const auto result = run_cli(args);
      CHECK(result.code == 2);
      CHECK_THAT(result.err, ContainsSubstring(std::string("no verb '") + verb + "'") && ContainsSubstring(instead));
    }
  }
  const auto listed = run_cli({"sif", "ls", "none.sif"});
  CHECK(listed.code == 3);
  CHECK(run_cli({"help", "sif", "ls"}).out == run_cli({"sif", "list", "--help"}).out);
}

TEST_CASE("an option that is not there is named, with the nearest one if one is near", "[cli]") {
  struct Slip {
    std::vector<std::string> args;
    std::string option;
    std::string meant;
  };
  const std::vector<Slip> slips{{{"build", "--forse", "a.sif", "b.tar"}, "--forse", "--force"},
                                {{"build", "--forse"}, "--forse", "--force"},
                                {{"build", "a.sif", "b.tar", "--lable=A=B"}, "--lable", "--label"},
                                {{"build", "a.sif", "b.tar", "--noreproducible"}, "--noreproducible", "--no-reproducible"},
                                {{"build", "a.sif", "b.tar", "--verify"}, "--verify", "--verify-after"},
                                {{"build", "a.sif", "b.tar", "-force"}, "-force", "--force"},
                                {{"sif", "add", "a.sif", "b", "--datatyp", "1"}, "--datatyp", "--datatype"},
                                {{"sif", "add", "a.sif", "b", "-datatype", "1"}, "-datatype", "--datatype"},
                                {{"key", "list", "--secert"}, "--secert", "--secret"},
                                {{"verify", "a.sif", "--certificate-r", "x"}, "--certificate-r", "--certificate-roots"},
                                {{"verify", "a.sif", "--cert", "x"}, "--cert", ""},
                                {{"build", "a.sif", "b.tar", "--whatever"}, "--whatever", ""},
                                {{"build", "a.sif", "b.tar", "-x"}, "-x", ""},
                                {{"--versoin"}, "--versoin", "--version"},
                                {{"sif", "--json", "list", "a.sif"}, "--json", ""}};
  for (const auto& slip : slips) {
    INFO(slip.args[0] << " " << slip.option);
    const auto result = run_cli(slip.args);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    if (!slip.meant.empty()) {
      CHECK_THAT(result.err, ContainsSubstring("has no option '" + slip.option + "'") && ContainsSubstring("hint: did you mean '" + slip.meant + "'?"));
    } else {
      CHECK_THAT(result.err, !ContainsSubstring("did you mean"));
      CHECK_THAT(result.err, ContainsSubstring("--help'"));
    }
  }
}

TEST_CASE("an argument too few or too many is named, and a word of a verb is an argument like any other", "[cli]") {
  CHECK_THAT(run_cli({"build", "a.sif"}).err, ContainsSubstring("error: SRC is missing") && ContainsSubstring("usage: sifkit build OUT SRC [options]"));
  CHECK_THAT(run_cli({"build", "a.sif", "b.tar", "c"}).err, ContainsSubstring("'c' is one argument too many"));
  CHECK_THAT(run_cli({"build", "a.sif", "b.tar", "--threads"}).err, ContainsSubstring("error: --threads needs a value (N)"));
  CHECK_THAT(run_cli({"build", "a.sif", "b.tar", "--force=maybe"}).err, ContainsSubstring("--force is a switch: expected no value, found 'maybe'"));
  CHECK_THAT(run_cli({"version", "--progress", "pretty"}).err, ContainsSubstring("--progress: expected auto, bar, plain, json or none, got 'pretty'"));
  CHECK_THAT(run_cli({"build", "--", "-a", "-b", "--force"}).err, ContainsSubstring("'--force' is one argument too many"));
  for (const std::string word : {"sign", "images", "version"}) {
    INFO(word);
    CHECK(run_cli({"inspect", word}).code == 3);
    CHECK(run_cli({"sif", "list", word}).code == 3);
    CHECK(run_cli({"build", "/nowhere/a.sif", word}).code == 3);
  }
}

TEST_CASE("whatever was typed wrong steers no terminal, and is a record where records are wanted", "[cli]") {
  const std::string odd = "\033[31mx\xff";
  const std::vector<std::vector<std::string>> lines{{odd}, {"build", "a", "b", "--" + odd}, {"build", "a", "b", "--threads", odd}, {"build", "a", "b", "--force=" + odd},
                                                    {"version", "--progress", odd}, {"completion", odd}, {"sif", odd}, {"help", odd}, {"version", odd}, {"key", "newpair", "--algorithm", odd}};
  for (auto args : lines) {
    INFO(args[0] << " " << args.size());
    const auto told = run_cli(args);
    CHECK(told.code == 2);
    CHECK(told.err.find('\033') == std::string::npos);
    CHECK(told.err.find('\xff') == std::string::npos);
    args.push_back("--json");
    const auto record = sifkit::Json::parse(run_cli(args).err);
    CHECK(record["kind"] == "usage");
    CHECK(record["exit_code"] == 2);
  }
}

TEST_CASE("help goes to standard output", "[cli]") {
  const auto result = run_cli({"--help"});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, ContainsSubstring("version"));
  CHECK(run_cli({"version", "--help"}).code == 0);

  const auto without = run_cli({});
  CHECK(without.out.empty());
  CHECK(without.err == result.out);
}

TEST_CASE("help knows every verb, at the top and in groups", "[cli]") {
  CHECK(run_cli({"help"}).out == run_cli({"--help"}).out);
  CHECK(run_cli({"help", "build"}).out == run_cli({"build", "--help"}).out);
  CHECK(run_cli({"help", "sif"}).out == run_cli({"sif", "--help"}).out);
  CHECK(run_cli({"sif", "help"}).out == run_cli({"sif", "--help"}).out);
  CHECK(run_cli({"help", "sif", "add"}).out == run_cli({"sif", "add", "--help"}).out);
  CHECK(run_cli({"key", "help", "list"}).out == run_cli({"key", "list", "--help"}).out);
  CHECK(sifkit::Json::parse(run_cli({"help", "key", "--json"}).out)["text"] == run_cli({"key", "--help"}).out);
  for (const auto& args : std::vector<std::vector<std::string>>{{"help", "biuld"}, {"help", "sif", "lst"}, {"sif", "help", "lst"}, {"help", "build", "x"}, {"--help", "biuld"}, {"sif", "--help", "lst"}, {"-h", ""}}) {
    const auto result = run_cli(args);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, ContainsSubstring("no verb '" + args.back() + "'"));
  }
}

TEST_CASE("quiet, verbose and debug may stand before the verb", "[cli]") {
  for (const std::string flag : {"-q", "--quiet", "-v", "--verbose", "-d", "--debug", "-s", "--silent", "--nocolor"})
    CHECK(run_cli({flag, "version"}).code == 0);
  CHECK_THAT(run_cli({"-q", "key", "list", "--keydir", "/nowhere"}).err, !ContainsSubstring("no keys"));
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
  CHECK(sifkit::human_bytes(0) == "0 B");
  CHECK(sifkit::human_bytes(1023) == "1023 B");
  CHECK(sifkit::human_bytes(1024) == "1.0 KiB");
  CHECK(sifkit::human_bytes(1048575) == "1.0 MiB");
  CHECK(sifkit::human_bytes(5ull << 40) == "5.0 TiB");
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
