// SPDX-License-Identifier: Apache-2.0
//
// What `check` knows of how a container is started: its environment files, its runscript, scripts and their
// interpreters.
#include "check/environment.h"

#include "support/check_fixture.h"
#include "support/programs.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// With a library that no loader finds by itself, and a program that needs it.
TarBuilder container() {
  return debian()
      .file("opt/soft/lib/libx.so.1", elf_object({.needed = {"libc.so.6"}, .soname = "libx.so.1"}))
      .file("usr/bin/tool", dynamic_program({"libx.so.1"}), 0755);
}

const std::string kNotThere =
    " library-missing /usr/bin/tool: it needs 'libx.so.1', which is at '/opt/soft/lib/libx.so.1', where the loader "
    "does not look";

std::string value_of(const std::string& script, const std::string& name) {
  check::Environment environment;
  environment.set("PATH", "/bin");
  environment.read(script);
  return environment.certain() ? environment.value(name) : "?";
}

}  // namespace

TEST_CASE("environment files are read as far as they are plain", "[inspect][check]") {
  CHECK(value_of("#!/bin/sh\n# PATH=/none\n\nexport PATH=/opt/bin:$PATH\n", "PATH") == "/opt/bin:/bin");
  CHECK(value_of("PATH='/a b'; export PATH\n", "PATH") == "/a b");
  CHECK(value_of("export SOFT=/opt A=1\nexport PATH=\"${SOFT}/bin:$PATH\" # first\n", "PATH") == "/opt/bin:/bin");
  CHECK(value_of("export PATH=/opt\\\n/bin\n", "PATH") == "/opt/bin");
  CHECK(value_of("  export A=\"x\\$y\\\"z\"\"w\"\n", "A") == "x$y\"zw");
  CHECK(value_of("export A=/a${PATH:+:$PATH}\n", "A") == "/a:/bin");
  CHECK(value_of("export A=/a${NONE:+:$NONE}\n", "A") == "/a");
  CHECK(value_of("export PATH; unset PATH\n", "PATH").empty());
  // As a build writes them.
  CHECK(value_of("export A=\"${A:-\"/a\"}\"\n", "A") == "/a");
  CHECK(value_of("export PATH=\"${PATH:-\"/a\"}\"\n", "PATH") == "/bin");
  CHECK(value_of("if [ -z \"${A:-}\" ]; then A=\"/a}\"; fi\nexport A\n", "A") == "/a}");
  CHECK(value_of("if [ -z \"${PATH:-}\" ]; then PATH=\"/a}\"; fi\nexport PATH\n", "PATH") == "/bin");
  for (const std::string script :
       {". /opt/env.sh\n", "export A=$(date)\n", "A=`date`\n", "A=\"$(date)\"\n", "module load x\n", "A=1 program\n",
        "if true; then\nA=1\nfi\n", "A=\"x\n", "A='x\n", "A=${A%/*}\n", "A=${A\n", "A=$1\n", "A=1 | cat\n"}) {
    INFO(script);
    CHECK(value_of(script, "A") == "?");
  }
  // What is understood behind a line that is not counts.
  check::Environment environment;
  environment.read(". /opt/env.sh\nexport A=1\n");
  CHECK(environment.value("A") == "1");
}

TEST_CASE("values of environment files have a bound", "[inspect][check][hostile]") {
  std::string doubling = "A=0123456789\n";
  while (doubling.size() < 60000) doubling += "A=$A$A\n";
  CHECK(value_of(doubling, "A") == "?");
  std::string nested = "A=";
  for (int i = 0; i < 10000; ++i) nested += "${B:-";
  CHECK(value_of(nested + "\n", "A") == "?");
}

TEST_CASE("a container's libraries and programs are found by its environment files", "[inspect][check]") {
  const std::string place = ".singularity.d/env/90-environment.sh";
  const auto with = [&](const std::string& script) {
    return checked_root(container().file(place, "#!/bin/sh\n" + script, 0755)).lines;
  };
  CHECK(checked_root(container()).lines == Lines{"error" + kNotThere});
  CHECK(with("") == Lines{"error" + kNotThere});
  CHECK(with("export LD_LIBRARY_PATH=/opt/soft/lib:$LD_LIBRARY_PATH\n") == Lines{});
  CHECK(with(". /opt/soft/env.sh\n") == Lines{"note" + kNotThere});
  // The order is that of their names; what is the same in every container does not count.
  CHECK(checked_root(container()
                         .file(".singularity.d/env/10-docker2singularity.sh",
                               "export LD_LIBRARY_PATH=\"${LD_LIBRARY_PATH:-\"/none\"}\"\n", 0755)
                         .file(place, "export LD_LIBRARY_PATH=\"/opt/soft/lib\"\n", 0755)
                         .file(".singularity.d/env/95-apps.sh", "if [ -n \"$X\" ]; then exit 1; fi\n", 0755))
            .lines == Lines{});
  const auto on_path = container()
                           .file("opt/soft/bin/more", dynamic_program({"libnone.so"}), 0755)
                           .file(place, "export PATH=/opt/soft/bin:$PATH LD_LIBRARY_PATH=/opt/soft/lib\n", 0755);
  CHECK(checked_root(on_path).lines ==
        Lines{"error library-missing /opt/soft/bin/more: it needs 'libnone.so', which is not in the image"});
}

