// SPDX-License-Identifier: Apache-2.0
//
// Where `check` looks for libraries in roots of all kinds, and what it makes of those that no loader takes.
#include <algorithm>

#include <fmt/format.h>

#include "check/needs.h"

#include "support/check_fixture.h"
#include "support/programs.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

const std::string kLibraryPlace = "usr/lib/x86_64-linux-gnu/libx.so.1";

std::string library_of(const std::string& name) { return elf_object({.needed = {"libc.so.6"}, .soname = name}); }

/// As Debian was before /lib became a link.
TarBuilder unmerged() {
  return TarBuilder()
      .directory("etc")
      .directory("bin")
      .directory("lib64")
      .file("lib/x86_64-linux-gnu/libc.so.6", glibc({"GLIBC_2.2.5", "GLIBC_2.31"}), 0755)
      .file("lib/x86_64-linux-gnu/ld-2.31.so", elf_object({.soname = "ld-linux-x86-64.so.2"}), 0755)
      .symlink("lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-2.31.so")
      .file("usr/lib/x86_64-linux-gnu/libz.so.1", library_of("libz.so.1"));
}

/// Files that a loader is asked about by themselves.
struct Objects {
  layers::Tree tree;
  check::Programs programs;
  check::ProgramPlaces places;
  layers::InodeId libraries;

  Objects() {
    const layers::Inode directory{.metadata = {.mode = 0755}, .type = layers::EntryType::directory};
    const auto usr = tree.add_inode(directory);
    tree.link(layers::Tree::kRoot, "usr", usr);
    libraries = tree.add_inode(directory);
    tree.link(usr, "lib", libraries);
  }

  layers::InodeId add(const std::string& name, const ElfSpec& spec, std::uint32_t mode = 0755) {
    const auto bytes = elf_object(spec);
    const auto inode = tree.add_inode({.metadata = {.mode = mode}, .size = bytes.size()});
    tree.link(libraries, name, inode);
    programs.add(inode, as_bytes(bytes));
    places.files[inode] = "/usr/lib/" + name;
    return inode;
  }

  Lines others(const check::Loader& loader) const {
    check::Findings findings;
    check::Needs(tree, programs, loader, places, {.architecture = "amd64"}, findings).look_at_others({});
    check::Report report;
    findings.give(report);
    return lines_of(report);
  }
};

bool lacks_library(const Lines& lines) {
  return std::any_of(lines.begin(), lines.end(),
                     [](const auto& line) { return line.find(" library-missing ") != std::string::npos; });
}

}  // namespace

TEST_CASE("roots with a /lib of their own are in order", "[inspect][check]") {
  const auto program = dynamic_program({"libc.so.6", "libz.so.1"});
  const auto debian_11 = checked(unmerged().file("bin/dash", program, 0755).symlink("bin/sh", "dash"),
                                 Json{{"Cmd", {"/bin/sh"}}}, {.glibc = "2.28"});
  CHECK(debian_11.lines == Lines{});
  CHECK(debian_11.report.facts.libc == "glibc 2.31");
  CHECK(debian_11.report.facts.kernel == "3.2.0");
  const auto distroless = checked(unmerged().file("app", program, 0755), Json{{"Entrypoint", {"/app"}}});
  CHECK(distroless.lines == Lines{});
  CHECK(distroless.report.facts.libc == "glibc 2.31");
}

TEST_CASE("a loader is there for what it loads, wherever it lies", "[inspect][check]") {
  // As copied into an empty image: the loader at the path that programs name, nothing where it looks for libraries.
  const auto root = [](const std::string& loader) {
    return TarBuilder()
        .directory("etc")
        .directory("lib/x86_64-linux-gnu")
        .file("lib/x86_64-linux-gnu/libc.so.6",
              elf_object({.needed = {"ld-linux-x86-64.so.2"}, .soname = "libc.so.6", .offers = {"GLIBC_2.36"}}), 0755)
        .file(loader.substr(1), elf_object({.soname = "ld-linux-x86-64.so.2"}), 0755)
        .file("app", elf_object({.loader = loader, .needed = {"libc.so.6"}}), 0755);
  };
  const Json app{{"Entrypoint", {"/app"}}};
  CHECK(checked(root("/lib64/ld-linux-x86-64.so.2"), app).lines == Lines{});
  CHECK(checked(root("/opt/ld.so"), app).report.count(check::Severity::error) == 0);
}

TEST_CASE("what is started needs its libraries wherever it is", "[inspect][check]") {
  const auto root = debian()
                        .file("opt/app/server", dynamic_program({"libnope.so.9"}), 0755)
                        .file("opt/app/run", "#!/opt/app/server -x\n", 0755);
  const std::string needs = " library-missing /opt/app/server: it needs 'libnope.so.9', which is not in the image";
  CHECK(checked(root).lines == Lines{"note" + needs});
  CHECK(checked(root, Json{{"Entrypoint", {"/opt/app/server"}}}).lines == Lines{"error" + needs});
  CHECK(checked(root, Json{{"Entrypoint", {"/opt/app/run"}}}).lines == Lines{"error" + needs});
}

