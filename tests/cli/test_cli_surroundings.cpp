// SPDX-License-Identifier: Apache-2.0
//
// `build` in odd surroundings: streams, sources, targets, folders, names, other builds and settings.
#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

#include "support/fault_desk.h"

#include <sifkit/core/error.h>

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

TEST_CASE("standard streams may be closed, full, or read by nobody", "[cli][faults]") {
  const FaultDesk desk;
  const auto sound = desk.sound();
  REQUIRE(desk.shell("$SIFKIT build -q app.sif ../app.tar").code == 0);
  CHECK(desk.shell("$SIFKIT cat app.sif /bin/tool >/dev/full").code == exit_code(ErrorKind::no_space));
  CHECK_THAT(desk.shell("$SIFKIT ls app.sif >/dev/full").err, ContainsSubstring("standard output: no space left"));
  CHECK(desk.shell("$SIFKIT --help >/dev/full").code == exit_code(ErrorKind::no_space));
  const auto gone = desk.shell("set -o pipefail; $SIFKIT cat app.sif /bin/tool /bin/tool | head -c1");
  CHECK(gone.code == 128 + SIGPIPE);
  CHECK(gone.err == "t");
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>&1"}) {
    INFO(closed);
    desk.clear();
    CHECK(desk.shell("$SIFKIT build app.sif ../app.tar " + closed).code == 0);
    CHECK(desk.target() == sound);
  }
  desk.clear();
  CHECK(desk.shell("$SIFKIT build app.sif - <&-").code == exit_code(ErrorKind::malformed));
  CHECK(desk.count() == 0);
}

TEST_CASE("a source that changes while it is read is not converted", "[cli][faults]") {
  const FaultDesk desk;
  write_file(desk.folder / "half", read_file(desk.folder / "app.tar").substr(0, 200000));
  const auto cut = desk.shell("cat ../half | $SIFKIT build -q app.sif -");
  INFO(cut.err);
  CHECK(cut.code == exit_code(ErrorKind::malformed));
  CHECK(desk.count() == 0);
  // Stopped at its first write, the build finds the file shorter, longer or other than it was.
  for (const std::string change : {"truncate -s 20000 ../live.tar", "head -c 300000 /dev/zero >../live.tar", "truncate -s 0 ../live.tar"}) {
    INFO(change);
    const auto result = desk.shell("cp ../app.tar ../live.tar; LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=openat:1:sig19 "
                                   "$SIFKIT build -q app.sif docker-archive:../live.tar & pid=$!; "
                                   "until [ \"$(cut -d' ' -f3 /proc/$pid/stat)\" = T ]; do sleep 0.01; done; " + change + "; kill -CONT $pid; wait $pid");
    INFO(result.err);
    CHECK((result.code == exit_code(ErrorKind::malformed) || result.code == exit_code(ErrorKind::integrity)));
    CHECK(desk.count() == 0);
  }
}

TEST_CASE("only a regular file is replaced, and only on request", "[cli][faults]") {
  const FaultDesk desk;
  for (const std::string make : {"mkdir app.sif", "mkfifo app.sif", "ln -s elsewhere app.sif", "touch real; ln -s real app.sif", "ln -s /dev/null app.sif",
                                  "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"app.sif\")'"}) {
    for (const std::string force : {"", "--force"}) {
      INFO(make << " " << force);
      desk.clear();
      REQUIRE(desk.shell(make).code == 0);
      const auto before = desk.shell("ls -l app.sif").err;
      const auto result = desk.shell("$SIFKIT build -q " + force + " app.sif ../app.tar");
      CHECK(result.code == exit_code(ErrorKind::exists));
      CHECK_THAT(result.err, ContainsSubstring("'app.sif'"));
      CHECK(desk.shell("ls -l app.sif").err == before);
      CHECK_FALSE(fs::exists(desk.out / "elsewhere"));
    }
  }
  desk.clear();
  CHECK(desk.shell("$SIFKIT build -q /dev/stdout ../app.tar").code == exit_code(ErrorKind::exists));
  CHECK(desk.shell("$SIFKIT build -q none/app.sif ../app.tar").code == exit_code(ErrorKind::not_found));
  CHECK(desk.shell("$SIFKIT build -q ../app.tar/app.sif ../app.tar").code == exit_code(ErrorKind::io));
  CHECK(desk.count() == 0);
}

