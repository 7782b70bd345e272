// SPDX-License-Identifier: Apache-2.0
//
// One broken image for each kind of finding, and roots that are in order.
#include <algorithm>
#include <set>

#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>

#include "support/check_fixture.h"
#include "support/programs.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

const std::string kKey = "-----BEGIN OPENSSH PRIVATE KEY-----\n" + std::string(64, 'b') + "\n" + std::string(64, 'c') +
                         "\n" + std::string(64, 'd') + "\n-----END OPENSSH PRIVATE KEY-----\n";

}  // namespace

TEST_CASE("roots that are in order have no findings", "[inspect][check]") {
  const auto debian_like = checked(debian());
  CHECK(debian_like.lines == Lines{});
  CHECK(debian_like.report.facts.architecture == "amd64");
  CHECK(debian_like.report.facts.libc == "glibc 2.36");
  CHECK(debian_like.report.facts.kernel == "3.2.0");
  // Alpine: musl's loader is its libc, and every library name of C is its own.
  const auto alpine = checked(
      TarBuilder()
          .directory("etc")
          .directory("bin")
          .directory("lib")
          .directory("usr")
          .directory("usr/lib")
          .file("lib/ld-musl-x86_64.so.1", elf_object({.soname = "libc.musl-x86_64.so.1"}), 0755)
          .symlink("lib/libc.musl-x86_64.so.1", "ld-musl-x86_64.so.1")
          .file("bin/busybox",
                elf_object({.loader = "/lib/ld-musl-x86_64.so.1", .needed = {"libc.musl-x86_64.so.1", "libz.so.1"}}),
                0755)
          .file("usr/lib/libz.so.1.2", elf_object({.needed = {"libc.musl-x86_64.so.1"}, .soname = "libz.so.1"}), 0755)
          .symlink("usr/lib/libz.so.1", "libz.so.1.2")
          .symlink("bin/sh", "/bin/busybox"));
  CHECK(alpine.lines == Lines{});
  CHECK(alpine.report.facts.libc == "musl");
  // Fedora: everything in lib64.
  const auto fedora = checked(TarBuilder()
                                  .directory("etc")
                                  .directory("usr")
                                  .directory("usr/bin")
                                  .directory("usr/lib64")
                                  .symlink("bin", "usr/bin")
                                  .symlink("lib64", "usr/lib64")
                                  .file("usr/lib64/libc.so.6", glibc({"GLIBC_2.9", "GLIBC_2.38"}), 0755)
                                  .file("usr/lib64/ld-linux-x86-64.so.2", elf_object({}), 0755)
                                  .file("usr/bin/bash", dynamic_program(), 0755)
                                  .symlink("usr/bin/sh", "bash"));
  CHECK(fedora.lines == Lines{});
  CHECK(fedora.report.facts.libc == "glibc 2.38");
}

