// SPDX-License-Identifier: Apache-2.0
//
// What the image lacks that a runtime needs to start its program is said.
#include "support/runtime_root.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

TEST_CASE("what a program needs and has not is said", "[convert][runtime]") {
  check_all({
      {"a loader", script(elf_program("/lib64/ld-linux-x86-64.so.2")),
       "program-loader: " + kRun + "needs the loader '/lib64/ld-linux-x86-64.so.2', which is not in the image"},
      {"a loader behind a link",
       [](RuntimeRoot& r) {
         r.link("lib64/ld.so", "/lib/ld-2.36.so");
         script(elf_program("/lib64/ld.so"))(r);
       },
       "program-loader: " + kRun +
           "needs the loader '/lib64/ld.so', which is not in the image: '/lib64/ld.so' is a link to '/lib/ld-2.36.so'"},
      {"another machine", script(elf_program({}, EM_AARCH64)),
       "program-architecture: " + kRun + "is for arm64, the image for 'amd64'"},
      {"an interpreter", script("#!/usr/bin/perl -w\n"),
       "program-interpreter: " + kRun + "needs the interpreter '/usr/bin/perl', which is not in the image"},
      {"an interpreter that is not executable",
       [](RuntimeRoot& r) {
         r.file("usr/bin/perl", elf_program(), 0644);
         script("#!/usr/bin/perl\n")(r);
       },
       "program-not-executable: the entrypoint '/app/run': its interpreter '/usr/bin/perl' is not executable (mode "
       "0644)"},
      {"an interpreter that needs a loader",
       [](RuntimeRoot& r) {
         r.file("usr/bin/perl", elf_program("/lib/ld.so"));
         script("#!/usr/bin/perl\n")(r);
       },
       "program-loader: the entrypoint '/app/run': its interpreter '/usr/bin/perl' needs the loader '/lib/ld.so', "
       "which is not in the image"},
      {"an interpreter of env",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env python3\n")(r);
       },
       "program-interpreter: " + kRun +
           "needs the interpreter 'python3', which is in no directory of the image's PATH"},
      {"several words for env",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env sh -e\n")(r);
       },
       "program-interpreter: " + kRun + "needs the interpreter 'sh -e', which is in no directory of the image's PATH"},
      {"an interpreter of env -S",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S python3 -u\n")(r);
       },
       "program-interpreter: " + kRun +
           "needs the interpreter 'python3', which is in no directory of the image's PATH"},
      {"lines of Windows", script("#!/bin/sh\r\necho\r\n"),
       "program-interpreter: " + kRun +
           "has a carriage return at the end of its first line '#!/bin/sh\\r', as text files of Windows do: no such "
           "interpreter is found"},
      {"lines of Windows with an argument", script("#!/bin/sh -e\r\n"),
       "program-interpreter: " + kRun +
           "has a carriage return at the end of its first line '#!/bin/sh -e\\r', as text files of Windows do: no such "
           "interpreter is found"},
      {"a relative interpreter", script("#!bin/sh\n"),
       "program-interpreter: " + kRun +
           "names its interpreter 'bin/sh' by a path that is relative to where it is started"},
      {"no first line and no shell",
       [](RuntimeRoot& r) {
         r.remove("bin/sh");
         script("echo\n")(r);
       },
       "program-interpreter: " + kRun +
           "is no program of Linux and names no interpreter ('#!'), and there is no '/bin/sh' in the image that would "
           "read it"},
      {"where the host's files are",
       [](RuntimeRoot& r) {
         r.file("tmp/run", elf_program());
         r.link("app/run", "/tmp/run");
         r.input.entrypoint = {"/app/run"};
       },
       "program-hidden: " + kRun + "is in '/tmp', where the runtime mounts the host's"},
      {"the shell's loader",
       [](RuntimeRoot& r) {
         r.file("bin/busybox", elf_program("/lib/ld.so"));
         script(elf_program())(r);
       },
       "program-loader: the shell '/bin/sh' needs the loader '/lib/ld.so', which is not in the image"},
      {"the shell's link",
       [](RuntimeRoot& r) {
         r.link("bin/sh", "dash");
         script(elf_program())(r);
       },
       "shell-missing: '/bin/sh' leads nowhere: '/bin/sh' is a link to 'dash': 'shell', 'instance start' and scripts "
       "of the shell do not work"},
      {"the shell elsewhere",
       [](RuntimeRoot& r) {
         r.remove("bin/sh");
         r.link("usr/bin/sh", "/bin/busybox");
         script(elf_program())(r);
       },
       "shell-missing: the image has '/usr/bin/sh', but no '/bin/sh': 'shell', 'instance start' and scripts of the "
       "shell do not work"},
  });
}

TEST_CASE("a script that is its own interpreter ends", "[convert][runtime]") {
  check_all({{"itself", script("#!/app/run\n"), ""}});
}

