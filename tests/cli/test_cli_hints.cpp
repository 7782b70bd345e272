// SPDX-License-Identifier: Apache-2.0
//
// What a message says the user can do.
#include <cerrno>
#include <random>

#include <unistd.h>

#include <sifkit/core/error.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/fault_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

constexpr const char* kCopyAgain = "\n  hint: copy or download it again, as binary\n";
constexpr const char* kFreeSpace = "\n  hint: free some space there\n";

}  // namespace

TEST_CASE("the name of a Docker image as a source gets the transport that takes it", "[cli][messages]") {
  const auto hint_for = [](const std::string& source) { return run_cli({"build", "out.sif", source}).err; };
  CHECK(hint_for("app:latest") ==
        "sifkit: error: source 'app:latest': unknown transport 'app'\n"
        "  hint: an image of a registry is docker://app:latest, one of the local Docker service "
        "docker-daemon:app:latest, one of podman's "
        "podman:app:latest\n");
  CHECK(hint_for("user/app:1.0-RC") ==
        "sifkit: error: open 'user/app': no such file or directory\n"
        "  hint: an image of a registry is docker://user/app:1.0-RC, one of the local Docker service "
        "docker-daemon:user/app:1.0-RC, one of podman's "
        "podman:user/app:1.0-RC\n");
  for (const std::string name : {"localhost:5000/app", "localhost:5000/app:1", "ghcr.io/owner/app:1", "app_x:1"})
    CHECK_THAT(hint_for(name), ContainsSubstring(" docker-daemon:" + name + ","));
  for (const std::string other : {"appx:/tmp/app.tar", "appx://y", "appx:"}) {
    CHECK_THAT(hint_for(other), ContainsSubstring("unknown transport 'appx'\n  hint: known: docker:, oras:, library:, docker-archive:, "));
  }
  for (const std::string path : {"none.d/app", "none.d/App:x y", "none.d/a:b:c"})
    CHECK_THAT(hint_for(path), !ContainsSubstring("hint:"));
}

TEST_CASE("what is compressed and would be read without that is to be decompressed", "[cli][messages]") {
  TempDir directory;
  const auto at = [&](const std::string& name) { return (directory / name).string(); };
  const auto archive = as_tar(docker_24(small_image()));
  write_file(directory / "app.tar", archive);
  REQUIRE(run_cli({"build", "-q", at("app.sif"), at("app.tar")}).code == 0);
  write_file(directory / "app.sif.gz", through("gzip -c", read_file(directory / "app.sif")));
  write_file(directory / "app.tar.xz.gz", through("xz -c | gzip -c", archive));
  const auto sif = run_cli({"build", at("out.sif"), at("app.sif.gz")});
  CHECK(sif.err ==
        "sifkit: error: what is in '" + at("app.sif.gz") +
            "' (gzip) is a SIF image, an image or a root file system was expected\n  hint: decompress it first\n");
  const auto twice = run_cli({"build", at("out.sif"), at("app.tar.xz.gz")});
  CHECK(twice.err ==
        "sifkit: error: what is in '" + at("app.tar.xz.gz") +
            "' (gzip) is xz data, an image or a root file system was expected\n  hint: decompress it first\n");
}

TEST_CASE("an archive that is cut or was copied as text is to be copied again", "[cli][messages]") {
  TempDir directory;
  const auto archive = as_tar(docker_24(small_image()));
  std::string crlf;
  for (const char c : archive) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::vector<std::pair<std::string, std::string>> damaged{
      {"cut.tar", archive.substr(0, archive.size() / 2 / 512 * 512 + 100)}, {"crlf.tar", crlf}};
  for (const std::string program : {"gzip", "xz", "bzip2", "zstd"}) {
    const auto packed = through(program + " -c", archive);
    damaged.emplace_back("cut." + program, packed.substr(0, packed.size() - 20));
  }
  for (const auto& [name, bytes] : damaged) {
    INFO(name);
    write_file(directory / name, bytes);
    const auto result =
        run_cli({"build", "-q", (directory / "out.sif").string(), "docker-archive:" + (directory / name).string()});
    INFO(result.err);
    CHECK((result.code == exit_code(ErrorKind::malformed) || result.code == exit_code(ErrorKind::integrity)));
    CHECK(result.err.ends_with(kCopyAgain));
  }
}