TEST_CASE("libraries are found where the loader looks, and nowhere else", "[inspect][check]") {
  const auto library = elf_object({.needed = {"libc.so.6"}, .soname = "libx.so.1"});
  CHECK(checked(debian().file("usr/bin/tool", dynamic_program({"libx.so.1", "libc.so.6"}), 0755)).lines ==
        Lines{"error library-missing /usr/bin/tool: it needs 'libx.so.1', which is not in the image"});
  auto there = debian();
  there.directory("opt").directory("opt/x").file("opt/x/libx.so.1", library, 0755);
  CHECK(
      checked(TarBuilder(there).file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755)).lines ==
      Lines{
          "error library-missing /usr/bin/tool: it needs 'libx.so.1', which is at '/opt/x/libx.so.1', where the loader does not look"});
  const auto with = [](ElfSpec spec) {
    spec.loader = "/lib64/ld-linux-x86-64.so.2";
    return elf_object(spec);
  };
  CHECK(checked(TarBuilder(there).file("usr/bin/tool",
                                       with({.needed = {"libx.so.1"}, .runpath = "/none:$ORIGIN/../../opt/x"}), 0755))
            .lines == Lines{});
  CHECK(checked(TarBuilder(there).file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755),
                Json{{"Cmd", {"/bin/sh"}}, {"Env", {"LD_LIBRARY_PATH=/opt/x"}}})
            .lines == Lines{});
  // RPATH is inherited by what is loaded, RUNPATH is not.
  there.file("opt/x/liby.so", elf_object({.needed = {"libx.so.1"}, .soname = "liby.so", .runpath = "/none"}), 0755);
  there.file("opt/x/libz.so", elf_object({.needed = {"libx.so.1"}, .soname = "libz.so"}), 0755);
  CHECK(
      checked(TarBuilder(there).file("usr/bin/tool", with({.needed = {"libz.so"}, .rpath = "/opt/x"}), 0755)).lines ==
      Lines{
          "note library-missing /opt/x/liby.so: it needs 'libx.so.1', which is at '/opt/x/libx.so.1', where the loader does not look"});
  const auto inherited =
      checked(TarBuilder(there).file("usr/bin/tool", with({.needed = {"libz.so"}, .runpath = "/opt/x"}), 0755)).lines;
  REQUIRE(inherited.size() == 2);
  CHECK(
      inherited[0] ==
      "error library-missing /usr/bin/tool: it needs 'libx.so.1' for '/opt/x/libz.so', which is at '/opt/x/libx.so.1', where the loader does not look");
  // A library for another machine is passed over; what the driver brings is no fault.
  CHECK(checked(debian()
                    .file("usr/lib/x86_64-linux-gnu/libx.so.1",
                          elf_object({.soname = "libx.so.1", .machine = EM_AARCH64}), 0755)
                    .file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755))
            .lines.size() == 1);
  CHECK(checked(debian().file("usr/bin/tool", dynamic_program({"libcuda.so.1"}), 0755)).lines ==
        Lines{"note needs-host-driver /usr/bin/tool: it needs 'libcuda.so.1', which the host's driver brings"});
  CHECK(checked(debian().file("usr/bin/tool",
                              with({.needed = {"libc.so.6"},
                                    .needs = {{"libc.so.6", "GLIBC_2.38"}, {"libc.so.6", "GLIBC_2.2.5"}}}),
                              0755))
            .lines ==
        Lines{"error symbol-version /usr/bin/tool: it needs version 'GLIBC_2.38' of 'libc.so.6', which is older"});
}

TEST_CASE("a library in glibc-hwcaps alone is there for some processors", "[inspect][check]") {
  const auto library = elf_object({.needed = {"libc.so.6"}, .soname = "libx.so.1"});
  const std::string place = "usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libx.so.1";
  const auto root = debian().file(place, library, 0755).file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755);
  CHECK(checked(root).lines ==
        Lines{"warning cpu-level /usr/bin/tool: it needs 'libx.so.1', which is there for processors of the level 'x86-64-v3' alone"});
  CHECK(checked(TarBuilder(root).file("usr/lib/x86_64-linux-gnu/libx.so.1", library, 0755)).lines == Lines{});
  // Beside a RUNPATH, too; what a library there lacks is told as of any other.
  auto beside = debian();
  beside.file("opt/x/glibc-hwcaps/x86-64-v2/libx.so.1", elf_object({.needed = {"liby.so"}, .soname = "libx.so.1"}), 0755);
  beside.file("usr/bin/tool", elf_object({.loader = "/lib64/ld-linux-x86-64.so.2", .needed = {"libx.so.1"}, .runpath = "/opt/x"}), 0755);
  const auto found = checked(beside).lines;
  REQUIRE(found.size() == 3);
  CHECK(found[0] == "error library-missing /usr/bin/tool: it needs 'liby.so' for '/opt/x/glibc-hwcaps/x86-64-v2/libx.so.1', which is not in the image");
  CHECK(found[1] == "warning cpu-level /usr/bin/tool: it needs 'libx.so.1', which is there for processors of the level 'x86-64-v2' alone");
  // Other machines have other levels, and musl none.
  CHECK(checked(debian().file("usr/lib/x86_64-linux-gnu/glibc-hwcaps/power9/libx.so.1", library, 0755)
                    .file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755)).lines[0].starts_with("error library-missing"));
}

TEST_CASE("secrets that a later layer hides are still in the archive", "[inspect][check]") {
  const TempDir directory;
  TestImage image;
  image.layers = {debian().file("root/.netrc", "machine x login y password z\n").file("srv/key.pem", kKey).file("srv/kept.pem", kKey).file("srv/plain.txt", "x").bytes(),
                  TarBuilder().file("srv/.wh.key.pem", "").file("srv/plain.txt", "y").file("srv/token.txt", "ghp_" + std::string(36, 'a')).bytes(),
                  TarBuilder().file("root/.wh..wh..opq", "").file("srv/token.txt", "").bytes()};
  image.config = Json{{"Cmd", {"/bin/sh"}}};
  write_file(directory / "image.tar", as_tar(docker_24(image)));
  WarningList warnings;
  const auto opened = open_file_system(oci::Reference::parse((directory / "image.tar").string()), {}, warnings);
  Lines lines;
  for (const auto& finding : check::check_image(*opened, {}).findings) lines.push_back(finding.code + " " + finding.path + ": " + finding.text);
  CHECK(lines ==
        Lines{"hidden-secret /root/.netrc: layer 1 of 3 has it, though a later one hides it: the file has passwords of servers",
              "hidden-secret /srv/key.pem: layer 1 of 3 has it, though a later one hides it: the file has a whole key (OPENSSH PRIVATE KEY)",
              "hidden-secret /srv/token.txt: layer 2 of 3 has it, though a later one hides it: in the file is a token of GitHub, ghp_aaaa…",
              "private-key /srv/kept.pem: the file has a whole key (OPENSSH PRIVATE KEY)"});
}

