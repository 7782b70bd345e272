// SPDX-License-Identifier: Apache-2.0
//
// --json: where it may stand, and what is then on standard output and standard error.
#include <set>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"
#include "support/verbs.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::EndsWith;

namespace {

struct ImageFixture {
  TempDir directory;
  Environment environment{keys_below(directory.path().string())};
  std::string archive = (directory / "app.tar").string();
  std::string image = (directory / "app.sif").string();
  ImageFixture() {
    write_file(archive, as_tar(docker_24(small_image())));
    REQUIRE(run_cli({"build", "-q", image, archive}).code == 0);
  }
};

Json error_record(const CliResult& result) {
  const auto record = Json::parse(result.err);  // throws at anything in front of it or behind it
  CHECK(record["schema"] == "sifkit/error/v1");
  CHECK(record["exit_code"] == result.code);
  return record;
}

}  // namespace

TEST_CASE("the options --json and -d may stand in front of the verb or behind it", "[cli][json]") {
  const ImageFixture fixture;
  const auto behind = run_cli({"sif", "list", "--json", fixture.image});
  CHECK(behind.code == 0);
  CHECK(Json::parse(behind.out)["schema"] == "sifkit/sif-list/v1");
  CHECK(run_cli({"--json", "sif", "list", fixture.image}).out == behind.out);
  CHECK(error_record(run_cli({"--json", "ls", "none.sif"}))["kind"] == "not_found");
  CHECK(run_cli({"--json", "verify", fixture.image}).out == run_cli({"verify", "--json", fixture.image}).out);
  for (const std::string flag : {"-d", "--debug"}) {
    CHECK(run_cli({"version", flag}).code == 0);
    CHECK(run_cli({"build", flag, "-F", fixture.image, fixture.archive}).err ==
          run_cli({"--debug", "build", "-F", fixture.image, fixture.archive}).err);
  }
  CHECK(run_cli({"ls", "-d", fixture.image, "/"}).out == "/\n");  // its own
  CHECK_THAT(run_cli({"inspect", "-d", fixture.image}).out, ContainsSubstring("bootstrap: docker-archive"));
}

TEST_CASE("verbs whose output is no record say so in their help, and their errors are records", "[cli][json]") {
  static const std::set<std::string> kBytes{"cat", "tar", "sbom gen", "sbom get", "sif dump", "completion", "man"};
  const ImageFixture fixture;
  for (const auto& verb : verbs_below()) {
    auto args = verb;
    args.push_back("--help");
    std::string name;
    for (const auto& word : verb) name += (name.empty() ? "" : " ") + word;
    const bool errors_only = kBytes.contains(name);
    INFO(verb.back());
    CHECK((run_cli(args).out.find("Print errors as JSON records") != std::string::npos) == errors_only);
  }
  CHECK(error_record(run_cli({"cat", "--json", fixture.image, "/none"}))["kind"] == "not_found");
  CHECK(error_record(run_cli({"sif", "dump", "--json", "99", fixture.image}))["kind"] == "not_found");
  CHECK(error_record(run_cli({"completion", "--json", "tcsh"}))["kind"] == "usage");
  CHECK(error_record(run_cli({"man", "--json", "build"}))["kind"] == "usage");
}

TEST_CASE("verify --json gives the record of its error where every verb does", "[cli][json][verify]") {
  const ImageFixture fixture;
  const auto result = run_cli({"verify", "--json", fixture.image});
  CHECK(result.code == exit_code(ErrorKind::unsigned_image));
  CHECK(Json::parse(result.out)["Signatures"] == 0);
  const auto record = error_record(result);
  CHECK(record["kind"] == "unsigned");
  CHECK(record["message"] == "signature not found for object group 1");
  CHECK(record["context"] == Json{"'" + fixture.image + "'"});
  CHECK(record["hint"] == "'sifkit sign' signs an image");
  CHECK(error_record(run_cli({"verify", "--json", fixture.archive}))["kind"] == "unsupported");
}

TEST_CASE("with --json no progress is printed", "[cli][json]") {
  const ImageFixture fixture;
  const auto built = run_cli({"build", "--json", "-F", fixture.image, fixture.archive});
  CHECK(built.code == 0);
  CHECK(Json::parse(built.out)["schema"] == "sifkit/build/v1");
  std::istringstream lines(built.err);
  for (std::string line; std::getline(lines, line);) CHECK(line.starts_with("sifkit: warning: "));
  error_record(run_cli({"key", "search", "--json", "--keyserver", "http://127.0.0.1:9", "x"}));
}

TEST_CASE("an image that nobody has signed was not checked", "[cli][verify]") {
  const ImageFixture fixture;
  const auto result = run_cli({"verify", fixture.image});
  CHECK(result.code == exit_code(ErrorKind::unsigned_image));
  CHECK_THAT(
      result.out,
      EndsWith(
          "FAILED: unsigned: signature not found for object group 1; none of the 4 objects has a valid signature\n"));
}

TEST_CASE("of an image that was changed behind its signature is said what to do with it", "[cli][verify]") {
  const ImageFixture fixture;
  REQUIRE(run_cli({"key", "newpair", "--no-passphrase", "-N", "Ada"}).code == 0);
  REQUIRE(run_cli({"sign", fixture.image}).code == 0);
  const auto objects = Json::parse(run_cli({"sif", "list", "--json", fixture.image}).out)["objects"];
  auto bytes = read_file(fixture.image);
  bytes.at(objects[3]["offset"].get<std::size_t>() + 200) ^= 1;
  write_file(fixture.image, bytes);
  const auto result = run_cli({"verify", fixture.image});
  CHECK(result.code == exit_code(ErrorKind::tampered));
  CHECK_THAT(result.out, EndsWith(": data object integrity compromised: 4; all 4 objects were checked\n"));
  CHECK(result.err.ends_with(
      "\n  hint: the image is not what was signed: do not use it, and get it again from where it comes from\n"));
}
