// SPDX-License-Identifier: Apache-2.0
//
// What works in Docker and not under a runtime of SIF files is said, and nothing of what works.
#include <functional>

#include "image_path.h"
#include "runtime_check.h"
#include "support/catch.h"
#include "support/programs.h"

using namespace sifkit;
using namespace sifkit::layers;
using sifkit::testing::elf_program;

namespace {

class Numbers : public ContentSink {
 public:
  void begin(std::uint64_t) override {}
  void append(ByteView) override {}
  void append_zeros(std::uint64_t) override {}
  ContentId end() override { return ContentId{++count_}; }

 private:
  std::uint32_t count_ = 0;
};

/// An image of a static busybox and its links.
struct Root {
  Numbers sink;
  ProgramProbe probe{sink};
  Tree tree;
  RuntimeCheckInput input{.env = {"PATH=/usr/bin:/bin"}, .architecture = "amd64", .configured = true, .layers = 2};

  Root() {
    for (const char* folder : {"bin", "usr", "usr/bin", "tmp", "dev", "proc", "sys", "home", "var", "var/tmp", "app", "lib64"}) directory(folder);
    file("bin/busybox", elf_program());
    link("bin/sh", "busybox");
  }

  InodeId put(const std::string& path, Inode inode) {
    const auto slash = path.rfind('/');
    const auto parent = tree.resolve(slash == std::string::npos ? "" : path.substr(0, slash), true);
    REQUIRE(parent);
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (const NameId there = tree.find(*parent, name); there != kNone) tree.unlink(*parent, there);
    const InodeId id = tree.add_inode(inode);
    tree.link(*parent, name, id);
    return id;
  }
  void directory(const std::string& path, std::uint32_t mode = 0755) { put(path, {.metadata = {.mode = mode}, .type = EntryType::directory}); }
  void file(const std::string& path, const std::string& text, std::uint32_t mode = 0755) {
    Inode inode{.metadata = {.mode = mode}, .content = kEmptyContent, .size = text.size()};
    if (!text.empty()) {
      probe.begin(text.size());
      probe.append(as_bytes(text));
      inode.content = probe.end();
    }
    put(path, inode);
  }
  void link(const std::string& path, const std::string& target) { put(path, {.metadata = {.mode = 0777}, .type = EntryType::symlink, .data = tree.add_symlink_target(target)}); }
  void remove(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto parent = tree.resolve(slash == std::string::npos ? "" : path.substr(0, slash), true);
    const NameId name = tree.find(*parent, path.substr(slash == std::string::npos ? 0 : slash + 1));
    REQUIRE(name != kNone);
    tree.unlink(*parent, name);
  }

  /// Every warning as "kind: text", a line each.
  std::string check() {
    WarningList warnings;
    check_runtime(tree, probe, input, warnings);
    std::string out;
    for (const auto& warning : warnings.listed()) out += (out.empty() ? "" : "\n") + warning.kind + ": " + warning.text;
    return out;
  }
};

struct Case {
  const char* what;
  std::function<void(Root&)> make;
  std::string warnings;
};

void check_all(const std::vector<Case>& cases) {
  for (const auto& each : cases) {
    INFO(each.what);
    Root root;
    each.make(root);
    CHECK(root.check() == each.warnings);
  }
}

/// An entrypoint `/app/run` of that text.
std::function<void(Root&)> script(const std::string& text) {
  return [text](Root& root) {
    root.file("app/run", text);
    root.input.entrypoint = {"/app/run"};
  };
}

const std::string kRun = "the entrypoint '/app/run' ";

}  // namespace