TEST_CASE("machines and C libraries", "[inspect][check]") {
  CHECK(checked(debian(), Json{{"Cmd", {"/bin/sh"}}}, {.architecture = "arm64"}).lines ==
        Lines{"error architecture : the image is for amd64, the machine is arm64"});
  CHECK(checked(debian(), Json{{"Cmd", {"/bin/sh"}}}, {.glibc = "2.37"}).lines ==
        Lines{"error glibc-too-old : libraries of the host need glibc 2.37, and the image has 2.36"});
  CHECK(checked(debian(), Json{{"Cmd", {"/bin/sh"}}}, {.glibc = "2.9"}).lines == Lines{});
  CHECK(checked(debian().file("usr/bin/other", elf_program({}, EM_AARCH64), 0755)).lines ==
        Lines{"warning program-architecture /usr/bin/other: a program for arm64 in an image for amd64"});
  CHECK(
      checked(debian()
                  .file("usr/bin/static", elf_program({}, EM_386), 0755)
                  .file("usr/bin/musl", elf_program("/lib/ld-musl-x86_64.so.1"), 0755)
                  .file("usr/bin/other", elf_program("/lib/ld-musl-x86_64.so.1"), 0755))
          .lines ==
      Lines{
          "error program-loader /usr/bin/musl: it needs the loader '/lib/ld-musl-x86_64.so.1', which is not in the image, as 1 more does"});
  CHECK(checked(TarBuilder().directory("bin").file("bin/sh", elf_program({}, EM_AARCH64), 0755)).lines ==
        Lines{"error architecture /bin/sh: the image says that it is for amd64, its shell is for arm64"});
  CHECK(checked(debian().file("usr/lib/x86_64-linux-gnu/libc.so.6",
                              elf_object({.soname = "libc.so.6", .offers = {"GLIBC_2.39"}, .kernel = {4, 4, 0}}), 0755))
            .lines == Lines{"warning kernel-floor : the image's C library needs Linux 4.4.0 or newer"});
  CHECK(
      checked(debian().file("usr/bin/script", "#!/usr/bin/perl -w\n", 0755)).lines ==
      Lines{
          "note program-interpreter /usr/bin/script: it needs the interpreter '/usr/bin/perl', which is not in the image"});
}

TEST_CASE("processors that an image does not run on are told", "[inspect][check]") {
  const std::string libc = "usr/lib/x86_64-linux-gnu/libc.so.6";
  const auto root = [&](std::uint32_t levels) {
    return debian().file(libc, elf_object({.soname = "libc.so.6", .offers = {"GLIBC_2.34"}, .levels = levels}), 0755);
  };
  const std::string needs = " cpu-floor : the image's C library needs processors of the level x86-64-v";
  CHECK(checked(root(1)).report.facts.processor.empty());
  const auto second = checked(root(3));
  CHECK(second.lines == Lines{"note" + needs + "2"});
  CHECK(second.report.facts.processor == "x86-64-v2");
  CHECK(checked(root(7)).lines == Lines{"warning" + needs + "3"});
  const Json shell{{"Cmd", {"/bin/sh"}}};
  CHECK(checked(root(3), shell, {.architecture = "amd64", .variant = "v1"}).lines ==
        Lines{"error" + needs + "2, the machine has amd64/v1"});
  CHECK(checked(root(3), shell, {.architecture = "amd64", .variant = "v3"}).lines == Lines{"note" + needs + "2"});
  // A library without a note: what is known of the distribution.
  const auto of = [&](const std::string& release) { return root(0).file("etc/os-release", release); };
  CHECK(checked(of("ID=\"rocky\"\nVERSION_ID=\"9.4\"\n")).lines == Lines{"note" + needs + "2"});
  CHECK(checked(of("ID=rhel\nVERSION_ID=10.0\n")).lines == Lines{"warning" + needs + "3"});
  CHECK(checked(of("ID=debian\nVERSION_ID=9\n")).lines == Lines{});
  CHECK(checked(root(1).file("etc/os-release", "ID=rhel\nVERSION_ID=9\n")).lines == Lines{});
  // Programs, and what loaders choose by the processor.
  const std::string program = elf_object({.loader = "/lib64/ld-linux-x86-64.so.2", .levels = 7});
  CHECK(checked(root(3).file("usr/bin/one", program, 0755).file("usr/bin/two", program, 0755)).lines ==
        Lines{"warning cpu-floor /usr/bin/one: it needs processors of the level x86-64-v3, as 1 more does",
              "note" + needs + "2"});
  CHECK(checked(root(1).directory("opt").file("opt/lib.so", elf_object({.soname = "lib.so", .levels = 3}), 0755)).lines ==
        Lines{"note cpu-floor /opt/lib.so: it needs processors of the level x86-64-v2"});
  CHECK(checked(root(1)
                    .directory("usr/lib/x86_64-linux-gnu/glibc-hwcaps")
                    .directory("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3")
                    .file("usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/libz.so.1",
                          elf_object({.soname = "libz.so.1", .levels = 7}), 0755))
            .lines == Lines{});
}

