// SPDX-License-Identifier: Apache-2.0
//
// What works in Docker and not under a runtime of SIF files is said, and nothing of what works.
#include "support/runtime_root.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

TEST_CASE("what runs is not warned of", "[convert][runtime]") {
  check_all({
      {"a shell", [](RuntimeRoot& r) { r.input.cmd = {"/bin/sh"}; }, ""},
      {"found in PATH",
       [](RuntimeRoot& r) {
         r.input.cmd = {"sh", "-c", "exec true && cd /x"};
       },
       ""},
      {"found where the runtime looks, too",
       [](RuntimeRoot& r) {
         r.input.env = {"PATH=/app"};
         r.input.cmd = {"sh"};
       },
       ""},
      {"the last PATH counts",
       [](RuntimeRoot& r) {
         r.file("app/tool", elf_program());
         r.input.env = {"PATH=/none", "PATH=/app/"};
         r.input.cmd = {"tool"};
       },
       ""},
      {"a script of the shell", script("#!/bin/sh\necho\n"), ""},
      {"a script with an argument", script("#! /bin/sh -e \necho\n"), ""},
      {"a script through env", script("#!/bin/env sh\n"),
       "program-interpreter: the entrypoint '/app/run' needs the interpreter '/bin/env', which is not in the image"},
      {"a script through env that is there",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env sh\n")(r);
       },
       ""},
      {"env -S with variables",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S A=1 none x\n")(r);
       },
       ""},
      {"env -S with words",
       [](RuntimeRoot& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S sh -e\n")(r);
       },
       ""},
      {"a loader through links",
       [](RuntimeRoot& r) {
         r.file("lib64/ld-2.36.so", elf_program());
         r.link("lib64/ld.so", "ld-2.36.so");
         script(elf_program("/lib64/ld.so"))(r);
       },
       ""},
      {"a program without anything else, as in an image from scratch",
       [](RuntimeRoot& r) {
         r.tree = Tree();
         r.file("server", elf_program());
         r.input.entrypoint = {"/server"};
         r.input.env = {};
       },
       ""},
      {"a shell elsewhere than in /bin",
       [](RuntimeRoot& r) {
         r.remove("bin/sh");
         r.directory("busybox");
         r.link("busybox/sh", "/bin/busybox");
         script(elf_program())(r);
       },
       ""},
      {"a script that names no interpreter, which the runtime gives to the shell", script("echo\n"), ""},
      {"a script of nothing", script(""), ""},
      {"beside a mount point",
       [](RuntimeRoot& r) {
         r.directory("tmpfiles");
         r.file("tmpfiles/run", elf_program());
         r.input.entrypoint = {"/tmpfiles/run"};
       },
       ""},
      {"a root without a configuration", [](RuntimeRoot& r) { r.input.configured = false; }, ""},
      {"a program that its group may not write",
       [](RuntimeRoot& r) {
         r.file("app/run", elf_program(), 0711);
         r.input.entrypoint = {"/app/run"};
       },
       ""},
      {"arguments that are there, but not meant",
       [](RuntimeRoot& r) {
         r.file("bin/x.conf", "x", 0644);
         r.input.working_dir = "/bin";
         r.input.cmd = {"sh", "-x.conf", "/bin/x.conf", "none"};
       },
       ""},
      {"words in the root",
       [](RuntimeRoot& r) {
         r.file("start", "x", 0644);
         r.input.cmd = {"sh", "start"};
       },
       ""},
      {"a program for the older machine", script(elf_program({}, EM_X86_64)), ""},
      {"links as mount points",
       [](RuntimeRoot& r) {
         r.link("home", "/usr");
         r.link("var/tmp", "../tmp");
         r.input.cmd = {"sh"};
       },
       ""},
  });
}