TEST_CASE("a full disk is named with the file, once, and with what helps there", "[cli][messages][dynamic]") {
  if (::access("/dev/full", W_OK) != 0) SKIP_TEST("no /dev/full");
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q ../app.sif ../app.tar").code == 0);
  const std::string full = "sifkit: error: write to standard output: no space left on device";
  CHECK(fixture.shell("$SIFKIT cat ../app.sif /bin/tool /etc/new >/dev/full").err == full + kFreeSpace);
  CHECK(fixture.shell("$SIFKIT sif list ../app.sif >/dev/full").err == full + kFreeSpace);
  CHECK(fixture.shell("$SIFKIT sif dump 1 ../app.sif >/dev/full").err == full + kFreeSpace);
  CHECK(
      fixture.shell("$SIFKIT --json cat ../app.sif /bin/tool >/dev/full").err ==
      R"({"context":[],"exit_code":6,"hint":"free some space there","kind":"no_space","message":"write to standard output: no space left on device","schema":"sifkit/error/v1"})"
      "\n");

  const auto no_space = std::to_string(ENOSPC);
  const auto built = fixture.build("pwrite:1:" + no_space);
  CHECK(built.code == exit_code(ErrorKind::no_space));
  CHECK_THAT(
      built.err,
      StartsWith("sifkit: error: write 'app.sif' at offset ") &&
          EndsWith(": no space left on device\n  hint: free some space or choose another directory for the output\n"));
  CHECK(count_of(built.err, "app.") == 1);
  const auto box = fixture.build("pwrite:1:" + no_space, "--sandbox");
  CHECK(box.code == exit_code(ErrorKind::no_space));
  CHECK_THAT(box.err, StartsWith("sifkit: error: write 'app.sif' at offset ") && EndsWith(" for the output\n"));

  const std::string shim =
      "LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=pwrite:1:" + no_space + " ";
  const auto added =
      fixture.shell("cp ../app.sif add.sif && " + shim + "$SIFKIT sif add --datatype 7 --groupid 1 add.sif ../app.tar");
  CHECK_THAT(added.err, StartsWith("sifkit: error: write 'add.sif' at offset ") &&
                            EndsWith(std::string(": no space left on device") + kFreeSpace));
}

TEST_CASE("where temporary data cannot be, the hint names the option for it", "[cli][messages][dynamic]") {
  const FaultFixture fixture;
  std::mt19937 random(1);
  std::string bytes(3u << 20, '\0');  // too much to be held in memory
  for (char& c : bytes) c = static_cast<char>(random());
  TestImage image = small_image();
  image.layers.front() = TarBuilder().directory("bin").file("bin/tool", bytes, 0755).bytes();
  write_file(fixture.directory / "app.tar", as_tar(docker_24(image)));
  const std::string missing =
      "sifkit: error: 'standard input': create a scratch file in 'none': no such file or directory\n  hint: choose another directory for "
      "temporary data: --tmpdir DIR, SIFKIT_TMPDIR or TMPDIR\n";
  CHECK(fixture.shell("cat ../app.tar | $SIFKIT build -q --tmpdir none app.sif -").err == missing);
  CHECK(fixture.shell("cat ../app.tar | SIFKIT_TMPDIR=none $SIFKIT build -q app.sif -").err == missing);
  const auto full = fixture.shell("cat ../app.tar | LD_PRELOAD=" SIFKIT_FAULT_SHIM
                                  " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=pwrite:1:" +
                                  std::to_string(ENOSPC) + " $SIFKIT build -q --tmpdir .. app.sif -");
  CHECK(full.code == exit_code(ErrorKind::no_space));
  CHECK_THAT(full.err, StartsWith("sifkit: error: write '.. (scratch)' at offset ") &&
                           EndsWith("\n  hint: choose another directory for temporary data, with room for the image: "
                                    "--tmpdir DIR, SIFKIT_TMPDIR or TMPDIR\n"));
}