TEST_CASE("what is started must start for an ordinary user", "[inspect][check]") {
  const auto code = [](const TarBuilder& root, const Json& config) {
    const auto found = checked(root, config);
    Lines out;
    for (const auto& finding : found.report.findings)
      out.push_back(std::string(to_string(finding.severity)) + " " + finding.code);
    return out;
  };
  CHECK(code(debian(), Json{{"Entrypoint", {"/app/none"}}}) == Lines{"error program-missing"});
  CHECK(code(debian(), Json::object()) == Lines{"note nothing-to-run"});
  CHECK(code(debian().add({.name = "root", .type = '5', .mode = 0700}).file("root/app", dynamic_program(), 0755),
             Json{{"Cmd", {"/root/app"}}}) ==
        Lines{"error program-not-for-all", "warning hidden-by-bind"});
  CHECK(code(debian().file("app", "text", 0644), Json{{"Cmd", {"/app"}}}) == Lines{"error program-not-executable"});
  CHECK(code(debian().file("app", "#!/none/sh\n", 0755), Json{{"Cmd", {"/app"}}}) ==
        Lines{"error program-interpreter"});
  CHECK(code(debian().file("proc", ""), Json{{"Cmd", {"/bin/sh"}}}) == Lines{"error mount-point"});
}

TEST_CASE("modes, links and places that do harm on a cluster", "[inspect][check]") {
  CHECK(checked(debian().add({.name = "usr/bin/own", .data = dynamic_program(), .mode = 04755})).lines ==
        Lines{"note setuid /usr/bin/own: mode 4755, owner 0:0"});
  // What distributions bring is no finding, where they have it and of root's.
  CHECK(checked(debian()
                    .add({.name = "usr/bin/su", .data = dynamic_program(), .mode = 04755})
                    .add({.name = "usr/bin/sudo", .data = dynamic_program(), .mode = 04111})
                    .add({.name = "usr/bin/chage", .data = dynamic_program(), .mode = 02755, .gid = 42})
                    .file("etc/shadow", "x", 0)
                    .add({.name = "root", .type = '5', .mode = 0700})
                    .add({.name = "var/cache/ldconfig", .type = '5', .mode = 0700}))
            .lines.empty());
  CHECK(checked(debian().add({.name = "opt/su", .data = dynamic_program(), .mode = 04755})).lines ==
        Lines{"note setuid /opt/su: mode 4755, owner 0:0"});
  CHECK(checked(debian().add({.name = "usr/bin/su", .data = dynamic_program(), .mode = 04755, .uid = 5})).lines ==
        Lines{"note setuid /usr/bin/su: mode 4755, owner 5:0"});
  CHECK(checked(debian().file("etc/open", "x", 0666)).lines ==
        Lines{"warning world-writable /etc/open: a file of mode 0666"});
  CHECK(
      checked(debian().add({.name = "opt", .type = '5', .mode = 0777}).add({.name = "var", .type = '5', .mode = 01777}))
          .lines == Lines{"warning world-writable /opt: a directory without the sticky bit of mode 0777"});
  CHECK(checked(debian().file("etc/a", "x", 0600).file("etc/b", "x", 0640)).lines ==
        Lines{"note unreadable /etc/a: an ordinary user may not read it",
              "note unreadable /etc/b: an ordinary user may not read it"});
  CHECK(
      checked(debian().symlink("home", "var/home").symlink("etc/resolv.conf", "../run/resolv.conf")).lines ==
      Lines{
          "warning bind-point /etc/resolv.conf: a link to '../run/resolv.conf', which is not in the image: the host's file cannot be bound there",
          "warning bind-point /home: a link to 'var/home': what is bound there appears in its place, or not at all"});
  CHECK(
      checked(debian().directory("home").directory("home/me").file("home/me/tool", "#!/bin/sh\n", 0755)).lines ==
      Lines{
          "warning hidden-by-bind /home/me/tool: a program of the image in '/home', where the runtime shows the host's directory"});
}