TEST_CASE("a program that is not there is said", "[convert][runtime]") {
  check_all({
      {"a path", [](RuntimeRoot& r) { r.input.entrypoint = {"/app/none"}; },
       "program-missing: the entrypoint '/app/none' is not in the image"},
      {"a directory on the way", [](RuntimeRoot& r) { r.input.cmd = {"/none/run"}; },
       "program-missing: the command '/none/run' is not in the image: there is no '/none'"},
      {"a name",
       [](RuntimeRoot& r) {
         r.input.cmd = {"none", "x"};
       },
       "program-missing: the command 'none' is in no directory of the image's PATH"},
      {"a link",
       [](RuntimeRoot& r) {
         r.link("app/run", "../opt/run");
         r.input.entrypoint = {"/app/run"};
       },
       "program-missing: " + kRun +
           "leads nowhere: '/app/run' is a link to '../opt/run', and '/opt' is not in the image"},
      {"a link to itself",
       [](RuntimeRoot& r) {
         r.link("app/run", "run");
         r.input.entrypoint = {"/app/run"};
       },
       "program-missing: " + kRun + "leads nowhere: the link '/app/run' leads back to itself"},
      {"below a file", [](RuntimeRoot& r) { r.input.entrypoint = {"/bin/busybox/x"}; },
       "program-missing: the entrypoint '/bin/busybox/x' is not in the image"},
      {"relative, and not there",
       [](RuntimeRoot& r) {
         r.input.entrypoint = {"./run"};
         r.input.working_dir = "/app";
       },
       "program-missing: the entrypoint './run' is not in the image's working directory '/app'"},
      {"nothing", [](RuntimeRoot&) {},
       "nothing-to-run: the image has neither an entrypoint nor a command: 'run' has nothing to start, 'exec' needs "
       "the name of a program"},
  });
}

TEST_CASE("a root file system without any program is warned of", "[convert][runtime]") {
  static constexpr const char* kNone = "no-program: there is no program in it, neither an ELF file nor a script that may be executed";
  const auto bare = [](std::function<void(RuntimeRoot&)> add) {
    return [add = std::move(add)](RuntimeRoot& r) {
      r.tree = Tree();
      r.input.configured = false;
      r.input.expects_program = true;
      for (const char* name : {"etc", "lib", "lib/x"}) r.directory(name);
      r.file("etc/motd", "hello", 0644);
      add(r);
    };
  };
  check_all({
      {"no file that may be executed", bare([](RuntimeRoot&) {}), kNone},
      {"text that may be executed", bare([](RuntimeRoot& r) { r.file("lib/x/a", "text"); }), kNone},
      {"a program that may not be executed", bare([](RuntimeRoot& r) { r.file("lib/x/a", elf_program(), 0644); }), kNone},
      {"what a build adds", bare([](RuntimeRoot& r) {
         r.directory(".singularity.d");
         r.file(".singularity.d/runscript", "#!/bin/sh\n");
       }), kNone},
      {"a program", bare([](RuntimeRoot& r) { r.file("lib/x/a", elf_program(), 0711); }), ""},
      {"who says that it is a root", bare([](RuntimeRoot& r) { r.input.expects_program = false; }), ""},
      {"a script", bare([](RuntimeRoot& r) { r.file("lib/x/a", "#!/bin/sh\n"); }), ""},
      {"a configuration", bare([](RuntimeRoot& r) {
         r.input.configured = true;
         r.input.cmd = {"/lib/x/none"};
       }), "program-missing: the command '/lib/x/none' is not in the image"},
  });
}

TEST_CASE("what is relative to the working directory is said", "[convert][runtime]") {
  const auto in_app = [](std::vector<std::string> entrypoint, std::vector<std::string> cmd,
                         std::string working_dir = "/app") {
    return [=](RuntimeRoot& r) {
      r.file("app/run", "#!/bin/sh\n");
      r.file("app/main.py", "x", 0644);
      r.input.entrypoint = entrypoint;
      r.input.cmd = cmd;
      r.input.working_dir = working_dir;
    };
  };
  const std::string there =
      " relative to the image's working directory '/app', where 'run' does not start: give it --pwd /app";
  check_all({
      {"the entrypoint", in_app({"./run"}, {}), "relative-path: the entrypoint './run' is" + there},
      {"the command", in_app({}, {"./run"}), "relative-path: the command './run' is" + there},
      {"without a working directory", in_app({"app/run"}, {}, ""),
       "relative-path: the entrypoint 'app/run' is relative to the image's working directory '/', where 'run' does not "
       "start: give it --pwd /"},
      {"a relative working directory", in_app({"./run"}, {}, "app"),
       "relative-path: the entrypoint './run' is" + there},
      {"an argument", in_app({}, {"sh", "-u", "main.py"}), "relative-path: the argument 'main.py' is" + there},
      {"an argument of the entrypoint's in the command", in_app({"sh"}, {"main.py"}),
       "relative-path: the argument 'main.py' is" + there},
      {"in the text of a shell", in_app({}, {"/bin/sh", "-c", "./run --port 80"}),
       "relative-path: the argument './run' is" + there},
      {"in the text of a shell that changes its directory", in_app({}, {"/bin/sh", "-c", "cd /app && ./run"}), ""},
      {"up and down", in_app({}, {"sh", "../app/main.py"}), "relative-path: the argument '../app/main.py' is" + there},
  });
}