TEST_CASE("a folder that may not be written is refused before any work", "[cli][faults]") {
  const FaultDesk desk;
  if (::geteuid() == 0 && desk.shell("setpriv --reuid 65534 --regid 65534 --clear-groups true").code != 0) SKIP_TEST("root cannot become another user here");
  fs::permissions(desk.folder.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const std::string user = ::geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
  fs::permissions(desk.out, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  const auto result = desk.shell(user + "$SIFKIT build -q app.sif ../app.tar");
  INFO(result.err);
  if (result.code == 126) SKIP_TEST("another user cannot run the program where it is");
  CHECK(result.code == exit_code(ErrorKind::denied));
  CHECK_THAT(result.err, ContainsSubstring("create a file in '.'"));
  fs::permissions(desk.out, fs::perms::owner_all);
}

TEST_CASE("names as long as the file system takes are no obstacle", "[cli][faults]") {
  const FaultDesk desk;
  const auto sound = desk.sound();
  for (const bool tmpfile : {true, false}) {
    desk.clear();
    const std::string name(255, 'n');
    const auto result = desk.shell("exec $SIFKIT build -q " + name + " ../app.tar",
                                   tmpfile ? std::vector<std::string>{} : std::vector<std::string>{"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", "SIFKIT_NO_TMPFILE=1"});
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(read_file(desk.out / name) == sound);
  }
}

TEST_CASE("what can never become the output is refused before any work", "[cli][faults]") {
  const FaultDesk desk;
  // A layer is damaged: where the work has begun, the error is another one.
  std::string damaged = read_file(desk.folder / "app.tar");
  damaged[200000] = static_cast<char>(damaged[200000] ^ 1);
  write_file(desk.folder / "damaged", damaged);
  REQUIRE(desk.shell("$SIFKIT build -q app.sif ../damaged").code == exit_code(ErrorKind::integrity));
  const int usage = exit_code(ErrorKind::usage);
  const std::string long_name(256, 'n');
  for (const auto& [arguments, code, text] : {std::tuple<std::string, int, std::string>{"-", usage, "cannot be written to standard output"}, {".", usage, "name a file"}, {"..", usage, "name a file"}, {"/", usage, "name a file"},
                                              {"new/", usage, "name a file"}, {long_name, exit_code(ErrorKind::io), "name too long"}, {"-s -F .", usage, "name a folder"}, {"-s -F new/..", usage, "name a folder"},
                                              {"-s -F /", usage, "name a folder"}, {"-s -F //", usage, "name a folder"}, {"-s ''", usage, "name a folder"}, {"-s " + long_name, exit_code(ErrorKind::io), "name too long"}}) {
    INFO(arguments);
    const auto result = desk.shell("exec timeout 20 $SIFKIT build -q " + arguments + " ../damaged");
    INFO(result.err);
    CHECK(result.code == code);
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(desk.count() == 0);
  }
  REQUIRE(desk.shell("$SIFKIT build -q -s box// ../app.tar && $SIFKIT build -q -s -F ./box/ ../app.tar && test -d box && rm -r box").code == 0);
  if (::geteuid() != 0) SKIP_TEST("only root can protect files and mount");
  const int denied = exit_code(ErrorKind::denied);
  for (const auto& [make, text, undo] : {std::tuple{"touch app.sif && chattr +i app.sif", "immutable", "chattr -i app.sif"}, {"touch app.sif && chattr +a app.sif", "chattr +a", "chattr -a app.sif"},
                                         {"touch app.sif && chattr +a .", "taken out of its folder", "chattr -a ."}, {"mkdir box && chattr +i box", "immutable", "chattr -i box"},
                                         {"chattr +a .", "taken out of its folder", "chattr -a ."},
                                         {"mkdir box && mount --bind box box", "mount point", "umount box"}, {"touch app.sif && mount --bind app.sif app.sif", "mount point", "umount app.sif"}}) {
    desk.clear();
    INFO(make);
    if (desk.shell(make).code != 0) continue;  // not every file system has these attributes, nor every container mounts
    const auto before = desk.count();
    const auto result = desk.shell("if [ -e app.sif ]; then exec $SIFKIT build -q -F app.sif ../damaged; else exec $SIFKIT build -q -s -F box ../damaged; fi");
    CHECK(desk.shell(undo).code == 0);
    INFO(result.err);
    CHECK(result.code == denied);
    CHECK_THAT(result.err, ContainsSubstring("cannot be written") && ContainsSubstring(text));
    CHECK(desk.count() == before);
  }
  desk.clear();
  const std::string other = "setpriv --reuid 65534 --regid 65534 --clear-groups ";
  fs::permissions(desk.folder.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  if (desk.shell("chmod 1777 . && touch app.sif && chmod 600 app.sif && " + other + "$SIFKIT version").code != 0) SKIP_TEST("another user cannot run the program where it is");
  for (const std::string mode : {"600", "644"}) {
    const auto result = desk.shell("chmod " + mode + " app.sif; exec " + other + "$SIFKIT build -q -F app.sif ../damaged");
    INFO(result.err);
    CHECK(result.code == denied);
    CHECK_THAT(result.err, ContainsSubstring("belongs to another user"));
  }
  CHECK(desk.shell("chown 65534 app.sif; " + other + "$SIFKIT build -q -F app.sif ../app.tar").code == 0);
}

TEST_CASE("neither a umask that closes folders nor a missing /proc is in the way", "[cli][faults]") {
  const FaultDesk desk;
  const auto sound = desk.sound();
  REQUIRE(desk.shell("$SIFKIT build -q -s open ../app.tar").code == 0);
  fs::permissions(desk.folder.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const std::string user = ::geteuid() != 0 ? "" : "setpriv --reuid 65534 --regid 65534 --clear-groups ";
  if (desk.shell("chmod 777 .; " + user + "$SIFKIT version").code == 0) {
    const auto closed = desk.shell("umask 777; " + user + "$SIFKIT build -q -s closed ../app.tar");
    INFO(closed.err);
    CHECK(closed.code == 0);
    CHECK(desk.shell("diff <(cd open && find . -printf '%p %m %s\\n' | sort) <(cd closed && find . -printf '%p %m %s\\n' | sort)").err.empty());
  }
  desk.clear();
  // An empty folder hides /proc, as in a chroot where nobody has mounted it.
  if (desk.shell("unshare -rm bash -c 'mount -t tmpfs none /proc'").code != 0) SKIP_TEST("no mount namespaces here");
  const std::string without = "unshare -rm bash -c 'mount -t tmpfs none /proc && cd \"$0\" && exec \"$@\"' \"$PWD\" ";
  for (const std::string force : {"", "-F"}) {
    const auto result = desk.shell(without + "$SIFKIT build -q " + force + " app.sif ../app.tar");
    INFO(result.err);
#ifndef __SANITIZE_ADDRESS__  // whose search for leaks, at the end, takes a /proc
    CHECK(result.code == 0);
#endif
    CHECK(desk.target() == sound);
    CHECK(desk.count() == 1);
  }
}

TEST_CASE("of two builds to one target one wins whole", "[cli][faults]") {
  const FaultDesk desk;
  const auto sound = desk.sound();
  for (int round = 0; round < 5; ++round) {
    desk.clear();
    const auto result = desk.shell("for i in 1 2 3 4; do $SIFKIT build -q -j1 app.sif ../app.tar & pids+=($!); done; for pid in ${pids[@]}; do wait $pid; echo \"ended $?\" >&2; done");
    INFO(result.err);
    const std::size_t winners = count_of(result.err, "ended 0\n");
    CHECK(winners == 1);
    CHECK(count_of(result.err, fmt::format("ended {}\n", exit_code(ErrorKind::exists))) == 3);
    CHECK(desk.target() == sound);
    CHECK(desk.count() == 1);
    const auto forced = desk.shell("for i in 1 2 3; do $SIFKIT build -q -F -j1 app.sif ../app.tar & pids+=($!); done; for pid in ${pids[@]}; do wait $pid; echo \"ended $?\" >&2; done");
    INFO(forced.err);
    CHECK(count_of(forced.err, "ended 0\n") == 3);
    CHECK(desk.target() == sound);
    CHECK(desk.count() == 1);
  }
}

TEST_CASE("neither umask, locale, time zone nor folder change a byte", "[cli][faults]") {
  const FaultDesk desk;
  const auto sound = desk.sound();
  for (const std::string setting : {"umask 0", "umask 077", "export LC_ALL=C.UTF-8", "export LC_ALL=tr_TR.UTF-8", "export TZ=Asia/Kathmandu", "mkdir -p x && cd x && cp ../../app.tar ..",
                                     "export HOME=/nowhere", "unset TMPDIR PATH"}) {
    INFO(setting);
    desk.clear();
    const auto result = desk.shell(setting + "; $SIFKIT build -q app.sif ../app.tar && $SIFKIT build -q -F \"" + (desk.out / "app.sif").string() + "\" ../app.tar");
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(desk.target() == sound);
  }
  desk.clear();
  REQUIRE(desk.shell("umask 027; $SIFKIT build -q app.sif ../app.tar").code == 0);
  CHECK((static_cast<unsigned>(fs::status(desk.out / "app.sif").permissions()) & 0777u) == 0750u);
}

TEST_CASE("a pipe is a source, also before it has a writer, and a device, a socket, a terminal or nothing at all is none", "[cli][faults]") {
  const FaultDesk desk;
  for (const std::string command : {"$SIFKIT build -q app.sif <(cat ../app.tar)", "$SIFKIT build -q app.sif docker-archive:<(cat ../app.tar)", "cat ../app.tar | $SIFKIT build -q app.sif /dev/stdin",
                                     "$SIFKIT build -q app.sif /dev/stdin <../app.tar", "$SIFKIT build -q app.sif - <../app.tar",
                                     // The writer comes when the reader is there.
                                     "mkfifo ../late; $SIFKIT build -q app.sif ../late & sleep 0.3; cat ../app.tar >../late; wait $!"}) {
    INFO(command);
    desk.clear();
    const auto result = desk.shell(command);
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(desk.shell("$SIFKIT cat app.sif /etc/new").err == "new");
  }
  desk.clear();
  REQUIRE(desk.shell("mkdir -p ../root/etc && echo -n x >../root/file && $SIFKIT build -q app.sif <(tar -C ../root -c .) && $SIFKIT cat app.sif /file").err == "x");
  desk.clear();
  REQUIRE(desk.shell("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"../socket\")'; : >../empty").code == 0);
  const int usage = exit_code(ErrorKind::usage);
  const int malformed = exit_code(ErrorKind::malformed);
  for (const auto& [source, code, text] : {std::tuple{"/dev/zero", usage, "is a device"}, {"docker-archive:/dev/zero", usage, "is a device"}, {"tar:/dev/null", usage, "is a device"},
                                           {"../socket", usage, "is a socket"}, {"tar:../empty", malformed, "is empty"}, {"tar:<(:)", malformed, "is empty"}, {"<(:)", malformed, "is empty"}}) {
    INFO(source);
    const auto result = desk.shell(std::string("exec timeout 20 $SIFKIT build -q app.sif ") + source);
    INFO(result.err);
    CHECK(result.code == code);
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(desk.count() == 0);
  }
  for (const std::string source : {"-", "docker-archive:-", "oci-archive:-", "tar:-"}) {
    INFO(source);
    const auto zeros = desk.shell("exec timeout 60 $SIFKIT build -q app.sif " + source + " </dev/zero");
    CHECK(zeros.code == malformed);
    CHECK_THAT(zeros.err, ContainsSubstring("is nothing but zeros"));
    CHECK(desk.count() == 0);
  }
  for (const std::string source : {"-", "docker-archive:-", "tar:-"}) {
    INFO(source);
    const auto result = desk.shell("cat ../app.tar /dev/zero | timeout 60 $SIFKIT build -q --limit trailing_bytes=10M app.sif " + source);
    INFO(result.err);
    CHECK(result.code == exit_code(ErrorKind::limit));
    CHECK(desk.count() == 0);
  }
  REQUIRE(desk.shell("$SIFKIT sif new ../x.sif").code == 0);
  for (const char* command : {"sif add --datatype 7 ../x.sif /dev/zero", "sign --key /dev/urandom ../x.sif", "verify --key /dev/zero ../x.sif", "key import --keydir keys /dev/zero"}) {
    INFO(command);
    const auto result = desk.shell(std::string("exec timeout 20 $SIFKIT ") + command);
    CHECK(result.code == usage);
    CHECK_THAT(result.err, ContainsSubstring("is a device"));
  }
  CHECK_THAT(desk.shell("mkfifo ../pipe; exec timeout 20 $SIFKIT ls ../pipe").err, ContainsSubstring("is no regular file, as a SIF or squashfs image is"));
}

TEST_CASE("standard input that is a file is read in place, from where it stands", "[cli][faults]") {
  const FaultDesk desk;
  REQUIRE(desk.shell("(printf junk; cat ../app.tar) >../later.tar; mkdir -p ../root/etc; echo hello >../root/file; tar cf ../flat.tar -C ../root .; : >../empty").code == 0);
  const auto built = [&](const std::string& command) {
    INFO(command);
    const auto result = desk.shell(command);
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto bytes = desk.target();
    desk.clear();
    return bytes;
  };
  const auto streamed = built("cat ../app.tar | $SIFKIT build -q app.sif -");
  CHECK((built("$SIFKIT build -q --tmpdir ../no-such-folder app.sif - <../app.tar") == streamed));
  CHECK((built("{ head -c 4 >/dev/null; exec $SIFKIT build -q app.sif -; } <../later.tar") == streamed));
  CHECK((built("$SIFKIT build -q app.sif - <../flat.tar") == built("cat ../flat.tar | $SIFKIT build -q app.sif -")));
  // What comes first need not tell an archive of images from a root file system: all members are seen here.
  REQUIRE(desk.shell("mkdir ../members && tar xf ../app.tar -C ../members && : >../members/README && tar cf ../odd.tar -C ../members README $(ls ../members | grep -v README)").code == 0);
  CHECK((built("$SIFKIT build -q app.sif - <../odd.tar") == streamed));
  CHECK_THAT(desk.shell("$SIFKIT build -q app.sif - <../empty").err, ContainsSubstring("is empty"));
  CHECK_THAT(desk.shell("$SIFKIT sif new ../x.sif; $SIFKIT build -q app.sif - <../x.sif").err, ContainsSubstring("is a SIF image, an image of layers was expected"));
  CHECK_THAT(desk.shell("$SIFKIT images - <../app.tar").err, ContainsSubstring("@0"));
  CHECK(desk.count() == 0);
}

TEST_CASE("figures go to a file, to standard output or into a pipe, and where they cannot go costs no conversion", "[cli][build]") {
  const FaultDesk desk;
  CHECK_THAT(desk.shell("$SIFKIT build -q app.sif ../app.tar --stats -").err, ContainsSubstring("sifkit/build/v1"));
  CHECK(desk.shell("$SIFKIT build -q -F app.sif ../app.tar --digestfile - 2>/dev/null | cut -c1-7").err == "sha256:\n");
  CHECK(desk.shell("$SIFKIT build -q -F app.sif ../app.tar --digestfile >(cut -c1-7); sleep 0.2").err == "sha256:\n");
  desk.clear();
  for (const auto& [options, code] : {std::pair{"--stats none/figures", exit_code(ErrorKind::not_found)}, {"--stats .", exit_code(ErrorKind::usage)}, {"--stats app.sif", exit_code(ErrorKind::usage)},
                                       {"--digestfile ../out/app.sif", exit_code(ErrorKind::usage)}, {"--digestfile ../app.tar", exit_code(ErrorKind::usage)}, {"--stats ../app.tar", exit_code(ErrorKind::usage)},
                                       {"--stats x --digestfile ./x", exit_code(ErrorKind::usage)}, {"--json --stats -", exit_code(ErrorKind::usage)}}) {
    INFO(options);
    CHECK(desk.shell(std::string("$SIFKIT build -q app.sif ../app.tar ") + options).code == code);
    CHECK(desk.count() == 0);
  }
}

TEST_CASE("what does without OpenPGP and services loads none of their libraries", "[cli]") {
  const FaultDesk desk;
  const auto loaded = desk.shell("LD_TRACE_LOADED_OBJECTS=1 exec $SIFKIT");
  CHECK_THAT(loaded.err, ContainsSubstring("libsquashfs"));
  CHECK_THAT(loaded.err, !ContainsSubstring("libcurl") && !ContainsSubstring("librnp"));
}

TEST_CASE("version says which libraries are not installed", "[cli]") {
  const FaultDesk desk;
  // In the loader's way, ahead of the system's.
  write_file(desk.folder / "librnp.so.0", "no library");
  write_file(desk.folder / "libcurl.so.4", "no library");
  const std::vector<std::string> environment{"LD_LIBRARY_PATH=" + desk.folder.path().string()};
  const auto text = desk.shell("$SIFKIT version", environment);
  CHECK(text.code == 0);
  CHECK_THAT(text.err, ContainsSubstring("  rnp         not installed\n") && ContainsSubstring("  curl        not installed\n") && ContainsSubstring("  zstd        1."));
  const auto record = Json::parse(desk.shell("$SIFKIT version --json", environment).err);
  CHECK(record["libraries"]["rnp"].is_null());
  CHECK(record["libraries"]["curl"].is_null());
  CHECK(record["libraries"]["zstd"].is_string());
}