TEST_CASE("GPU and MPI libraries, with what a site has to match", "[inspect][check]") {
  const auto found = checked(debian()
                                 .directory("usr/local")
                                 .directory("usr/local/cuda")
                                 .file("usr/local/cuda/version.json", R"({"cuda":{"name":"CUDA","version":"12.2.2"}})")
                                 .file("usr/lib/x86_64-linux-gnu/libcudart.so.12", "")
                                 .file("usr/lib/x86_64-linux-gnu/libmpi.so.40.30.4", "")
                                 .file("usr/lib/x86_64-linux-gnu/libopen-pal.so.40", "")
                                 .file("opt/rocm/.info/version", "6.0.2-115\n")
                                 .file("usr/lib/x86_64-linux-gnu/libcuda.so.535", std::string(70000, 'x')));
  CHECK(found.report.facts.cuda == "12.2.2");
  CHECK(found.report.facts.rocm == "6.0.2");
  CHECK(found.report.facts.mpi == "Open MPI 4.1 (libmpi.so.40.30.4)");
  CHECK(
      found.lines ==
      Lines{
          "warning driver-in-image /usr/lib/x86_64-linux-gnu/libcuda.so.535: libcuda.so belongs to the driver of one host",
          "note cuda /usr/local/cuda/version.json: CUDA 12.2.2, which needs a driver from 525.60 on",
          "note mpi /usr/lib/x86_64-linux-gnu/libmpi.so.40.30.4: Open MPI 4.1, ABI libmpi.so.40",
          "note rocm /opt/rocm/.info/version: ROCm 6.0.2"});
}

TEST_CASE("secrets are found, and of them no more is told than their beginning", "[inspect][check]") {
  const auto found = checked(debian()
                                 .directory("root")
                                 .directory("root/.ssh")
                                 .file("root/.ssh/id_ed25519", kKey)
                                 .file("etc/ssh/ssh_host_rsa_key", kKey)
                                 .file("etc/shadow", "root:*:1::\nme:$6$abc$def:1::\n")
                                 .file("root/.netrc", "machine x login y password z\n")
                                 .file("app/settings.env", "KEY=AKIA" + std::string(15, 'Q') + "Z\n")
                                 .file("root/.bash_history", "ls\n")
                                 .directory("app/.git")
                                 .file("root/.docker/config.json", R"({"auths":{"x":{"auth":"eA=="}}})"),
                             Json{{"Cmd", {"/bin/sh"}}, {"Env", {"TOKEN=ghp_" + std::string(36, 'a')}}});
  CHECK(
      found.lines ==
      Lines{"warning password-hash /etc/shadow: the account 'me' has a password",
            "warning private-key /root/.ssh/id_ed25519: the file has a whole key (OPENSSH PRIVATE KEY)",
            "warning secret-file /root/.docker/config.json: the file has a login of registries",
            "warning secret-file /root/.netrc: the file has passwords of servers",
            "warning ssh-host-key /etc/ssh/ssh_host_rsa_key: the key of an SSH host was made when the image was built",
            "warning token /app/settings.env: in the file is an access key of AWS, AKIAQQQQ…",
            "warning token : in the configuration is a token of GitHub, ghp_aaaa…",
            "note git-directory /app/.git: a whole repository, with what was ever in it",
            "note history /root/.bash_history: 3 bytes of commands"});
}

