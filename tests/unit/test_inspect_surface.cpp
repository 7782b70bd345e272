// SPDX-License-Identifier: Apache-2.0
//
// What `check` tells by modes and names of files: GPU and MPI libraries, and what ordinary users cannot use.
#include <sifkit/core/json.h>
#include <sifkit/inspect/check.h>

#include "support/catch.h"
#include "support/checked_root.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

using Lines = std::vector<std::string>;

/// A root with empty files of these names.
TarBuilder with_libraries(const Lines& paths) {
  auto root = sound_root();
  for (const auto& path : paths) root.file(path, "");
  return root;
}

struct Told {
  check::Facts facts;
  Lines lines;
};

Told told(const TarBuilder& root) {
  const auto report = report_of(root);
  return {report.facts, lines_of(report)};
}

}  // namespace

TEST_CASE("every release of CUDA is told, and the driver is for the newest", "[inspect][check]") {
  const auto two = told(with_libraries({"usr/local/cuda-11.8/lib64/libcudart.so.11.8.89",
                                        "usr/local/cuda-12.4/lib64/libcudart.so.12.4.127"}));
  CHECK(two.facts.cuda == "12.4.127, 11.8.89");
  CHECK(two.lines ==
        Lines{"note cuda /usr/local/cuda-11.8/lib64/libcudart.so.11.8.89: CUDA 11.8.89, beside 12.4.127",
              "note cuda /usr/local/cuda-12.4/lib64/libcudart.so.12.4.127: CUDA 12.4.127, which needs a driver from "
              "525.60 on"});
  // What all libraries of a series answer to says no release.
  const std::string wheel = "usr/lib/python3/site-packages/nvidia/cuda_runtime/lib/";
  CHECK(told(with_libraries({wheel + "libcudart.so.12"})).lines ==
        Lines{"note cuda /" + wheel + "libcudart.so.12: CUDA 12, which needs a driver from 525.60 on"});
  CHECK(told(with_libraries({wheel + "libcudart.so.11.0"})).lines ==
        Lines{"note cuda /" + wheel + "libcudart.so.11.0: CUDA 11, which needs a driver from 450.80 on"});
  CHECK(told(with_libraries({wheel + "libcudart-d0da41ae.so.11.0"})).facts.cuda == "11");
  CHECK(told(with_libraries({wheel + "libcudart-builder.so.11.0"})).facts.cuda.empty());
  CHECK(told(with_libraries({wheel + "libcudart.so.12", "usr/local/cuda/lib64/libcudart.so.12.1.105"})).facts.cuda ==
        "12.1.105");
}

TEST_CASE("a series of CUDA is left out where a release of it is told", "[inspect][check][hostile]") {
  // "10.1" and "100.1" are around what a release of 10 would be, and of none of the others.
  CHECK(told(with_libraries({"a/libcudart.so.10", "a/libcudart.so.100.1"})).facts.cuda == "100.1, 10");
  CHECK(told(with_libraries({"a/libcudart.so.10", "a/libcudart.so.10.1", "a/libcudart.so.100"})).facts.cuda ==
        "100, 10.1");
  auto root = sound_root();
  for (int i = 0; i < 10000; ++i) root.symlink("a/libcudart.so." + std::to_string(1000000 + i), "x");
  CHECK(told(root).facts.cuda.starts_with("1009999, 1009998, "));
}

TEST_CASE("a product's own version counts more than that of its library", "[inspect][check]") {
  const auto rocm = told(sound_root()
                             .file("opt/rocm-6.0.0/.info/version", "6.0.0-91\n")
                             .file("opt/rocm-6.0.0/lib/libamdhip64.so.6.0.60000", ""));
  CHECK(rocm.facts.rocm == "6.0.0");
  CHECK(rocm.lines == Lines{"note rocm /opt/rocm-6.0.0/.info/version: ROCm 6.0.0"});
  CHECK(told(with_libraries({"opt/x/libamdhip64.so.5.4.50401"})).facts.rocm == "5.4.1");
  CHECK(told(with_libraries({"opt/x/libamdhip64.so.6.1.60103"})).facts.rocm == "6.1.3");
  // A number of the build tells no release.
  CHECK(told(with_libraries({"opt/x/libamdhip64.so.5.7.31921"})).facts.rocm == "5.7");
  CHECK(told(with_libraries({"opt/x/libamdhip64.so.5.7.60002"})).facts.rocm == "5.7");
  CHECK(told(sound_root()
                 .file("usr/local/cuda-12.2/version.json", R"({"cuda":{"version":"12.2.2"}})")
                 .file("usr/local/cuda-12.2/lib64/libcudart.so.12.2.140", ""))
            .facts.cuda == "12.2.2");
}