TEST_CASE("a full disk is told with the file's name, once, by whatever writes", "[cli][messages][dynamic]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../app.tar; head -c 9000 /dev/zero >data; openssl genpkey -algorithm ed25519 -out key.pem 2>&1; "
                        "for i in 1 2; do $SIFKIT sif add app.sif data --datatype 7 --groupid 1; done; $SIFKIT sif del 6 app.sif; "
                        "SIFKIT_CONFIGDIR=$PWD/config $SIFKIT key newpair -q --no-passphrase -N Ada")
              .code == 0);
  const std::string before = read_file(fixture.out / "app.sif");
  const std::pair<std::string, std::string> verbs[] = {
      {"sif new -F app.sif", "app.sif"},         {"sif add app.sif data --datatype 7", "app.sif"},
      {"sif del 2 app.sif", "app.sif"},          {"sif set --name x 2 app.sif", "app.sif"},
      {"sif compact app.sif", "app.sif"},        {"sign --key key.pem app.sif", "app.sif"},
      {"edit --label a=b app.sif", "app.sif"},   {"sbom add app.sif", "app.sif"},
      {"sbom gen -o x.json app.sif", "x.json"},  {"report -o x.html app.sif", "x.html"},
      {"cp app.sif /bin/tool ./tool", "./tool"}, {"key export -o x.asc Ada", "x.asc"}};
  for (const auto& [words, name] : verbs) {
    INFO(words);
    const auto result = fixture.shell("LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_CONFIGDIR=$PWD/config "
                                      "SIFKIT_FAULT=pwrite:1:" + std::to_string(ENOSPC) + " $SIFKIT " + words);
    INFO(result.err);
    CHECK(result.code == exit_code(ErrorKind::no_space));
    CHECK_THAT(result.err, ContainsSubstring(": write '" + name + "' at offset ") &&
                               EndsWith(": no space left on device\n  hint: free some space there\n"));
    CHECK(count_of(result.err, name) == 1);
    CHECK((read_file(fixture.out / "app.sif") == before));
  }
}

TEST_CASE("of several keys the hint says how one is chosen", "[cli][key][messages]") {
  TempDir directory;
  const Environment environment(keys_below(directory.path().string()));
  write_file(directory / "app.tar", as_tar(docker_24(small_image())));
  const auto image = (directory / "app.sif").string();
  REQUIRE(run_cli({"build", "-q", image, (directory / "app.tar").string()}).code == 0);
  std::string keys;
  for (const std::string name : {"Ada", "Bob"}) {
    const auto made = run_cli({"key", "newpair", "--no-passphrase", "--json", "-N", name});
    REQUIRE(made.code == 0);
    keys += (keys.empty() ? "[0] " : "; [1] ") + Json::parse(made.out)["key"]["fingerprint"].get<std::string>() + " " +
            name;
  }
  const auto result = run_cli({"sign", image});
  CHECK(result.code == exit_code(ErrorKind::usage));
  CHECK_THAT(
      result.err,
      EndsWith("\n  hint: choose one with --key-name FINGERPRINT, or with -k N of 'sifkit sign': " + keys + "\n"));
  CHECK_THAT(run_cli({"sign", "-k", "2", image}).err, EndsWith("\n  hint: there are " + keys + "\n"));
  CHECK(run_cli({"sign", "-k", "1", image}).code == 0);
}

TEST_CASE("a limit that is none gets those that there are, a verb of a verb is called that", "[cli][messages]") {
  const auto limit = run_cli({"build", "out.sif", "none.tar", "--limit", "x=1"});
  CHECK(limit.code == exit_code(ErrorKind::usage));
  CHECK_THAT(limit.err, ContainsSubstring("--limit 'x=1': unknown limit 'x'\n  hint: the limits are ") &&
                            ContainsSubstring("layers, metadata_bytes, "));
  CHECK_THAT(run_cli({"help", "build", "sign"}).err, StartsWith("sifkit: error: 'sifkit build' has no verb 'sign'\n"));
  CHECK_THAT(run_cli({"key", "sign"}).err, StartsWith("sifkit: error: 'sifkit key' has no verb 'sign'\n"));
  CHECK_THAT(run_cli({"sing"}).err, StartsWith("sifkit: error: no verb 'sing'\n"));
}
