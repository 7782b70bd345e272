// SPDX-License-Identifier: Apache-2.0
//
// Commands, `build` above all, in odd surroundings: streams, sources, targets, directories, names, locks, other builds and settings.
#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

#include "support/fault_fixture.h"

#include <sifkit/core/error.h>

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

TEST_CASE("standard streams may be closed, full, or read by nobody", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../app.tar").code == 0);
  CHECK(fixture.shell("$SIFKIT cat app.sif /bin/tool >/dev/full").code == exit_code(ErrorKind::no_space));
  CHECK_THAT(fixture.shell("$SIFKIT ls app.sif >/dev/full").err, ContainsSubstring("standard output: no space left"));
  CHECK(fixture.shell("$SIFKIT --help >/dev/full").code == exit_code(ErrorKind::no_space));
  const auto gone = fixture.shell("set -o pipefail; $SIFKIT cat app.sif /bin/tool /bin/tool | head -c1");
  CHECK(gone.code == 128 + SIGPIPE);
  CHECK(gone.err == "t");
  for (const std::string closed : {"<&-", ">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", ">/dev/full 2>&1"}) {
    INFO(closed);
    fixture.clear();
    CHECK(fixture.shell("$SIFKIT build app.sif ../app.tar " + closed).code == 0);
    CHECK(fixture.target() == sound);
  }
  fixture.clear();
  CHECK(fixture.shell("$SIFKIT build app.sif - <&-").code == exit_code(ErrorKind::malformed));
  CHECK(fixture.count() == 0);
}

TEST_CASE("a source that changes while it is read is not converted", "[cli][faults]") {
  const FaultFixture fixture;
  write_file(fixture.directory / "half", read_file(fixture.directory / "app.tar").substr(0, 200000));
  const auto cut = fixture.shell("cat ../half | $SIFKIT build -q app.sif -");
  INFO(cut.err);
  CHECK(cut.code == exit_code(ErrorKind::malformed));
  CHECK(fixture.count() == 0);
  // Stopped at its first write, the build finds the file shorter, longer or other than it was.
  for (const std::string change : {"truncate -s 20000 ../live.tar", "head -c 300000 /dev/zero >../live.tar", "truncate -s 0 ../live.tar"}) {
    INFO(change);
    const auto result = fixture.shell("cp ../app.tar ../live.tar; LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=openat:1:sig19 "
                                   "$SIFKIT build -q app.sif docker-archive:../live.tar & pid=$!; "
                                   "until [ \"$(cut -d' ' -f3 /proc/$pid/stat)\" = T ]; do sleep 0.01; done; " + change + "; kill -CONT $pid; wait $pid");
    INFO(result.err);
    CHECK((result.code == exit_code(ErrorKind::malformed) || result.code == exit_code(ErrorKind::integrity)));
    CHECK(fixture.count() == 0);
  }
}

TEST_CASE("only a regular file is replaced, and only on request", "[cli][faults]") {
  const FaultFixture fixture;
  for (const std::string make : {"mkdir app.sif", "mkfifo app.sif", "ln -s elsewhere app.sif", "touch real; ln -s real app.sif", "ln -s /dev/null app.sif",
                                  "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"app.sif\")'"}) {
    for (const std::string force : {"", "--force"}) {
      INFO(make << " " << force);
      fixture.clear();
      REQUIRE(fixture.shell(make).code == 0);
      const auto before = fixture.shell("ls -l app.sif").err;
      const auto result = fixture.shell("$SIFKIT build -q " + force + " app.sif ../app.tar");
      CHECK(result.code == exit_code(ErrorKind::exists));
      CHECK_THAT(result.err, ContainsSubstring("'app.sif'"));
      CHECK(fixture.shell("ls -l app.sif").err == before);
      CHECK_FALSE(fs::exists(fixture.out / "elsewhere"));
    }
  }
  fixture.clear();
  CHECK(fixture.shell("$SIFKIT build -q /dev/stdout ../app.tar").code == exit_code(ErrorKind::exists));
  CHECK(fixture.shell("$SIFKIT build -q none/app.sif ../app.tar").code == exit_code(ErrorKind::not_found));
  CHECK(fixture.shell("$SIFKIT build -q ../app.tar/app.sif ../app.tar").code == exit_code(ErrorKind::io));
  CHECK(fixture.count() == 0);
}