TEST_CASE("a directory in place of an older layer's link is said where something is lost", "[convert][runtime]") {
  const auto replaced = [](const std::string& path, const std::string& target) {
    return [=](RuntimeRoot& r) {
      r.input.cmd = {"/bin/busybox"};
      r.input.replaced_links = {{path, target, 1, 2}};
    };
  };
  const auto merged = [](RuntimeRoot& r) {  // as where /bin is a link to usr/bin
    r.file("usr/bin/busybox", elf_program());
    r.link("usr/bin/sh", "busybox");
    r.remove("bin/sh");
    r.input.cmd = {"/bin/busybox"};
  };
  check_all({
      {"/bin",
       [&](RuntimeRoot& r) {
         merged(r);
         r.input.replaced_links = {{"bin", "usr/bin", 1, 2}};
       },
       "link-replaced: layer 2 of 2 has a directory '/bin' in place of layer 1's link to 'usr/bin': what is there, "
       "such as '/usr/bin/sh', is no longer found as '/bin/sh'"},
      {"/bin, with a copy of all",
       [&](RuntimeRoot& r) {
         merged(r);
         r.link("bin/sh", "busybox");
         r.input.replaced_links = {{"bin", "/usr/bin", 1, 2}};
       },
       ""},
      {"/lib64",
       [&](RuntimeRoot& r) {
         r.directory("usr/lib64");
         r.file("usr/lib64/ld.so", "x");
         replaced("lib64", "usr/lib64")(r);
       },
       "link-replaced: layer 2 of 2 has a directory '/lib64' in place of layer 1's link to 'usr/lib64': what is there, "
       "such as '/usr/lib64/ld.so', is no longer found as '/lib64/ld.so'"},
      {"/var/run, relative, of which nothing is left",
       [&](RuntimeRoot& r) {
         r.directory("run");
         r.directory("var/run");
         replaced("var/run", "../run")(r);
       },
       ""},
      {"/var/run, relative",
       [&](RuntimeRoot& r) {
         r.directory("run");
         r.directory("run/lock");
         r.directory("var/run");
         replaced("var/run", "../run")(r);
       },
       "link-replaced: layer 2 of 2 has a directory '/var/run' in place of layer 1's link to '../run': what is there, "
       "such as '/run/lock', is no longer found as '/var/run/lock'"},
      {"a directory of the image's own",
       [&](RuntimeRoot& r) {
         r.directory("current");
         replaced("current", "app")(r);
       },
       ""},
      {"where it led is gone", [&](RuntimeRoot& r) { replaced("lib64", "usr/lib64")(r); }, ""},
      {"a link again",
       [&](RuntimeRoot& r) {
         r.link("lib64", "usr");
         replaced("lib64", "usr")(r);
       },
       ""},
      {"twice",
       [&](RuntimeRoot& r) {
         r.directory("usr/lib64");
         r.file("usr/lib64/ld.so", "x");
         r.input.layers = 4;
         r.input.cmd = {"/bin/busybox"};
         r.input.replaced_links = {{"lib64", "usr", 1, 2}, {"lib64", "usr/lib64", 3, 4}};
       },
       "link-replaced: layer 4 of 4 has a directory '/lib64' in place of layer 3's link to 'usr/lib64': what is there, "
       "such as '/usr/lib64/ld.so', is no longer found as '/lib64/ld.so'"},
  });
}

TEST_CASE("a mount point that the runtime cannot use is said", "[convert][runtime]") {
  const std::string no_directory =
      " is no directory, so that the runtime cannot mount the host's there: no program of the image starts";
  const auto file = [](const std::string& path) {
    return [=](RuntimeRoot& r) {
      r.file(path, "x");
      r.input.cmd = {"sh"};
    };
  };
  const auto link = [](const std::string& path, const std::string& target) {
    return [=](RuntimeRoot& r) {
      r.link(path, target);
      r.input.cmd = {"sh"};
    };
  };
  const std::string gone = " is not there when the container runs: ";
  check_all({
      {"a file /tmp", file("tmp"), "mount-point: '/tmp'" + no_directory},
      {"a file /var/tmp", file("var/tmp"), "mount-point: '/var/tmp'" + no_directory},
      {"a file /dev", file("dev"), "mount-point: '/dev'" + no_directory},
      {"a file /proc", file("proc"), "mount-point: '/proc'" + no_directory},
      {"a file /sys", file("sys"), "mount-point: '/sys'" + no_directory},
      {"a link to a file", link("tmp", "bin/busybox"), "mount-point: '/tmp'" + no_directory},
      {"a link /tmp to nothing", link("tmp", "/data/tmp"),
       "mount-point: '/tmp'" + gone + "'/tmp' is a link to '/data/tmp', which is not in the image"},
      {"a link /var/tmp to nothing", link("var/tmp", "none"),
       "mount-point: '/var/tmp'" + gone + "'/var/tmp' is a link to 'none', which is not in the image"},
      // The runtime makes what these lead to.
      {"a file /home", file("home"), ""},
      {"a link /home to nothing", link("home", "/data/home"), ""},
      {"a link /dev to nothing", link("dev", "/none"), ""},
      {"a link /proc to nothing", link("proc", "/none"), ""},
      {"a link /sys to nothing", link("sys", "/none"), ""},
  });
}
