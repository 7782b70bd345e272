// SPDX-License-Identifier: Apache-2.0
//
// `check` as a command: exit codes, records, damage.
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/elf_objects.h"
#include "support/image_shapes.h"
#include "support/programs.h"
#include "support/run_process.h"
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
  CHECK_THAT(found.out, ContainsSubstring("note: unreadable: '/opt/a': an ordinary user may not read it\n"
                                          "note: unreadable: '/opt/b': an ordinary user may not read it\n"
                                          "3 more warnings of the kind world-writable\n0 errors, 203 warnings, 2 notes\n"));
  CHECK(run_cli({"check", "--fail-on", "warning", archive}).code == 1);
  const auto record = Json::parse(run_cli({"check", "--json", archive}).out);
  CHECK(record["warnings"] == 203);
  CHECK(record["findings"].size() == 202);
  CHECK(record["omitted"] == Json::array({{{"code", "world-writable"}, {"severity", "warning"}, {"count", 3}}}));
  CHECK(Json::parse(run_cli({"check", "--sarif", archive}).out)["runs"][0]["results"].size() == 202);
}

TEST_CASE("an image is signed where a signature covers its file system", "[cli][check]") {
  const CheckFixture shelf;
  const auto key = (shelf.directory / "key.pem").string();
  REQUIRE(run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", key}).code == 0);
  const auto unsigned_text = [&] {
    const Json record = Json::parse(run_cli({"check", "--json", shelf.sif}).out);
    for (const auto& finding : record["findings"]) {
      if (finding["code"] == "unsigned") return finding["text"].get<std::string>();
    }
    return std::string();
  };
  CHECK(unsigned_text() == "the SIF has no signature");
  const auto image = sif::Image::open(shelf.sif);
  const auto partition = image.primary_partition()->id;
  std::uint32_t other = 0;
  for (const auto* object : image.objects()) {
    if (object->id != partition && object->group() == image.primary_partition()->group()) other = object->id;
  }
  REQUIRE(other != 0);
  REQUIRE(run_cli({"sign", "-q", "--key", key, "--sif-id", std::to_string(other), shelf.sif}).code == 0);
  CHECK(unsigned_text() == "no signature covers the file system of the SIF");
  REQUIRE(run_cli({"sign", "-q", "--key", key, shelf.sif}).code == 0);
  CHECK(unsigned_text().empty());
}

TEST_CASE("check goes by a SIF's own environment and runscript", "[cli][check]") {
  const TempDir directory;
  const auto archive = (directory / "app.tar").string();
  const auto sif = (directory / "app.sif").string();
  TestImage image;
  image.layers = {TarBuilder()
                      .directory("etc")
                      .symlink("bin", "usr/bin")
                      .file("usr/lib/x86_64-linux-gnu/libc.so.6", glibc(), 0755)
                      .file("lib64/ld-linux-x86-64.so.2", elf_object({.soname = "ld-linux-x86-64.so.2"}), 0755)
                      .file("usr/bin/sh", dynamic_program(), 0755)
                      .file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755)
                      .file("opt/x/libx.so.1", elf_object({.needed = {"libc.so.6"}, .soname = "libx.so.1"}))
                      .bytes()};
  image.config = Json{{"Entrypoint", {"/opt/none"}}, {"Env", {"LD_LIBRARY_PATH=/opt/x"}}};
  write_file(archive, as_tar(docker_24(image)));
  REQUIRE(run_cli({"build", "-q", sif, archive}).code == 0);
  const auto of_image = run_cli({"check", "-q", sif});
  CHECK(of_image.code == 1);
  CHECK(of_image.out ==
        "error: program-missing: '/opt/none': the entrypoint '/opt/none' is not in the image\n");
  // The configuration of the image that it was made of has no say in what somebody writes later.
  write_file(directory / "run", "#!/bin/sh\nexec tool \"$@\"\n");
  REQUIRE(run_cli({"edit", "-q", sif, "--runscript", (directory / "run").string()}).code == 0);
  CHECK(run_cli({"check", "-q", sif}).out.empty());
  REQUIRE(run_cli({"edit", "-q", sif, "--env", "LD_LIBRARY_PATH=/opt/other"}).code == 0);
  CHECK(run_cli({"check", "-q", sif}).out ==
        "error: library-missing: '/usr/bin/tool': it needs 'libx.so.1', which is at '/opt/x/libx.so.1', where the "
        "loader does not look\n");
}

TEST_CASE("of several images check takes the one for the machine", "[cli][check]") {
  const TempDir directory;
  const auto archive = "oci-archive:" + (directory / "two.tar").string();
  LayoutBuilder layout;
  Json entries = Json::array();
  for (const auto& [architecture, machine] : {std::pair("amd64", EM_X86_64), std::pair("arm64", EM_AARCH64)}) {
    TestImage image;
    image.architecture = architecture;
    image.tag.clear();
    image.config = Json{{"Cmd", {"/bin/sh"}}};
    image.layers = {TarBuilder()
                        .directory("etc")
                        .file("bin/sh", elf_program({}, static_cast<std::uint16_t>(machine)), 0755)
                        .bytes()};
    entries.push_back(layout.entry(image, layout.manifest_of(image)));
  }
  write_file(directory / "two.tar", as_tar(layout.finish(entries)));
  for (const std::string machine : {"amd64", "arm64"}) {
    const auto found = run_cli({"check", "--for", "linux/" + machine, archive});
    CHECK(found.code == 0);
    CHECK(found.out == "architecture  " + machine + "\n0 errors, 0 warnings, 0 notes\n");
  }
  const auto chosen = run_cli({"check", "--for", "linux/amd64", "--arch", "arm64", archive});
  CHECK(chosen.code == 1);
  CHECK_THAT(chosen.out, ContainsSubstring("error: architecture: the image is for arm64, the machine is amd64\n"));
  const auto unknown = run_cli({"check", "--for", "linux/foo", archive});
  CHECK(unknown.code == exit_code(ErrorKind::usage));
  CHECK_THAT(unknown.err,
             ContainsSubstring("--for 'linux/foo': 'foo' is no architecture of Linux that is known"));
}

TEST_CASE("a damaged file keeps no other one from being judged, and is told once", "[cli][check]") {
  const TempDir directory;
  const auto archive = (directory / "app.tar").string();
  const auto sif = (directory / "app.sif").string();
  TestImage image;
  image.layers = {TarBuilder()
                      .directory("etc")
                      .file("bin/sh", elf_program(), 0755)
                      .file("opt/big.so", std::string(300000, 'x'))
                      .file("root/.netrc", "machine x login y password z\n")
                      .bytes()};
  image.config = Json{{"Cmd", {"/bin/sh"}}};
  write_file(archive, as_tar(docker_24(image)));
  REQUIRE(run_cli({"build", "-q", sif, archive}).code == 0);
  auto bytes = read_file(sif);
  const auto start = bytes.find("hsqs");
  REQUIRE(start != std::string::npos);
  // Its first block is that of the only file with a whole one.
  for (std::size_t i = start + 96; i < start + 160; ++i) bytes[i] = static_cast<char>(~bytes[i]);
  write_file(sif, bytes);
  for (const bool deep : {false, true}) {
    const auto found = deep ? run_cli({"check", "--deep", sif}) : run_cli({"check", sif});
    CHECK(found.code == 1);
    CHECK_THAT(found.out, ContainsSubstring("error: damaged: '/opt/big.so': ") &&
                              ContainsSubstring(": it is not judged\n") &&
                              ContainsSubstring("warning: secret-file: '/root/.netrc': ") &&
                              ContainsSubstring("\n1 error, 1 warning, "));
  }
}