TEST_CASE("what runs is not warned of", "[convert][runtime]") {
  check_all({
      {"a shell", [](Root& r) { r.input.cmd = {"/bin/sh"}; }, ""},
      {"found in PATH", [](Root& r) { r.input.cmd = {"sh", "-c", "exec true && cd /x"}; }, ""},
      {"found where the runtime looks, too", [](Root& r) {
         r.input.env = {"PATH=/app"};
         r.input.cmd = {"sh"};
       }, ""},
      {"the last PATH counts", [](Root& r) {
         r.file("app/tool", elf_program());
         r.input.env = {"PATH=/none", "PATH=/app/"};
         r.input.cmd = {"tool"};
       }, ""},
      {"a script of the shell", script("#!/bin/sh\necho\n"), ""},
      {"a script with an argument", script("#! /bin/sh -e \necho\n"), ""},
      {"a script through env", script("#!/bin/env sh\n"), "program-interpreter: the entrypoint '/app/run' needs the interpreter '/bin/env', which is not in the image"},
      {"a script through env that is there", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env sh\n")(r);
       }, ""},
      {"env -S with variables", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S A=1 none x\n")(r);
       }, ""},
      {"env -S with words", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S sh -e\n")(r);
       }, ""},
      {"a loader through links", [](Root& r) {
         r.file("lib64/ld-2.36.so", elf_program());
         r.link("lib64/ld.so", "ld-2.36.so");
         script(elf_program("/lib64/ld.so"))(r);
       }, ""},
      {"a program without anything else, as in an image from scratch", [](Root& r) {
         r.tree = Tree();
         r.file("server", elf_program());
         r.input.entrypoint = {"/server"};
         r.input.env = {};
       }, ""},
      {"a shell elsewhere than in /bin", [](Root& r) {
         r.remove("bin/sh");
         r.directory("busybox");
         r.link("busybox/sh", "/bin/busybox");
         script(elf_program())(r);
       }, ""},
      {"a script that names no interpreter, which the runtime gives to the shell", script("echo\n"), ""},
      {"a script of nothing", script(""), ""},
      {"beside a mount point", [](Root& r) {
         r.directory("tmpfiles");
         r.file("tmpfiles/run", elf_program());
         r.input.entrypoint = {"/tmpfiles/run"};
       }, ""},
      {"an empty entrypoint", [](Root& r) {
         r.input.entrypoint = {""};
         r.input.cmd = {"sh"};
       }, ""},
      {"a root without a configuration", [](Root& r) { r.input.configured = false; }, ""},
      {"a program that its group may not write", [](Root& r) {
         r.file("app/run", elf_program(), 0711);
         r.input.entrypoint = {"/app/run"};
       }, ""},
      {"arguments that are there, but not meant", [](Root& r) {
         r.file("bin/x.conf", "x", 0644);
         r.input.working_dir = "/bin";
         r.input.cmd = {"sh", "-x.conf", "/bin/x.conf", "none"};
       }, ""},
      {"words in the root", [](Root& r) {
         r.file("start", "x", 0644);
         r.input.cmd = {"sh", "start"};
       }, ""},
      {"a program for the older machine", script(elf_program({}, EM_X86_64)), ""},
      {"links as mount points", [](Root& r) {
         r.link("home", "/usr");
         r.link("var/tmp", "../tmp");
         r.input.cmd = {"sh"};
       }, ""},
  });
}

TEST_CASE("a program that is not there is said", "[convert][runtime]") {
  check_all({
      {"a path", [](Root& r) { r.input.entrypoint = {"/app/none"}; }, "program-missing: the entrypoint '/app/none' is not in the image"},
      {"a folder on the way", [](Root& r) { r.input.cmd = {"/none/run"}; }, "program-missing: the command '/none/run' is not in the image: there is no '/none'"},
      {"a name", [](Root& r) { r.input.cmd = {"none", "x"}; }, "program-missing: the command 'none' is in no directory of the image's PATH"},
      {"a link", [](Root& r) {
         r.link("app/run", "../opt/run");
         r.input.entrypoint = {"/app/run"};
       }, "program-missing: " + kRun + "leads nowhere: '/app/run' is a link to '../opt/run', and '/opt' is not in the image"},
      {"a link to itself", [](Root& r) {
         r.link("app/run", "run");
         r.input.entrypoint = {"/app/run"};
       }, "program-missing: " + kRun + "leads nowhere: the link '/app/run' leads back to itself"},
      {"below a file", [](Root& r) { r.input.entrypoint = {"/bin/busybox/x"}; }, "program-missing: the entrypoint '/bin/busybox/x' is not in the image"},
      {"relative, and not there", [](Root& r) {
         r.input.entrypoint = {"./run"};
         r.input.working_dir = "/app";
       }, "program-missing: the entrypoint './run' is not in the image's working directory '/app'"},
      {"nothing", [](Root&) {}, "nothing-to-run: the image has neither an entrypoint nor a command: 'run' has nothing to start, 'exec' needs the name of a program"},
  });
}