TEST_CASE("a program that not every user may start is said", "[convert][runtime]") {
  const auto with = [](std::uint32_t directory, std::uint32_t mode, const std::string& text) {
    return [=](RuntimeRoot& r) {
      r.directory("app", directory);
      r.file("app/run", text, mode);
      r.input.entrypoint = {"/app/run"};
    };
  };
  check_all({
      {"its directory", with(0700, 0755, elf_program()),
       "program-not-for-all: " + kRun + "is in '/app', which not every user may enter (mode 0700)"},
      {"itself", with(0755, 0750, elf_program()),
       "program-not-for-all: " + kRun + "may not be executed by every user (mode 0750)"},
      {"a script that may not be read", with(0755, 0711, "#!/bin/sh\n"),
       "program-not-for-all: " + kRun + "may not be read by every user (mode 0711)"},
      {"a program that may not be read", with(0755, 0711, elf_program()), ""},
      {"a directory that may not be listed", with(0711, 0755, elf_program()), ""},
      {"the root",
       [](RuntimeRoot& r) {
         r.tree.inode(Tree::kRoot).metadata.mode = 0700;
         r.input.cmd = {"sh"};
       },
       "program-not-for-all: the command 'sh' ('/bin/sh') is in '/', which not every user may enter (mode 0700)"},
      {"nobody", with(0755, 0644, elf_program()), "program-not-executable: " + kRun + "is not executable (mode 0644)"},
      {"nobody, in PATH",
       [](RuntimeRoot& r) {
         r.file("usr/bin/tool", elf_program(), 0644);
         r.input.cmd = {"tool"};
       },
       "program-not-executable: the command 'tool' ('/usr/bin/tool') is not executable (mode 0644)"},
      {"another in PATH is",
       [](RuntimeRoot& r) {
         r.file("usr/bin/tool", elf_program(), 0644);
         r.file("bin/tool", elf_program());
         r.input.cmd = {"tool"};
       },
       ""},
      {"a directory", [](RuntimeRoot& r) { r.input.entrypoint = {"/app"}; },
       "program-not-executable: the entrypoint '/app' is a directory"},
      {"a fifo",
       [](RuntimeRoot& r) {
         r.put("app/run", {.type = EntryType::fifo});
         r.input.entrypoint = {"/app/run"};
       },
       "program-not-executable: " + kRun + "is no regular file"},
  });
}

TEST_CASE("what is said of one image is nothing to another with the same list", "[convert][runtime]") {
  RuntimeRoot root;
  root.file("bin/busybox", elf_program("/lib/none"));
  root.file("app/run", elf_program());
  root.input.entrypoint = {"/app/run"};
  const std::string shell = "program-loader: the shell '/bin/sh' needs the loader '/lib/none', which is not in the image";
  CHECK(root.check() == shell);
  WarningList warnings;
  warnings.add("program-loader", "of another image");
  CHECK(root.check(warnings) == "program-loader: of another image\n" + shell);
}

TEST_CASE("a finding has the path of its file, and all that is started is told", "[convert][runtime]") {
  RuntimeRoot root;
  root.link("usr/bin/env", "/bin/busybox");
  root.file("usr/bin/tool", elf_program("/lib/none"));
  script("#!/usr/bin/env tool\n")(root);
  std::string found;
  std::string started;
  const ProgramLookup program_of = [&](layers::InodeId inode) {
    return root.probe.program(root.tree.inode(inode).content);
  };
  check_runtime(root.tree, program_of, root.input,
                {.add = [&](std::string_view kind, const std::string& path,
                            std::string) { found += std::string(kind) + " " + path + "\n"; },
                 .started = [&](const std::string& place, layers::InodeId,
                                bool sound) { started += place + (sound ? "\n" : " fails\n"); }});
  CHECK(found == "program-loader /usr/bin/tool\n");
  CHECK(started == "/bin/busybox\n/usr/bin/tool fails\n/app/run fails\n");
}