TEST_CASE("a directory that may not be written is refused before any work", "[cli][faults]") {
  const FaultFixture fixture;
  if (::geteuid() == 0 && fixture.shell("setpriv --reuid 65534 --regid 65534 --clear-groups true").code != 0) SKIP_TEST("root cannot become another user here");
  fs::permissions(fixture.directory.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const std::string user = ::geteuid() == 0 ? "setpriv --reuid 65534 --regid 65534 --clear-groups " : "";
  fs::permissions(fixture.out, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read | fs::perms::others_exec);
  const auto result = fixture.shell(user + "$SIFKIT build -q app.sif ../app.tar");
  INFO(result.err);
  if (result.code == 126) SKIP_TEST("another user cannot run the program where it is");
  CHECK(result.code == exit_code(ErrorKind::denied));
  CHECK_THAT(result.err, ContainsSubstring("create a file in '.'"));
  fs::permissions(fixture.out, fs::perms::owner_all);
}

TEST_CASE("names as long as the file system takes are no obstacle", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  for (const bool tmpfile : {true, false}) {
    fixture.clear();
    const std::string name(255, 'n');
    const auto result = fixture.shell("exec $SIFKIT build -q " + name + " ../app.tar",
                                   tmpfile ? std::vector<std::string>{} : std::vector<std::string>{"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", "SIFKIT_NO_TMPFILE=1"});
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(read_file(fixture.out / name) == sound);
  }
}

TEST_CASE("what can never become the output is refused before any work", "[cli][faults]") {
  const FaultFixture fixture;
  // A layer is damaged: where the work has begun, the error is another one.
  std::string damaged = read_file(fixture.directory / "app.tar");
  damaged[200000] = static_cast<char>(damaged[200000] ^ 1);
  write_file(fixture.directory / "damaged", damaged);
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../damaged").code == exit_code(ErrorKind::integrity));
  const int usage = exit_code(ErrorKind::usage);
  const std::string long_name(256, 'n');
  for (const auto& [arguments, code, text] : {std::tuple<std::string, int, std::string>{"-", usage, "cannot be written to standard output"}, {".", usage, "name a file"}, {"..", usage, "name a file"}, {"/", usage, "name a file"},
                                              {"new/", usage, "name a file"}, {long_name, exit_code(ErrorKind::io), "name too long"}, {"-s -F .", usage, "name a directory"}, {"-s -F new/..", usage, "name a directory"},
                                              {"-s -F /", usage, "name a directory"}, {"-s -F //", usage, "name a directory"}, {"-s ''", usage, "name a directory"}, {"-s " + long_name, exit_code(ErrorKind::io), "name too long"}}) {
    INFO(arguments);
    const auto result = fixture.shell("exec timeout 20 $SIFKIT build -q " + arguments + " ../damaged");
    INFO(result.err);
    CHECK(result.code == code);
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(fixture.count() == 0);
  }
  REQUIRE(fixture.shell("$SIFKIT build -q -s box// ../app.tar && $SIFKIT build -q -s -F ./box/ ../app.tar && test -d box && rm -r box").code == 0);
  if (::geteuid() != 0) SKIP_TEST("only root can protect files and mount");
  const int denied = exit_code(ErrorKind::denied);
  for (const auto& [make, text, undo] : {std::tuple{"touch app.sif && chattr +i app.sif", "immutable", "chattr -i app.sif"}, {"touch app.sif && chattr +a app.sif", "chattr +a", "chattr -a app.sif"},
                                         {"touch app.sif && chattr +a .", "taken out of its directory", "chattr -a ."}, {"mkdir box && chattr +i box", "immutable", "chattr -i box"},
                                         {"chattr +a .", "taken out of its directory", "chattr -a ."},
                                         {"mkdir box && mount --bind box box", "mount point", "umount box"}, {"touch app.sif && mount --bind app.sif app.sif", "mount point", "umount app.sif"}}) {
    fixture.clear();
    INFO(make);
    if (fixture.shell(make).code != 0) continue;  // not every file system has these attributes, nor every container mounts
    const auto before = fixture.count();
    const auto result = fixture.shell("if [ -e app.sif ]; then exec $SIFKIT build -q -F app.sif ../damaged; else exec $SIFKIT build -q -s -F box ../damaged; fi");
    CHECK(fixture.shell(undo).code == 0);
    INFO(result.err);
    CHECK(result.code == denied);
    CHECK_THAT(result.err, ContainsSubstring("cannot be written") && ContainsSubstring(text));
    CHECK(fixture.count() == before);
  }
  fixture.clear();
  const std::string other = "setpriv --reuid 65534 --regid 65534 --clear-groups ";
  fs::permissions(fixture.directory.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  if (fixture.shell("chmod 1777 . && touch app.sif && chmod 600 app.sif && " + other + "$SIFKIT version").code != 0) SKIP_TEST("another user cannot run the program where it is");
  for (const std::string mode : {"600", "644"}) {
    const auto result = fixture.shell("chmod " + mode + " app.sif; exec " + other + "$SIFKIT build -q -F app.sif ../damaged");
    INFO(result.err);
    CHECK(result.code == denied);
    CHECK_THAT(result.err, ContainsSubstring("belongs to another user"));
  }
  CHECK(fixture.shell("chown 65534 app.sif; " + other + "$SIFKIT build -q -F app.sif ../app.tar").code == 0);
}

TEST_CASE("neither a umask that closes directories nor a missing /proc is in the way", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  REQUIRE(fixture.shell("$SIFKIT build -q -s open ../app.tar").code == 0);
  fs::permissions(fixture.directory.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const std::string user = ::geteuid() != 0 ? "" : "setpriv --reuid 65534 --regid 65534 --clear-groups ";
  if (fixture.shell("chmod 777 .; " + user + "$SIFKIT version").code == 0) {
    const auto closed = fixture.shell("umask 777; " + user + "$SIFKIT build -q -s closed ../app.tar");
    INFO(closed.err);
    CHECK(closed.code == 0);
    CHECK(fixture.shell("diff <(cd open && find . -printf '%p %m %s\\n' | sort) <(cd closed && find . -printf '%p %m %s\\n' | sort)").err.empty());
  }
  fixture.clear();
  // An empty directory hides /proc, as in a chroot where nobody has mounted it.
  if (fixture.shell("unshare -rm bash -c 'mount -t tmpfs none /proc'").code != 0) SKIP_TEST("no mount namespaces here");
  const std::string without = "unshare -rm bash -c 'mount -t tmpfs none /proc && cd \"$0\" && exec \"$@\"' \"$PWD\" ";
  for (const std::string force : {"", "-F"}) {
    const auto result = fixture.shell(without + "$SIFKIT build -q " + force + " app.sif ../app.tar");
    INFO(result.err);
#ifndef __SANITIZE_ADDRESS__  // whose search for leaks, at the end, takes a /proc
    CHECK(result.code == 0);
#endif
    CHECK(fixture.target() == sound);
    CHECK(fixture.count() == 1);
  }
}

TEST_CASE("where the file system has no locks, keys are kept and used and images are edited all the same", "[cli][faults][key]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../app.tar && $SIFKIT key newpair -q -N Other --no-passphrase && $SIFKIT key export -q --secret -o other.asc Other",
                        {"SIFKIT_CONFIGDIR=" + (fixture.out / "other").string()})
              .code == 0);
  const auto run = [&](int number, const std::string& command) {
    return fixture.shell(command, {"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", "SIFKIT_FLOCK=" + std::to_string(number),
                                   "SIFKIT_CONFIGDIR=" + (fixture.out / "config").string(), "SIFKIT_PASSPHRASE=secret"});
  };
  for (const int number : {ENOSYS, ENOLCK, EOPNOTSUPP}) {
    for (const std::string command : {"cp app.sif work.sif", "$SIFKIT key newpair -q -N Ada", "$SIFKIT key import -q other.asc", "$SIFKIT sign -q --key-name Ada work.sif", "$SIFKIT verify -q work.sif", "$SIFKIT key remove -q Other",
                                      "$SIFKIT key remove -q --secret --force Other", "$SIFKIT sif del 3 work.sif", "test $($SIFKIT key list | wc -l) = 2", "rm -r config"}) {
      const auto result = run(number, command);
      INFO(strerror(number) << ": " << command << ": " << result.err);
      CHECK(result.code == 0);
    }
  }
  // A lock that is there and cannot be had is no such case.
  for (const std::string command : {"$SIFKIT key newpair -q -N Ada", "$SIFKIT key import -q other.asc", "$SIFKIT sif del 2 app.sif"}) {
    const auto result = run(EIO, command);
    INFO(command << ": " << result.err);
    CHECK(result.code == exit_code(ErrorKind::io));
    CHECK_THAT(result.err, ContainsSubstring("lock '") && ContainsSubstring("input/output error"));
  }
}

TEST_CASE("of two builds to one target one wins whole", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  for (int round = 0; round < 5; ++round) {
    fixture.clear();
    const auto result = fixture.shell("for i in 1 2 3 4; do $SIFKIT build -q -j1 app.sif ../app.tar & pids+=($!); done; for pid in ${pids[@]}; do wait $pid; echo \"ended $?\" >&2; done");
    INFO(result.err);
    const std::size_t winners = count_of(result.err, "ended 0\n");
    CHECK(winners == 1);
    CHECK(count_of(result.err, fmt::format("ended {}\n", exit_code(ErrorKind::exists))) == 3);
    CHECK(fixture.target() == sound);
    CHECK(fixture.count() == 1);
    const auto forced = fixture.shell("for i in 1 2 3; do $SIFKIT build -q -F -j1 app.sif ../app.tar & pids+=($!); done; for pid in ${pids[@]}; do wait $pid; echo \"ended $?\" >&2; done");
    INFO(forced.err);
    CHECK(count_of(forced.err, "ended 0\n") == 3);
    CHECK(fixture.target() == sound);
    CHECK(fixture.count() == 1);
  }
}

TEST_CASE("neither umask, locale, time zone nor directory change a byte", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  for (const std::string setting : {"umask 0", "umask 077", "export LC_ALL=C.UTF-8", "export LC_ALL=tr_TR.UTF-8", "export TZ=Asia/Kathmandu", "mkdir -p x && cd x && cp ../../app.tar ..",
                                     "export HOME=/nowhere", "unset TMPDIR PATH"}) {
    INFO(setting);
    fixture.clear();
    const auto result = fixture.shell(setting + "; $SIFKIT build -q app.sif ../app.tar && $SIFKIT build -q -F \"" + (fixture.out / "app.sif").string() + "\" ../app.tar");
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(fixture.target() == sound);
  }
  fixture.clear();
  REQUIRE(fixture.shell("umask 027; $SIFKIT build -q app.sif ../app.tar").code == 0);
  CHECK((static_cast<unsigned>(fs::status(fixture.out / "app.sif").permissions()) & 0777u) == 0750u);
}

TEST_CASE("a pipe is a source, also before it has a writer, and a device, a socket, a terminal or nothing at all is none", "[cli][faults]") {
  const FaultFixture fixture;
  for (const std::string command : {"$SIFKIT build -q app.sif <(cat ../app.tar)", "$SIFKIT build -q app.sif docker-archive:<(cat ../app.tar)", "cat ../app.tar | $SIFKIT build -q app.sif /dev/stdin",
                                     "$SIFKIT build -q app.sif /dev/stdin <../app.tar", "$SIFKIT build -q app.sif - <../app.tar",
                                     // The writer comes when the reader is there.
                                     "mkfifo ../late; $SIFKIT build -q app.sif ../late & sleep 0.3; cat ../app.tar >../late; wait $!"}) {
    INFO(command);
    fixture.clear();
    const auto result = fixture.shell(command);
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(fixture.shell("$SIFKIT cat app.sif /etc/new").err == "new");
  }
  fixture.clear();
  REQUIRE(fixture.shell("mkdir -p ../root/etc && echo -n x >../root/file && $SIFKIT build -q app.sif <(tar -C ../root -c .) && $SIFKIT cat app.sif /file").err == "x");
  fixture.clear();
  REQUIRE(fixture.shell("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"../socket\")'; : >../empty").code == 0);
  const int usage = exit_code(ErrorKind::usage);
  const int malformed = exit_code(ErrorKind::malformed);
  for (const auto& [source, code, text] : {std::tuple{"/dev/zero", usage, "is a device"}, {"docker-archive:/dev/zero", usage, "is a device"}, {"tar:/dev/null", usage, "is a device"},
                                           {"../socket", usage, "is a socket"}, {"tar:../empty", malformed, "is empty"}, {"tar:<(:)", malformed, "is empty"}, {"<(:)", malformed, "is empty"}}) {
    INFO(source);
    const auto result = fixture.shell(std::string("exec timeout 20 $SIFKIT build -q app.sif ") + source);
    INFO(result.err);
    CHECK(result.code == code);
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(fixture.count() == 0);
  }
  for (const std::string source : {"-", "docker-archive:-", "oci-archive:-", "tar:-"}) {
    INFO(source);
    const auto zeros = fixture.shell("exec timeout 60 $SIFKIT build -q app.sif " + source + " </dev/zero");
    CHECK(zeros.code == malformed);
    CHECK_THAT(zeros.err, ContainsSubstring("is nothing but zeros"));
    CHECK(fixture.count() == 0);
  }
  for (const std::string source : {"-", "docker-archive:-", "tar:-"}) {
    INFO(source);
    const auto result = fixture.shell("cat ../app.tar /dev/zero | timeout 60 $SIFKIT build -q --limit trailing_bytes=10M app.sif " + source);
    INFO(result.err);
    CHECK(result.code == exit_code(ErrorKind::limit));
    CHECK(fixture.count() == 0);
  }
  REQUIRE(fixture.shell("$SIFKIT sif new ../x.sif").code == 0);
  for (const char* command : {"sif add --datatype 7 ../x.sif /dev/zero", "sign --key /dev/urandom ../x.sif", "verify --key /dev/zero ../x.sif", "key import --keydir keys /dev/zero"}) {
    INFO(command);
    const auto result = fixture.shell(std::string("exec timeout 20 $SIFKIT ") + command);
    CHECK(result.code == usage);
    CHECK_THAT(result.err, ContainsSubstring("is a device"));
  }
  CHECK(fixture.shell("mkfifo ../pipe; cat ../app.tar >../pipe & exec timeout 20 $SIFKIT ls ../pipe /bin/tool ").err == "/bin/tool\n");
}

TEST_CASE("standard input that is a file is read in place, from where it stands", "[cli][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("(printf junk; cat ../app.tar) >../later.tar; mkdir -p ../root/etc; echo hello >../root/file; tar cf ../flat.tar -C ../root .; : >../empty").code == 0);
  const auto built = [&](const std::string& command) {
    INFO(command);
    const auto result = fixture.shell(command);
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto bytes = fixture.target();
    fixture.clear();
    return bytes;
  };
  const auto streamed = built("cat ../app.tar | $SIFKIT build -q app.sif -");
  CHECK((built("$SIFKIT build -q --tmpdir ../no-such-directory app.sif - <../app.tar") == streamed));
  CHECK((built("{ head -c 4 >/dev/null; exec $SIFKIT build -q app.sif -; } <../later.tar") == streamed));
  CHECK((built("$SIFKIT build -q app.sif - <../flat.tar") == built("cat ../flat.tar | $SIFKIT build -q app.sif -")));
  // What comes first need not tell an archive of images from a root file system: all members are seen here.
  REQUIRE(fixture.shell("mkdir ../members && tar xf ../app.tar -C ../members && : >../members/README && tar cf ../odd.tar -C ../members README $(ls ../members | grep -v README)").code == 0);
  CHECK((built("$SIFKIT build -q app.sif - <../odd.tar") == streamed));
  CHECK_THAT(fixture.shell("$SIFKIT build -q app.sif - <../empty").err, ContainsSubstring("is empty"));
  CHECK_THAT(fixture.shell("$SIFKIT sif new ../x.sif; $SIFKIT build -q app.sif - <../x.sif").err, ContainsSubstring("the SIF has no primary system partition"));
  CHECK_THAT(fixture.shell("cat ../x.sif | $SIFKIT build -q app.sif -").err, ContainsSubstring("the SIF has no primary system partition"));
  // The parts of a SIF are read in no order, so of a pipe it goes to a scratch file.
  REQUIRE(fixture.shell("$SIFKIT build -q ../whole.sif ../app.tar").code == 0);
  CHECK(fixture.shell("cat ../whole.sif | $SIFKIT cat - /bin/tool").err == fixture.shell("$SIFKIT cat ../whole.sif /bin/tool").err);
  CHECK(fixture.shell("cat ../whole.sif | $SIFKIT digest --tree sif:-").err == fixture.shell("$SIFKIT digest --tree ../whole.sif").err);
  CHECK_THAT(fixture.shell("$SIFKIT images - <../app.tar").err, ContainsSubstring("@0"));
  CHECK(fixture.count() == 0);
}

TEST_CASE("figures go to a file, to standard output or into a pipe, and where they cannot go costs no conversion", "[cli][build]") {
  const FaultFixture fixture;
  CHECK_THAT(fixture.shell("$SIFKIT build -q app.sif ../app.tar --stats -").err, ContainsSubstring("sifkit/build/v1"));
  CHECK(fixture.shell("$SIFKIT build -q -F app.sif ../app.tar --digestfile - 2>/dev/null | cut -c1-7").err == "sha256:\n");
  CHECK(fixture.shell("$SIFKIT build -q -F app.sif ../app.tar --digestfile >(cut -c1-7); sleep 0.2").err == "sha256:\n");
  fixture.clear();
  for (const auto& [options, code] : {std::pair{"--stats none/figures", exit_code(ErrorKind::not_found)}, {"--stats .", exit_code(ErrorKind::usage)}, {"--stats app.sif", exit_code(ErrorKind::usage)},
                                       {"--digestfile ../out/app.sif", exit_code(ErrorKind::usage)}, {"--digestfile ../app.tar", exit_code(ErrorKind::usage)}, {"--stats ../app.tar", exit_code(ErrorKind::usage)},
                                       {"--stats x --digestfile ./x", exit_code(ErrorKind::usage)}, {"--json --stats -", exit_code(ErrorKind::usage)}}) {
    INFO(options);
    CHECK(fixture.shell(std::string("$SIFKIT build -q app.sif ../app.tar ") + options).code == code);
    CHECK(fixture.count() == 0);
  }
}

TEST_CASE("what does without OpenPGP and services loads none of their libraries", "[cli][dynamic]") {
  const FaultFixture fixture;
  const auto loaded = fixture.shell("LD_TRACE_LOADED_OBJECTS=1 exec $SIFKIT");
  CHECK_THAT(loaded.err, ContainsSubstring("libsquashfs"));
  CHECK_THAT(loaded.err, !ContainsSubstring("libcurl") && !ContainsSubstring("librnp"));
}

TEST_CASE("version says which libraries are not installed", "[cli][dynamic]") {
  const FaultFixture fixture;
  // In the loader's way, ahead of the system's.
  write_file(fixture.directory / "librnp.so.0", "no library");
  write_file(fixture.directory / "libcurl.so.4", "no library");
  const std::vector<std::string> environment{"LD_LIBRARY_PATH=" + fixture.directory.path().string()};
  const auto text = fixture.shell("$SIFKIT version", environment);
  CHECK(text.code == 0);
  CHECK_THAT(text.err, ContainsSubstring("  rnp           not installed\n") && ContainsSubstring("  curl          not installed\n") && ContainsSubstring("  zstd          1."));
  const auto record = Json::parse(fixture.shell("$SIFKIT version --json", environment).err);
  CHECK(record["libraries"]["rnp"].is_null());
  CHECK(record["libraries"]["curl"].is_null());
  CHECK(record["libraries"]["zstd"].is_string());
}