TEST_CASE("what is relative to the working directory is said", "[convert][runtime]") {
  const auto in_app = [](std::vector<std::string> entrypoint, std::vector<std::string> cmd, std::string working_dir = "/app") {
    return [=](Root& r) {
      r.file("app/run", "#!/bin/sh\n");
      r.file("app/main.py", "x", 0644);
      r.input.entrypoint = entrypoint;
      r.input.cmd = cmd;
      r.input.working_dir = working_dir;
    };
  };
  const std::string there = " relative to the image's working directory '/app', where 'run' does not start: give it --pwd /app";
  check_all({
      {"the entrypoint", in_app({"./run"}, {}), "relative-path: the entrypoint './run' is" + there},
      {"the command", in_app({}, {"./run"}), "relative-path: the command './run' is" + there},
      {"without a working directory", in_app({"app/run"}, {}, ""), "relative-path: the entrypoint 'app/run' is relative to the image's working directory '/', where 'run' does not start: give it --pwd /"},
      {"a relative working directory", in_app({"./run"}, {}, "app"), "relative-path: the entrypoint './run' is" + there},
      {"an argument", in_app({}, {"sh", "-u", "main.py"}), "relative-path: the argument 'main.py' is" + there},
      {"an argument of the entrypoint's in the command", in_app({"sh"}, {"main.py"}), "relative-path: the argument 'main.py' is" + there},
      {"in the text of a shell", in_app({}, {"/bin/sh", "-c", "./run --port 80"}), "relative-path: the argument './run' is" + there},
      {"in the text of a shell that changes its folder", in_app({}, {"/bin/sh", "-c", "cd /app && ./run"}), ""},
      {"up and down", in_app({}, {"sh", "../app/main.py"}), "relative-path: the argument '../app/main.py' is" + there},
  });
}

TEST_CASE("a program that not every user may start is said", "[convert][runtime]") {
  const auto with = [](std::uint32_t folder, std::uint32_t mode, const std::string& text) {
    return [=](Root& r) {
      r.directory("app", folder);
      r.file("app/run", text, mode);
      r.input.entrypoint = {"/app/run"};
    };
  };
  check_all({
      {"its folder", with(0700, 0755, elf_program()), "program-not-for-all: " + kRun + "is in '/app', which not every user may enter (mode 0700)"},
      {"itself", with(0755, 0750, elf_program()), "program-not-for-all: " + kRun + "may not be executed by every user (mode 0750)"},
      {"a script that may not be read", with(0755, 0711, "#!/bin/sh\n"), "program-not-for-all: " + kRun + "may not be read by every user (mode 0711)"},
      {"a program that may not be read", with(0755, 0711, elf_program()), ""},
      {"a folder that may not be listed", with(0711, 0755, elf_program()), ""},
      {"the root", [](Root& r) {
         r.tree.inode(Tree::kRoot).metadata.mode = 0700;
         r.input.cmd = {"sh"};
       }, "program-not-for-all: the command 'sh' ('/bin/sh') is in '/', which not every user may enter (mode 0700)"},
      {"nobody", with(0755, 0644, elf_program()), "program-not-executable: " + kRun + "is not executable (mode 0644)"},
      {"nobody, in PATH", [](Root& r) {
         r.file("usr/bin/tool", elf_program(), 0644);
         r.input.cmd = {"tool"};
       }, "program-not-executable: the command 'tool' ('/usr/bin/tool') is not executable (mode 0644)"},
      {"another in PATH is", [](Root& r) {
         r.file("usr/bin/tool", elf_program(), 0644);
         r.file("bin/tool", elf_program());
         r.input.cmd = {"tool"};
       }, ""},
      {"a directory", [](Root& r) { r.input.entrypoint = {"/app"}; }, "program-not-executable: the entrypoint '/app' is a directory"},
      {"a fifo", [](Root& r) {
         r.put("app/run", {.type = EntryType::fifo});
         r.input.entrypoint = {"/app/run"};
       }, "program-not-executable: " + kRun + "is no regular file"},
  });
}