TEST_CASE("what hangs on a PATH that is not certain is told apart", "[convert][runtime]") {
  const auto told = [](const std::string& interpreter, std::vector<std::string> cmd, bool certain) {
    RuntimeRoot root;
    root.link("usr/bin/env", "/bin/busybox");
    root.file("usr/bin/tool", elf_program("/lib/none"));
    root.file("app/run", "#!/usr/bin/env " + interpreter + "\n");
    root.input.cmd = std::move(cmd);
    root.input.path_certain = certain;
    std::string out;
    const ProgramLookup program_of = [&](layers::InodeId inode) {
      return root.probe.program(root.tree.inode(inode).content);
    };
    check_runtime(root.tree, program_of, root.input,
                  {.add = [&](std::string_view, const std::string&, std::string text) { out += "sure: " + text; },
                   .uncertain = [&](std::string_view, const std::string&, std::string text) { out += text; }});
    if (!certain) CHECK(root.check().empty());
    return out;
  };
  const std::string run = "the command '/app/run' needs the interpreter 'none', which is in no directory of the "
                          "image's PATH";
  const std::string none = "the command 'none' is in no directory of the image's PATH";
  const std::string tool =
      "the command 'tool' ('/usr/bin/tool') needs the loader '/lib/none', which is not in the image";
  CHECK(told("none", {"/app/run"}, true) == "sure: " + run);
  CHECK(told("none", {"/app/run"}, false) == run + ", as far as that is known");
  CHECK(told("sh", {"none"}, true) == "sure: " + none);
  CHECK(told("sh", {"none"}, false) == none + ", as far as that is known");
  CHECK(told("sh", {"tool"}, true) == "sure: " + tool);
  CHECK(told("sh", {"tool"}, false) == tool);
  CHECK(told("sh", {"/app/run"}, false).empty());
}

TEST_CASE("of equal directories in PATH the first counts", "[convert][runtime]") {
  RuntimeRoot root;
  root.directory("opt");
  root.link("opt/bin", "/app");
  root.file("app/tool", elf_program(), 0644);
  root.file("app/other", elf_program());
  // As many as Linux lets a variable have, each of which would be looked into for each name.
  std::string path = "PATH=none:/none:/opt/bin//:/app";
  for (int i = 0; i < 20000; ++i) path += ":/app/";
  root.input.env = {path};
  root.input.cmd = {"tool"};
  CHECK(root.check() == "program-not-executable: the command 'tool' ('/opt/bin/tool') is not executable (mode 0644)");
  const ProgramLookup program_of = [&](layers::InodeId inode) {
    return root.probe.program(root.tree.inode(inode).content);
  };
  root.link("usr/bin/env", "/bin/busybox");
  std::string text;
  const RuntimeFindings out{
      .add = [&](std::string_view, const std::string&, std::string what) { text += what + "\n"; }};
  ScriptCheck scripts(root.tree, program_of, root.input, out);
  scripts.check("/app/x", "/usr/bin/env other");
  CHECK(text.empty());
  const std::string none = "it needs the interpreter 'none', which is in no directory of the image's PATH\n";
  constexpr std::size_t kScripts = 2000;
  for (std::size_t i = 0; i < kScripts; ++i) scripts.check("/app/x", "/usr/bin/env none");
  CHECK(text.starts_with(none));
  CHECK(text.size() == kScripts * none.size());
}

TEST_CASE("links in a circle are said to be that", "[convert][runtime]") {
  const auto circle = [](RuntimeRoot& r, const std::string& path) {
    r.remove(path);
    r.link(path, "/a");
    r.link("a", "b");
    r.link("b", "a");
  };
  RuntimeRoot tmp;
  circle(tmp, "tmp");
  tmp.input.cmd = {"/bin/busybox"};
  const auto warning = tmp.check();
  CHECK(warning.starts_with("mount-point: '/tmp' is not there when the container runs: the link '/"));
  CHECK(warning.find(" leads back to itself") != std::string::npos);
  RuntimeRoot shell;
  circle(shell, "bin/sh");
  shell.input.cmd = {"/bin/busybox"};
  const auto no_shell = shell.check();
  CHECK(no_shell.starts_with("shell-missing: '/bin/sh' leads nowhere: the link '/"));
  CHECK(no_shell.find(" leads back to itself: 'shell'") != std::string::npos);
  RuntimeRoot loader;
  loader.link("lib64/ld.so", "ld.so");
  script(elf_program("/lib64/ld.so"))(loader);
  CHECK(loader.check() == "program-loader: " + kRun +
                              "needs the loader '/lib64/ld.so', which leads nowhere: the link '/lib64/ld.so' leads "
                              "back to itself");
}

TEST_CASE("a runscript that the runtime reads needs no interpreter", "[convert][runtime]") {
  check_all({{"in order",
              [](RuntimeRoot& r) {
                r.file("app/run", "#!/none\n");
                r.input.runscript = "/app/run";
                r.input.cmd = {"sh"};
              },
              ""},
             {"not for all",
              [](RuntimeRoot& r) {
                r.file("app/run", "#!/none\n", 0700);
                r.input.runscript = "/app/run";
                r.input.cmd = {"sh"};
              },
              "program-not-for-all: the runscript '/app/run' may not be executed by every user (mode 0700)"}});
}
