// SPDX-License-Identifier: Apache-2.0
//
// `check` as a command: exit codes, records, damage.
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/programs.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct CheckFixture {
  TempDir directory;
  std::string archive = (directory / "app.tar").string();
  std::string sif = (directory / "app.sif").string();

  CheckFixture() {
    TestImage image;
    image.layers = {TarBuilder()
                        .directory("bin")
                        .file("bin/sh", elf_program(), 0755)
                        .file("etc/open", std::string(300000, 'x'), 0666)
                        .bytes()};
    image.config = Json{{"Cmd", {"/bin/sh"}}};
    write_file(archive, as_tar(docker_24(image)));
    REQUIRE(run_cli({"build", "-q", sif, archive}).code == 0);
  }
};

}  // namespace

TEST_CASE("check tells severities apart by its exit code", "[cli][check]") {
  const CheckFixture shelf;
  const auto found = run_cli({"check", shelf.archive});
  CHECK(found.code == 0);
  CHECK(
      found.out ==
      "architecture  amd64\nwarning: world-writable: '/etc/open': a file of mode 0666\n0 errors, 1 warning, 0 notes\n");
  CHECK(run_cli({"check", "--fail-on", "warning", shelf.archive}).code == 1);
  CHECK(run_cli({"check", "--fail-on", "note", shelf.archive}).code == 1);
  CHECK(run_cli({"check", "-q", shelf.archive}).out == "warning: world-writable: '/etc/open': a file of mode 0666\n");
  CHECK_THAT(run_cli({"check", "-v", shelf.archive}).out, ContainsSubstring("\n  to do: chmod o-w it\n"));
  const auto foreign = run_cli({"check", "--for", "linux/aarch64", shelf.archive});
  CHECK(foreign.code == 1);
  CHECK_THAT(foreign.out, ContainsSubstring("error: architecture: the image is for amd64, the machine is arm64\n"));
  for (const std::string os : {"windows", "darwin", "freebsd"}) {
    const auto other = run_cli({"check", "--for", os + "/amd64", shelf.archive});
    CHECK(other.code == exit_code(ErrorKind::usage));
    CHECK(other.err == "sifkit: error: --for '" + os + "/amd64': containers run on linux, not on '" + os + "'\n");
  }
  CHECK(run_cli({"check", "--glibc", "new", shelf.archive}).err ==
        "sifkit: error: --glibc 'new': expected a version such as 2.28\n");
  CHECK(run_cli({"check", "--fail-on", "never", shelf.archive}).code == exit_code(ErrorKind::usage));
  CHECK(run_cli({"check", "--sarif", "--json", shelf.archive}).code == exit_code(ErrorKind::usage));
  CHECK(run_cli({"check", (shelf.directory / "none").string()}).code == exit_code(ErrorKind::not_found));
}

TEST_CASE("an image for a later variant of a machine does not run on it", "[cli][check]") {
  const TempDir directory;
  TestImage image;
  image.layers = {TarBuilder().directory("bin").file("bin/sh", "#!/bin/busybox\n", 0755).bytes()};
  image.architecture = "arm";
  const auto checked = [&](const std::string& variant, const std::string& machine) {
    image.variant = variant;
    write_file(directory / "app.tar", as_tar(docker_24(image)));
    const auto result = run_cli({"check", "--platform", "linux/arm/" + variant, "--for", machine, (directory / "app.tar").string()});
    const auto at = result.out.find("error: architecture: ");
    return at == std::string::npos ? std::string() : result.out.substr(at + 21, result.out.find('\n', at) - at - 21);
  };
  CHECK(checked("v7", "linux/arm/v6") == "the image is for arm/v7, the machine is arm/v6");
  CHECK(checked("v7", "armel") == "the image is for arm/v7, the machine is arm/v6");
  CHECK(checked("v6", "linux/arm/v7").empty());
  CHECK(checked("v7", "armv8l").empty());
  CHECK(checked("v7", "linux/arm").empty());
}

TEST_CASE("check gives a record and SARIF", "[cli][check]") {
  const CheckFixture shelf;
  const auto record = Json::parse(run_cli({"check", "--json", shelf.sif}).out);
  CHECK(record["schema"] == "sifkit/check/v1");
  CHECK(record["facts"]["architecture"] == "amd64");
  CHECK(record["facts"]["libc"] == nullptr);
  CHECK(record["warnings"] == 1);
  CHECK(record["findings"][0] == Json{{"code", "world-writable"},
                                      {"severity", "warning"},
                                      {"path", "/etc/open"},
                                      {"text", "a file of mode 0666"},
                                      {"action", "chmod o-w it"}});
  CHECK(record["findings"].back()["code"] == "unsigned");
  const auto sarif = Json::parse(run_cli({"check", "--sarif", shelf.sif}).out);
  CHECK(sarif["runs"][0]["results"].size() == record["findings"].size());
}

TEST_CASE("check tells of compression that old kernels do not read, and of damage", "[cli][check]") {
  const CheckFixture shelf;
  const auto other = (shelf.directory / "other.sif").string();
  REQUIRE(run_cli({"build", "-q", "--compress", "zstd", "--block-size", "16K", other, shelf.archive}).code == 0);
  const auto found = run_cli({"check", other}).out;
  CHECK_THAT(found, ContainsSubstring("note: block-size: blocks of 16384 bytes") &&
                        ContainsSubstring("note: compressor: zstd: kernels before 4.14"));
  // Bytes of the only file that is not looked at otherwise.
  REQUIRE(run_cli({"build", "-q", "-F", "--compress", "none", other, shelf.archive}).code == 0);
  CHECK(run_cli({"check", "--deep", other}).code == 0);
  REQUIRE(run_cli({"build", "-q", "-F", other, shelf.archive}).code == 0);
  auto bytes = read_file(other);
  const auto start = bytes.find("hsqs");
  REQUIRE(start != std::string::npos);
  for (std::size_t i = start + 96; i < start + 160; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  write_file(other, bytes);
  const auto damaged = run_cli({"check", "--deep", other});
  CHECK(damaged.code == 1);
  CHECK_THAT(damaged.out, ContainsSubstring("error: damaged: "));
}

TEST_CASE("check counts all findings, those that it does not list too", "[cli][check]") {
  const TempDir directory;
  TarBuilder root;
  root.directory("bin").file("bin/sh", elf_program(), 0755).directory("etc").directory("opt");
  root.file("opt/a", "closed", 0600).file("opt/b", "closed", 0600).directory("opt/open");
  for (int i = 0; i < 203; ++i) root.file("opt/open/" + std::to_string(i), "x", 0666);
  TestImage image;
  image.layers = {root.bytes()};
  image.config = Json{{"Cmd", {"/bin/sh"}}};
  const auto archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  const auto found = run_cli({"check", archive});
  CHECK_THAT(found.out, ContainsSubstring("note: unreadable: '/opt/a': an ordinary user may not read it and 1 other\n"
                                          "3 more warnings of the kind world-writable\n0 errors, 203 warnings, 1 note\n"));
  CHECK(run_cli({"check", "--fail-on", "warning", archive}).code == 1);
  const auto record = Json::parse(run_cli({"check", "--json", archive}).out);
  CHECK(record["warnings"] == 203);
  CHECK(record["findings"].size() == 201);
  CHECK(record["omitted"] == Json::array({{{"code", "world-writable"}, {"severity", "warning"}, {"count", 3}}}));
  CHECK(Json::parse(run_cli({"check", "--sarif", archive}).out)["runs"][0]["results"].size() == 201);
}