TEST_CASE("a library that no loader can load ends the search", "[inspect][check]") {
  const auto library = library_of("libx.so.1");
  const auto tool = dynamic_program({"libx.so.1"});
  const std::string needs = "error library-missing /usr/bin/tool: it needs 'libx.so.1', but ";
  const std::string there = "'/" + kLibraryPlace + "' ";
  const auto with = [&](const std::string& bytes) {
    return checked(debian()
                       .file(kLibraryPlace, bytes)
                       .file("usr/lib/libx.so.1", library)
                       .file("usr/bin/tool", tool, 0755))
        .lines;
  };
  CHECK(with(library) == Lines{});
  CHECK(with("") == Lines{needs + there + "is empty"});
  CHECK(with("version https://git-lfs.github.com/spec/v1\n") == Lines{needs + there + "is no ELF file"});
  CHECK(with("#!/bin/sh\n") == Lines{needs + there + "is no ELF file"});
  CHECK(with(library.substr(0, library.size() - 8)) == Lines{needs + there + "is cut off"});
}

TEST_CASE("a library that not every user may read is passed over", "[inspect][check]") {
  const auto library = library_of("libx.so.1");
  const std::string needs = "error library-missing /usr/bin/tool: it needs 'libx.so.1', but ";
  auto closed = debian();
  closed.file(kLibraryPlace, library, 0600).file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755);
  const auto lines = checked(closed).lines;
  REQUIRE(!lines.empty());
  CHECK(lines[0] == needs + "not every user may read '/" + kLibraryPlace + "' (mode 0600)");
  CHECK(!lacks_library(checked(TarBuilder(closed).file("usr/lib/libx.so.1", library)).lines));
  const auto inside = checked(debian()
                                  .add({.name = "opt/x/", .type = '5', .mode = 0700})
                                  .file("opt/x/libx.so.1", library)
                                  .file("usr/bin/tool", elf_object({.loader = "/lib64/ld-linux-x86-64.so.2",
                                                                    .needed = {"libx.so.1"},
                                                                    .runpath = "/opt/x"}),
                                        0755))
                          .lines;
  REQUIRE(!inside.empty());
  CHECK(inside[0] == needs + "'/opt/x/libx.so.1' is in '/opt/x', which not every user may enter");
}

TEST_CASE("what the host's drivers bring is no fault of the image", "[inspect][check]") {
  const auto with = [](const std::string& library) {
    return checked(debian().file("usr/bin/tool", dynamic_program({library}), 0755)).lines;
  };
  for (const std::string library : {"libcuda.so.1", "libnvidia-ml.so.1", "libOpenCL.so.1", "libGL.so.1", "libEGL.so.1",
                                    "libdrm_amdgpu.so.1", "libamdhip64.so.6", "librocm_smi64.so.7"}) {
    CHECK(with(library) == Lines{"note needs-host-driver /usr/bin/tool: it needs '" + library +
                                 "', which the host's driver brings"});
  }
  // Names that only begin so are of others.
  for (const std::string library : {"libGLU.so.1", "libGLEW.so.2.2", "libnuma.so.1"}) {
    CHECK(lacks_library(with(library)));
  }
  CHECK(checked(debian()
                    .file("usr/lib/x86_64-linux-gnu/libGL.so.1", library_of("libGL.so.1"))
                    .file("usr/bin/tool", dynamic_program({"libGL.so.1"}), 0755))
            .lines == Lines{});
}

TEST_CASE("the path of glibc's loader may lead to musl's", "[inspect][check]") {
  const auto alpine =
      TarBuilder()
          .directory("etc")
          .directory("bin")
          .directory("lib64")
          .file("lib/ld-musl-x86_64.so.1", elf_object({.soname = "libc.musl-x86_64.so.1"}), 0755)
          .symlink("lib64/ld-linux-x86-64.so.2", "../lib/ld-musl-x86_64.so.1")
          .file("bin/busybox", elf_object({.loader = "/lib/ld-musl-x86_64.so.1"}), 0755)
          .symlink("bin/sh", "busybox")
          .file("bin/tool", dynamic_program({"libc.so.6", "libm.so.6", "libpthread.so.0"}), 0755);
  CHECK(checked(alpine).lines == Lines{});
}

TEST_CASE("of the versions that a library lacks the newest is told", "[inspect][check]") {
  const auto tool = elf_object({.loader = "/lib64/ld-linux-x86-64.so.2",
                                .needed = {"libc.so.6"},
                                .needs = {{"libc.so.6", "GLIBC_2.38"},
                                          {"libc.so.6", "GLIBC_ABI_DT_RELR"},
                                          {"libc.so.6", "GLIBC_2.100"},
                                          {"libc.so.6", "GLIBC_2.9"}}});
  const std::string needs = "error symbol-version /usr/bin/tool: it needs version ";
  CHECK(checked(debian().file("usr/bin/tool", tool, 0755)).lines ==
        Lines{needs + "'GLIBC_2.100' of 'libc.so.6', which is older",
              needs + "'GLIBC_ABI_DT_RELR' of 'libc.so.6', which is older"});
}