TEST_CASE("what a program needs and has not is said", "[convert][runtime]") {
  check_all({
      {"a loader", script(elf_program("/lib64/ld-linux-x86-64.so.2")), "program-loader: " + kRun + "needs the loader '/lib64/ld-linux-x86-64.so.2', which is not in the image"},
      {"a loader behind a link", [](Root& r) {
         r.link("lib64/ld.so", "/lib/ld-2.36.so");
         script(elf_program("/lib64/ld.so"))(r);
       }, "program-loader: " + kRun + "needs the loader '/lib64/ld.so', which is not in the image: '/lib64/ld.so' is a link to '/lib/ld-2.36.so'"},
      {"another machine", script(elf_program({}, EM_AARCH64)), "program-architecture: " + kRun + "is for arm64, the image for 'amd64'"},
      {"an interpreter", script("#!/usr/bin/perl -w\n"), "program-interpreter: " + kRun + "needs the interpreter '/usr/bin/perl', which is not in the image"},
      {"an interpreter that is not executable", [](Root& r) {
         r.file("usr/bin/perl", elf_program(), 0644);
         script("#!/usr/bin/perl\n")(r);
       }, "program-not-executable: the entrypoint '/app/run': its interpreter '/usr/bin/perl' is not executable (mode 0644)"},
      {"an interpreter that needs a loader", [](Root& r) {
         r.file("usr/bin/perl", elf_program("/lib/ld.so"));
         script("#!/usr/bin/perl\n")(r);
       }, "program-loader: the entrypoint '/app/run': its interpreter '/usr/bin/perl' needs the loader '/lib/ld.so', which is not in the image"},
      {"an interpreter of env", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env python3\n")(r);
       }, "program-interpreter: " + kRun + "needs the interpreter 'python3', which is in no directory of the image's PATH"},
      {"several words for env", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env sh -e\n")(r);
       }, "program-interpreter: " + kRun + "needs the interpreter 'sh -e', which is in no directory of the image's PATH"},
      {"an interpreter of env -S", [](Root& r) {
         r.link("usr/bin/env", "/bin/busybox");
         script("#!/usr/bin/env -S python3 -u\n")(r);
       }, "program-interpreter: " + kRun + "needs the interpreter 'python3', which is in no directory of the image's PATH"},
      {"lines of Windows", script("#!/bin/sh\r\necho\r\n"),
       "program-interpreter: " + kRun + "has a carriage return at the end of its first line '#!/bin/sh\\r', as text files of Windows do: no such interpreter is found"},
      {"lines of Windows with an argument", script("#!/bin/sh -e\r\n"),
       "program-interpreter: " + kRun + "has a carriage return at the end of its first line '#!/bin/sh -e\\r', as text files of Windows do: no such interpreter is found"},
      {"a relative interpreter", script("#!bin/sh\n"), "program-interpreter: " + kRun + "names its interpreter 'bin/sh' by a path that is relative to where it is started"},
      {"no first line and no shell", [](Root& r) {
         r.remove("bin/sh");
         script("echo\n")(r);
       }, "program-interpreter: " + kRun + "is no program of Linux and names no interpreter ('#!'), and there is no '/bin/sh' in the image that would read it"},
      {"where the host's files are", [](Root& r) {
         r.file("tmp/run", elf_program());
         r.link("app/run", "/tmp/run");
         r.input.entrypoint = {"/app/run"};
       }, "program-hidden: " + kRun + "is in '/tmp', where the runtime mounts the host's"},
      {"the shell's loader", [](Root& r) {
         r.file("bin/busybox", elf_program("/lib/ld.so"));
         script(elf_program())(r);
       }, "program-loader: the shell '/bin/sh' needs the loader '/lib/ld.so', which is not in the image"},
      {"the shell's link", [](Root& r) {
         r.link("bin/sh", "dash");
         script(elf_program())(r);
       }, "shell-missing: '/bin/sh' leads nowhere: '/bin/sh' is a link to 'dash': 'shell', 'instance start' and scripts of the shell do not work"},
      {"the shell elsewhere", [](Root& r) {
         r.remove("bin/sh");
         r.link("usr/bin/sh", "/bin/busybox");
         script(elf_program())(r);
       }, "shell-missing: the image has '/usr/bin/sh', but no '/bin/sh': 'shell', 'instance start' and scripts of the shell do not work"},
  });
}

TEST_CASE("a script that is its own interpreter ends", "[convert][runtime]") { check_all({{"itself", script("#!/app/run\n"), ""}}); }