TEST_CASE("what looks like a secret and is none is passed over", "[inspect][check]") {
  const std::string elf = dynamic_program() + kKey;
  CHECK(checked(debian()
                    .file("usr/lib/x86_64-linux-gnu/libgnutls.so.30", elf, 0755)
                    .file("usr/lib/python3.11/test/key.pem", kKey)
                    .file("usr/share/doc/x/id_rsa.pem", kKey)
                    .file("app/cut.pem", "-----BEGIN PRIVATE KEY-----\n" + std::string(64, 'b') + "\n")
                    .file("app/marker.txt", "-----BEGIN RSA PRIVATE KEY-----\nhere\n-----END RSA PRIVATE KEY-----\n")
                    .file("root/.docker/config.json", R"({"auths":{}})")
                    .file("root/.npmrc", "//x/:_authToken=${NPM_TOKEN}\n")
                    .file("etc/shadow", "root:*:1\ndaemon:!:1\nx:!!:1\n")
                    .file("app/a.env", "AKIAIOSFODNN7EXAMPLE\nxAKIAQQQQQQQQQQQQQQQZ\nhf_short\n")
                    .file("root/.bash_history", ""))
            .lines == Lines{});
}

TEST_CASE("very many beginnings of private keys without an end cost no more than their text", "[inspect][check]") {
  std::string same;
  std::string others;
  while (same.size() < (900u << 10)) same += "-----BEGIN RSA PRIVATE KEY-----\n";
  while (others.size() < (900u << 10)) others += fmt::format("-----BEGIN {:06} PRIVATE KEY-----\n", others.size());
  CHECK(checked(debian().file("app/same.pem", same).file("app/others.pem", others)).lines == Lines{});
  // A key behind them is found, and one with the last line of another kind is none.
  CHECK(checked(debian().file("app/same.pem", same + kKey)).lines ==
        Lines{"warning private-key /app/same.pem: the file has a whole key (OPENSSH PRIVATE KEY)"});
  auto other = kKey;
  other.replace(other.rfind("OPENSSH"), 7, "RSA");
  CHECK(checked(debian().file("app/other.pem", other)).lines == Lines{});
}

TEST_CASE("a loader's cache whose entries all name one long text is read in moments", "[inspect][check]") {
  const auto u32 = [](std::size_t value) {
    std::string out;
    for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xff);
    return out;
  };
  constexpr std::size_t kEntries = 20'000;
  const std::string name = "libx.so.1";
  const std::size_t texts = 48 + (kEntries + 1) * 24;
  const auto long_text = texts + name.size() + 1 + std::string("/opt/x/libx.so.1").size() + 1;
  std::string cache = "glibc-ld.so.cache1.1" + u32(kEntries + 1);
  cache.resize(48, '\0');
  for (std::size_t i = 0; i < kEntries; ++i) cache += u32(1) + u32(long_text) + u32(long_text) + std::string(12, '\0');
  cache += u32(1) + u32(texts) + u32(texts + name.size() + 1) + std::string(12, '\0');
  cache += name + '\0' + "/opt/x/libx.so.1" + '\0' + std::string(400u << 10, 'a');
  const auto found = checked(debian()
                                 .file("etc/ld.so.cache", cache)
                                 .file("opt/x/libx.so.1", elf_object({.needed = {"libc.so.6"}, .soname = name}), 0755)
                                 .file("usr/bin/tool", dynamic_program({name}), 0755));
  CHECK(found.lines == Lines{});
}

TEST_CASE("every rule has words, and SARIF has all of them", "[inspect][check]") {
  CHECK(std::is_sorted(check::rules().begin(), check::rules().end(),
                       [](const auto& a, const auto& b) { return a.code < b.code; }));
  for (const auto& rule : check::rules()) CHECK((!rule.summary.empty() && !rule.action.empty()));
  const auto found = checked(debian().file("etc/o%en\xff file", "x", 0666));
  const auto document = Json::parse(check::sarif_text(found.report, "x"));
  const auto& run = document["runs"][0];
  CHECK(document["version"] == "2.1.0");
  CHECK(run["tool"]["driver"]["rules"].size() == check::rules().size());
  REQUIRE(run["results"].size() == 1);
  CHECK(run["results"][0]["ruleId"] == "world-writable");
  CHECK(run["results"][0]["level"] == "warning");
  CHECK(run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "etc/o%25en%FF%20file");
}

TEST_CASE("a secret is told at each name of its file", "[inspect][check]") {
  CHECK(checked(debian().directory("app").file("app/a.pem", kKey).hard_link("app/b.pem", "app/a.pem")).lines ==
        Lines{"warning private-key /app/a.pem: the file has a whole key (OPENSSH PRIVATE KEY)",
              "warning private-key /app/b.pem: the file has a whole key (OPENSSH PRIVATE KEY)"});
}