TEST_CASE("a program may be in a PATH that is not understood", "[inspect][check]") {
  const auto with = [](const std::string& script) {
    return checked_root(debian()
                            .file("usr/bin/env", dynamic_program(), 0755)
                            .file("opt/conda/bin/tool", elf_program(), 0755)
                            .file(".singularity.d/runscript", "#!/usr/bin/env tool\n", 0755)
                            .file(".singularity.d/env/90-environment.sh", script, 0755))
        .lines;
  };
  const std::string finding =
      " program-interpreter /.singularity.d/runscript: the command '/.singularity.d/runscript' needs the interpreter "
      "'tool', which is in no directory of the image's PATH";
  CHECK(with("export PATH=/opt/conda/bin:$PATH\n") == Lines{});
  CHECK(with("export A=1\n") == Lines{"error" + finding});
  for (const std::string script : {". /opt/conda/etc/conda.sh\n", "export PATH=$(ls -d /opt/*/bin):$PATH\n",
                                   "for i in conda; do\nPATH=/opt/$i/bin:$PATH\ndone\n",
                                   "test -d /opt && export PATH=/opt/conda/bin:$PATH\n"}) {
    INFO(script);
    CHECK(with(script) == Lines{"note" + finding + ", as far as that is known"});
  }
}

TEST_CASE("a container's runscript is judged", "[inspect][check]") {
  const auto first = [](const std::string& script, unsigned mode) {
    const auto lines = checked_root(debian().file(".singularity.d/runscript", script, mode)).lines;
    return lines.empty() ? std::string() : lines[0];
  };
  const std::string place = "/.singularity.d/runscript: ";
  const std::string own = "#!/bin/sh\nexec tool \"$@\"\n";
  CHECK(first(own, 0755).empty());
  CHECK(first(own, 0644) == "error program-not-executable " + place +
                                "the command '/.singularity.d/runscript' is not executable (mode 0644)");
  CHECK(first("#!/bin/none\n", 0755) ==
        "error program-interpreter " + place +
            "the command '/.singularity.d/runscript' needs the interpreter '/bin/none', which is not in the image");
  // One that a build has made for the command is read by the runtime, without a shell of the image.
  const std::string made = "#!/bin/none\nOCI_ENTRYPOINT='\"/app\"'\nOCI_CMD=''\n";
  CHECK(first(made, 0755).empty());
  CHECK(first(made, 0600) == "error program-not-executable " + place +
                                 "the runscript '/.singularity.d/runscript' is not executable (mode 0600)");
}

TEST_CASE("scripts that are found by their names need their interpreters", "[inspect][check]") {
  const auto with = [](const std::string& line) {
    return checked(debian()
                       .file("usr/bin/env", dynamic_program(), 0755)
                       .file("usr/local/bin/script", line + "\necho\n", 0755))
        .lines;
  };
  const std::string note = "note program-interpreter /usr/local/bin/script: it ";
  CHECK(with("#!/bin/sh") == Lines{});
  CHECK(with("#!/usr/bin/env sh") == Lines{});
  CHECK(with("#!/usr/bin/env -S sh -e") == Lines{});
  CHECK(with("#!/usr/bin/env python2") ==
        Lines{note + "needs the interpreter 'python2', which is in no directory of the image's PATH"});
  CHECK(with("#!/usr/bin/env sh -e") ==
        Lines{note + "needs the interpreter 'sh -e', which is in no directory of the image's PATH"});
  CHECK(with("#!bin/sh") ==
        Lines{note + "names its interpreter 'bin/sh' by a path that is relative to where it is started"});
  CHECK(with("#!/bin/sh\r") == Lines{note +
                                     "has a carriage return at the end of its first line '#!/bin/sh\\r', as text files "
                                     "of Windows do: no such interpreter is found"});
}

TEST_CASE("findings about the start have a path, and are told once", "[inspect][check]") {
  CHECK(checked(debian().directory("app"), Json{{"Entrypoint", {"/app/none"}}}).lines ==
        Lines{"error program-missing /app/none: the entrypoint '/app/none' is not in the image"});
  const auto mount_point = checked(debian().file("proc", "")).lines;
  REQUIRE(mount_point.size() == 1);
  CHECK(mount_point[0].starts_with("error mount-point /proc: '/proc' is no directory"));
  CHECK(checked(TarBuilder().directory("etc").file("bin/sh", elf_program("/lib/none.so"), 0755)).lines ==
        Lines{"error program-loader /bin/sh: the command '/bin/sh' needs the loader '/lib/none.so', which is not in "
              "the image"});
  CHECK(checked(debian().file("app", "#!/none/sh\n", 0755), Json{{"Cmd", {"/app"}}}).lines ==
        Lines{"error program-interpreter /app: the command '/app' needs the interpreter '/none/sh', which is not in "
              "the image"});
}