TEST_CASE("a loader's cache is read in the byte order of its machine", "[inspect][check]") {
  const auto u32 = [](std::size_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
    return out;
  };
  const std::string name = "libx.so.1";
  for (const char order : {'\0', '\3'}) {
    std::string cache = "glibc-ld.so.cache1.1" + u32(1);
    cache.resize(48, '\0');
    cache[28] = order;
    const std::size_t texts = 48 + 24;
    cache += u32(1) + u32(texts) + u32(texts + name.size() + 1) + std::string(12, '\0');
    cache += name + '\0' + "/opt/x/libx.so.1" + '\0';
    CHECK(checked(debian()
                      .file("etc/ld.so.cache", cache)
                      .file("opt/x/libx.so.1", library_of(name))
                      .file("usr/bin/tool", dynamic_program({name}), 0755))
              .lines == Lines{});
  }
}

TEST_CASE("libraries that need each other are judged each by itself", "[inspect][check][hostile]") {
  constexpr int kLibraries = 20;
  Objects objects;
  for (int i = 0; i < kLibraries; ++i) {
    ElfSpec spec{.soname = fmt::format("lib{}.so", i)};
    for (int other = 0; other < kLibraries; ++other) {
      if (other != i) spec.needed.push_back(fmt::format("lib{}.so", other));
    }
    if (i == 0) spec.needed.emplace_back("libnone.so");
    objects.add(spec.soname, spec);
  }
  const std::string none = "note library-missing /usr/lib/lib0.so: it needs 'libnone.so', which is not in the image";
  // Some fifteen for each name that a library has; with all that its libraries need it would be more than twice that.
  const check::Loader enough(objects.tree, objects.programs, {}, 8000);
  CHECK(objects.others(enough) == Lines{none});
  CHECK(!enough.is_spent());
  const check::Loader few(objects.tree, objects.programs, {}, 1000);
  CHECK(objects.others(few) ==
        Lines{none, "note library-missing : not every program and library is judged: together they need more than is "
                    "looked for"});
  CHECK(few.is_spent());
  // What is not looked for is not said to be missing.
  const auto& [inode, path] = *objects.places.files.begin();
  CHECK(few.missing(path, inode).empty());
}

TEST_CASE("entries of one name in a loader's cache are looked at once", "[inspect][check][hostile]") {
  constexpr std::size_t kEntries = 1000;
  constexpr int kPrograms = 20;
  const auto u32 = [](std::size_t value) {
    std::string out;
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
    return out;
  };
  const std::string name = "libx.so.1";
  std::string cache = "glibc-ld.so.cache1.1" + u32(kEntries);
  cache.resize(48, '\0');
  cache[28] = '\3';
  const std::size_t texts = 48 + kEntries * 24;
  const std::size_t closed = texts + name.size() + 1;
  const std::string closed_path = "/usr/lib/closed.so";
  for (std::size_t i = 0; i < kEntries; ++i)
    cache += u32(1) + u32(texts) + u32(i == 0 ? closed : closed + closed_path.size() + 1) + std::string(12, '\0');
  cache += name + '\0' + closed_path + '\0' + "/opt/none.so" + '\0';
  Objects objects;
  objects.add("closed.so", {.soname = name}, 0700);
  std::vector<layers::InodeId> programs;
  for (int i = 0; i < kPrograms; ++i) programs.push_back(objects.add(fmt::format("p{}", i), {.needed = {name}}));
  const check::Loader loader(objects.tree, objects.programs, {.cache = cache}, 2 * kEntries);
  for (const auto inode : programs) {
    const auto missing = loader.missing(objects.places.files[inode], inode);
    REQUIRE(missing.size() == 1);
    CHECK(missing[0].fault == "not every user may read '/usr/lib/closed.so' (mode 0700)");
  }
  CHECK(!loader.is_spent());
}

TEST_CASE("without a configuration the programs say which machine they are for", "[inspect][check]") {
  const auto programs = checked_root(TarBuilder()
                                         .directory("etc")
                                         .file("usr/bin/one", elf_program({}, EM_AARCH64), 0755)
                                         .file("usr/bin/other", elf_program({}, EM_AARCH64), 0755)
                                         .file("usr/bin/foreign", elf_program(), 0755),
                                     {.architecture = "amd64"});
  CHECK(programs.report.facts.architecture == "arm64");
  CHECK(programs.lines ==
        Lines{"error architecture : the image is for arm64, the machine is amd64",
              "warning program-architecture /usr/bin/foreign: a program for amd64 in an image for arm64"});
  const auto loader = TarBuilder().directory("etc").file("lib/ld-musl-aarch64.so.1",
                                                         elf_object({.machine = EM_AARCH64}), 0755);
  CHECK(checked_root(loader).report.facts.architecture == "arm64");
  const auto elsewhere = TarBuilder().directory("etc").file("opt/tool", elf_program({}, EM_AARCH64), 0755);
  CHECK(checked_root(elsewhere).report.facts.architecture == "arm64");
}