TEST_CASE("each MPI of an image is told by its own name and ABI", "[inspect][check]") {
  const auto both = told(with_libraries(
      {"opt/mpich/lib/libmpi.so.12.2.1", "usr/lib/libmpi.so.40.30.4", "usr/lib/libopen-pal.so.40.30.4"}));
  CHECK(both.facts.mpi == "MPICH (libmpi.so.12.2.1), Open MPI 4.1 (libmpi.so.40.30.4)");
  CHECK(both.lines == Lines{"note mpi /opt/mpich/lib/libmpi.so.12.2.1: MPICH, ABI libmpi.so.12",
                            "note mpi /usr/lib/libmpi.so.40.30.4: Open MPI 4.1, ABI libmpi.so.40"});
  const auto fact = [](const Lines& paths) { return told(with_libraries(paths)).facts.mpi; };
  CHECK(fact({"usr/lib/libmpich.so.12.2.1"}) == "MPICH (libmpich.so.12.2.1)");
  CHECK(fact({"opt/cray/pe/lib64/libmpi_gnu_91.so.12.0.0"}) == "Cray MPICH (libmpi_gnu_91.so.12.0.0)");
  CHECK(fact({"usr/lib/libmpi_abi.so.0.0.0"}) == "MPI of the standard ABI (libmpi_abi.so.0.0.0)");
  CHECK(fact({"opt/intel/oneapi/mpi/lib/libmpi.so.12.0.0"}) == "Intel MPI (libmpi.so.12.0.0)");
  CHECK(fact({"usr/lib/libmpi.so.12.1.0"}) == "MPICH or its kin (libmpi.so.12.1.0)");
  // Open MPI 1.10 has the number of MPICH's ABI.
  CHECK(fact({"usr/lib/libmpi.so.12.0.2", "usr/lib/libopen-pal.so.13"}) == "Open MPI 1.10 (libmpi.so.12.0.2)");
  // Parts of an MPI for a language are none.
  CHECK(fact({"opt/x/libmpi_mpifh.so.40", "opt/x/libmpi_cxx.so.40"}).empty());
}

TEST_CASE("an MPI's release comes from its header, and links to it are not told again", "[inspect][check]") {
  const auto open_mpi = told(sound_root()
                                 .file("usr/lib/openmpi/lib/libmpi.so.40.30.4", "")
                                 .symlink("usr/lib/libmpi.so.40", "openmpi/lib/libmpi.so.40.30.4")
                                 .file("usr/lib/openmpi/include/mpi.h",
                                       "#define OMPI_MAJOR_VERSION 4\n#  define OMPI_MINOR_VERSION 1\n"
                                       "#define OMPI_RELEASE_VERSION 4\n")
                                 .file("usr/lib/libpmix.so.2.2.35", ""));
  CHECK(open_mpi.lines == Lines{"note mpi /usr/lib/libpmix.so.2.2.35: it is started through libpmix.so.2",
                                "note mpi /usr/lib/openmpi/lib/libmpi.so.40.30.4: Open MPI 4.1.4, ABI libmpi.so.40"});
  CHECK(told(sound_root()
                 .file("opt/mpich/lib/libmpi.so.12.2.1", "")
                 .file("opt/mpich/lib/pkgconfig/mpich.pc", "Name: mpich\nVersion: 4.0.2\n"))
            .facts.mpi == "MPICH 4.0.2 (libmpi.so.12.2.1)");
}

TEST_CASE("every file that an ordinary user may not read is told, those on PATH as a warning", "[inspect][check]") {
  CHECK(told(sound_root()
                 .file("usr/bin/own", elf_program(), 0750)
                 .directory("usr/sbin")
                 .file("usr/sbin/admin", elf_program(), 0700)
                 .file("usr/lib/libx.so.1", "x", 0700))
            .lines == Lines{"warning unreadable /usr/bin/own: an ordinary user may not run it",
                            "warning unreadable /usr/lib/libx.so.1: an ordinary user may not read it",
                            "note unreadable /usr/sbin/admin: an ordinary user may not read it"});
  // What is in a closed directory is closed with it.
  CHECK(told(sound_root()
                 .add({.name = "opt/closed", .type = '5', .mode = 0700})
                 .file("opt/closed/a", "x", 0600)
                 .file("opt/closed-too", "x", 0600))
            .lines == Lines{"note unreadable /opt/closed: an ordinary user may not enter and list it",
                            "note unreadable /opt/closed-too: an ordinary user may not read it"});
  CHECK(told(sound_root().add({.name = "usr/local", .type = '5', .mode = 0700}).directory("usr/local/bin")).lines ==
        Lines{"warning unreadable /usr/local: an ordinary user may not enter and list it"});
}

TEST_CASE("places that sites bind are directories", "[inspect][check]") {
  for (const std::string place : {"p", "nfs", "apps", "run/munge", "var/spool/slurm"}) {
    INFO(place);
    CHECK(told(sound_root().file(place, "x")).lines ==
          Lines{"warning bind-point /" + place + ": no directory: nothing can be bound there"});
  }
}

TEST_CASE("programs with capabilities are told as those with setuid are", "[inspect][check]") {
  const std::string net_raw("\1\0\0\2\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const auto with = [&](const std::string& name) {
    return sound_root().add({.name = name,
                             .data = elf_program(),
                             .mode = 0755,
                             .pax = {{"SCHILY.xattr.security.capability", net_raw}}});
  };
  CHECK(told(with("usr/bin/own")).lines == Lines{"note setuid /usr/bin/own: it has file capabilities"});
  CHECK(told(with("usr/bin/ping")).lines == Lines{});
}