TEST_CASE("a directory in place of an older layer's link is said where something is lost", "[convert][runtime]") {
  const auto replaced = [](const std::string& path, const std::string& target) {
    return [=](Root& r) {
      r.input.cmd = {"/bin/busybox"};
      r.input.replaced_links = {{path, target, 1, 2}};
    };
  };
  const auto merged = [](Root& r) {  // as where /bin is a link to usr/bin
    r.file("usr/bin/busybox", elf_program());
    r.link("usr/bin/sh", "busybox");
    r.remove("bin/sh");
    r.input.cmd = {"/bin/busybox"};
  };
  check_all({
      {"/bin", [&](Root& r) {
         merged(r);
         r.input.replaced_links = {{"bin", "usr/bin", 1, 2}};
       }, "link-replaced: layer 2 of 2 has a directory '/bin' in place of layer 1's link to 'usr/bin': what is there, such as '/usr/bin/sh', is no longer found as '/bin/sh'"},
      {"/bin, with a copy of all", [&](Root& r) {
         merged(r);
         r.link("bin/sh", "busybox");
         r.input.replaced_links = {{"bin", "/usr/bin", 1, 2}};
       }, ""},
      {"/lib64", [&](Root& r) {
         r.directory("usr/lib64");
         r.file("usr/lib64/ld.so", "x");
         replaced("lib64", "usr/lib64")(r);
       }, "link-replaced: layer 2 of 2 has a directory '/lib64' in place of layer 1's link to 'usr/lib64': what is there, such as '/usr/lib64/ld.so', is no longer found as '/lib64/ld.so'"},
      {"/var/run, relative, of which nothing is left", [&](Root& r) {
         r.directory("run");
         r.directory("var/run");
         replaced("var/run", "../run")(r);
       }, ""},
      {"/var/run, relative", [&](Root& r) {
         r.directory("run");
         r.directory("run/lock");
         r.directory("var/run");
         replaced("var/run", "../run")(r);
       }, "link-replaced: layer 2 of 2 has a directory '/var/run' in place of layer 1's link to '../run': what is there, such as '/run/lock', is no longer found as '/var/run/lock'"},
      {"a folder of the image's own", [&](Root& r) {
         r.directory("current");
         replaced("current", "app")(r);
       }, ""},
      {"where it led is gone", [&](Root& r) { replaced("lib64", "usr/lib64")(r); }, ""},
      {"a link again", [&](Root& r) {
         r.link("lib64", "usr");
         replaced("lib64", "usr")(r);
       }, ""},
      {"twice", [&](Root& r) {
         r.directory("usr/lib64");
         r.file("usr/lib64/ld.so", "x");
         r.input.layers = 4;
         r.input.cmd = {"/bin/busybox"};
         r.input.replaced_links = {{"lib64", "usr", 1, 2}, {"lib64", "usr/lib64", 3, 4}};
       }, "link-replaced: layer 4 of 4 has a directory '/lib64' in place of layer 3's link to 'usr/lib64': what is there, such as '/usr/lib64/ld.so', is no longer found as '/lib64/ld.so'"},
  });
}

TEST_CASE("a mount point that is no directory is said", "[convert][runtime]") {
  check_all({
      {"a file", [](Root& r) {
         r.file("tmp", "x");
         r.input.cmd = {"sh"};
       }, "mount-point: '/tmp' is no directory; the runtime mounts the host's there"},
      {"a link to nothing", [](Root& r) {
         r.link("home", "/data/home");
         r.input.cmd = {"sh"};
       }, "mount-point: '/home' leads nowhere: '/home' is a link to '/data/home'; the runtime mounts the host's there"},
  });
}

TEST_CASE("an ELF program says which loader it needs", "[convert][runtime]") {
  const auto loader = [](const std::string& bytes) { return elf_loader(as_bytes(bytes)); };
  const std::string dynamic = elf_program("/lib/ld.so");
  CHECK(loader(dynamic) == "/lib/ld.so");
  CHECK(loader(elf_program()) == "");
  // Cut anywhere, or with places far away, it is not known.
  for (std::size_t size = 52; size < dynamic.size(); ++size) CHECK(loader(dynamic.substr(0, size)) == std::nullopt);
  for (const std::size_t field : {offsetof(Elf64_Ehdr, e_phoff), sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset), sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_filesz)}) {
    std::string far = dynamic;
    far.replace(field, 8, 8, '\xff');
    CHECK(loader(far) == std::nullopt);
  }
  std::string big(sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr), '\0');
  big.replace(0, 6, "\x7f" "ELF\1\2");
  big[offsetof(Elf32_Ehdr, e_phoff) + 3] = sizeof(Elf32_Ehdr);
  big[offsetof(Elf32_Ehdr, e_phentsize) + 1] = sizeof(Elf32_Phdr);
  big[offsetof(Elf32_Ehdr, e_phnum) + 1] = 1;
  big[sizeof(Elf32_Ehdr) + 3] = PT_INTERP;
  big[sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_offset) + 3] = static_cast<char>(big.size());
  big[sizeof(Elf32_Ehdr) + offsetof(Elf32_Phdr, p_filesz) + 3] = 8;
  CHECK(loader(big + "/lib/ld" + '\0') == "/lib/ld");
}
