// SPDX-License-Identifier: Apache-2.0
//
// `build` when the system fails it: every call in turn, signals at any moment, tight limits.
#include <cerrno>
#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

#include "support/fault_fixture.h"
#include "support/sweep.h"

#include <sifkit/core/error.h>

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// Faults of a call, one after the other until the build no longer meets one.
template <class Each>
void sweep(const std::string& call, const std::string& what, Each&& each) {
  static constexpr int kMax = 500;
  for (int n = 1; n <= kMax; ++n) {
    if (!next_of_sweep()) continue;
    const auto fault = fmt::format("{}:{}:{}", call, n, what);
    INFO(fault);
    if (!each(fault)) return;
  }
  FAIL("the build never got past " << call);
}

}  // namespace

TEST_CASE("whatever write, sync, link or rename fails, nothing is left behind and the old target stays", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  const bool overwrite = GENERATE(false, true);
  const bool tmpfile = GENERATE(true, false);
  const auto [call, number] = GENERATE(table<std::string, int>({{"pwrite", ENOSPC}, {"pwrite", EDQUOT}, {"pwrite", EIO}, {"ftruncate", EIO},
                                                                {"fsync", EIO}, {"linkat", ENOSPC}, {"renameat", EIO}, {"openat", ENOSPC}}));
  INFO((overwrite ? "over an old target, " : "fresh, ") << (tmpfile ? "without a name" : "under a hidden name"));
  const bool full = number == ENOSPC || number == EDQUOT;
  sweep(call, std::to_string(number), [&, call = call](const std::string& fault) {
    fixture.clear();
    if (overwrite) write_file(fixture.out / "app.sif", "old");
    const auto result = fixture.build(fault, overwrite ? "--force" : "", tmpfile);
    INFO(result.err);
    if (result.code == 0) {
      CHECK(fixture.count() == 1);
      CHECK(fixture.target() == sound);
      return false;
    }
    CHECK(result.code == exit_code(full ? ErrorKind::no_space : ErrorKind::io));
    CHECK_THAT(result.err, ContainsSubstring(number == ENOSPC ? "no space left" : number == EDQUOT ? "quota exceeded" : "error"));
    CHECK_THAT(result.err, ContainsSubstring("'app.sif'") || ContainsSubstring("'.'"));
    // The sync of the directory is the one call after the target has its name.
    if (call == "fsync" && fixture.count() == 1 && fixture.target() == sound) return true;
    CHECK(fixture.count() == (overwrite ? 1u : 0u));
    if (overwrite) CHECK(fixture.target() == "old");
    return true;
  });
}

TEST_CASE("a target that is made meanwhile stays, also on a file system without hard links", "[cli][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("cat ../app.tar | $SIFKIT build -q app.sif -").code == 0);
  const auto sound = fixture.target();
  fixture.clear();
  const int unknown = GENERATE(0, EINVAL, ENOSYS);
  std::vector<std::string> environment{"LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0", "SIFKIT_NO_TMPFILE=1", "SIFKIT_NO_LINKS=1"};
  if (unknown != 0) environment.push_back(fmt::format("SIFKIT_FAULT=renameat2:1:{}", unknown));
  const auto build = [&](const std::string& meanwhile) {
    return fixture.shell("{ until ls .app.sif.*.partial; do :; done >/dev/null 2>&1; " + meanwhile + "; cat ../app.tar; } | $SIFKIT build -q app.sif -", environment);
  };
  const auto refused = build("echo theirs >app.sif");
  INFO(refused.err);
  CHECK(refused.code == exit_code(ErrorKind::exists));
  CHECK_THAT(refused.err, ContainsSubstring("'app.sif' was made by someone else meanwhile"));
  CHECK(fixture.target() == "theirs\n");
  CHECK(fixture.count() == 1);
  fixture.clear();
  CHECK(build(":").code == 0);
  CHECK(fixture.count() == 1);
  CHECK(fixture.target() == sound);
}

TEST_CASE("interrupted and short transfers change nothing", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  const std::string call = GENERATE("pwrite", "pread");
  const std::string what = GENERATE("short", "4");
  for (int n = 1; n <= 12; ++n) {
    if (!next_of_sweep()) continue;
    INFO(call << " " << n << " " << what);
    fixture.clear();
    const auto result = fixture.build(fmt::format("{}:{}:{}", call, n, what));
    INFO(result.err);
    CHECK(result.code == 0);
    CHECK(fixture.target() == sound);
  }
}

TEST_CASE("a read of the source that fails is an error that names it", "[cli][faults]") {
  const FaultFixture fixture;
  sweep("pread", std::to_string(EIO), [&](const std::string& fault) {
    const auto result = fixture.build(fault);
    INFO(result.err);
    if (result.code == 0) return false;
    CHECK(result.code == exit_code(ErrorKind::io));
    // The finished file is read for its digest.
    CHECK_THAT(result.err, ContainsSubstring("'../app.tar'") || ContainsSubstring("'app.sif'"));
    CHECK(fixture.count() == 0);
    return true;
  });
}

TEST_CASE("a signal at any write ends the build with its number and leaves nothing", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  const int signal = GENERATE(SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGKILL);
  const std::string call = GENERATE("pwrite", "fsync", "linkat", "renameat");
  const bool overwrite = GENERATE(false, true);
  INFO("signal " << signal << " at " << call);
  bool met = false;
  for (int n = 1; n <= (call == "pwrite" ? 12 : 2); ++n) {
    if (!next_of_sweep()) continue;
    fixture.clear();
    if (overwrite) write_file(fixture.out / "app.sif", "old");
    const auto result = fixture.build(fmt::format("{}:{}:sig{}", call, n, signal), overwrite ? "--force" : "", signal != SIGKILL && n % 2 == 0);
    INFO(result.err);
    met = met || result.code == 128 + signal;
    CHECK((result.code == 0 || result.code == 128 + signal));
    const bool there = fs::exists(fixture.out / "app.sif");
    CHECK((!there || fixture.target() == sound || (overwrite && result.code != 0 && fixture.target() == "old")));
    if (signal != SIGKILL) CHECK(fixture.count() == (there ? 1u : 0u));
  }
  CHECK((met || call != "pwrite" || sweep_is_thinned()));
}

TEST_CASE("whatever fails in a build on the image that it replaces, the old one or the new one is there", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  TestImage before = small_image();
  before.layers.pop_back();
  write_file(fixture.directory / "old.tar", as_tar(docker_24(before)));
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../old.tar").code == 0);
  const auto old = fixture.target();
  const auto usual = fixture.shell("$SIFKIT build --force --json app.sif ../app.tar");
  REQUIRE_THAT(usual.err, ContainsSubstring("\"base_layers\": 1"));
  REQUIRE(fixture.target() == sound);
  const bool tmpfile = GENERATE(true, false);
  const auto [call, what] = GENERATE(table<std::string, std::string>(
      {{"pread", "5"}, {"pread", "short"}, {"pwrite", "28"}, {"ftruncate", "5"}, {"fsync", "5"}, {"linkat", "28"}, {"renameat", "5"},
       {"openat", "24"}, {"pwrite", "sig2"}, {"pwrite", "sig9"}, {"fsync", "sig9"}, {"renameat", "sig9"}}));
  INFO((tmpfile ? "without a name" : "under a hidden name"));
  bool met = false;
  for (int n = 1; n <= 24; ++n) {
    if (!next_of_sweep()) continue;
    fixture.clear();
    write_file(fixture.out / "app.sif", old);
    const auto result = fixture.build(fmt::format("{}:{}:{}", call, n, what), "--force", tmpfile);
    INFO(call << " " << n << " " << what << "\n" << result.err);
    met = met || result.code != 0;
    const auto left = fixture.target();
    // After the sync of the directory the new one has its name.
    CHECK(((result.code == 0 && left == sound) || (result.code != 0 && (left == old || (call == "fsync" && left == sound)))));
    if (what != "sig9") CHECK(fixture.count() == 1);
    if (result.code != 0 && !what.starts_with("sig")) CHECK_THAT(result.err, ContainsSubstring("error"));
  }
  CHECK((met || what == "short" || tmpfile != (call == "linkat") || sweep_is_thinned()));
}

TEST_CASE("a directory as output is whole or absent, too", "[cli][faults]") {
  const FaultFixture fixture;
  const bool overwrite = GENERATE(false, true);
  const auto [call, what] = GENERATE(table<std::string, std::string>(
      {{"pwrite", std::to_string(ENOSPC)}, {"syncfs", std::to_string(EIO)}, {"mkdir", std::to_string(ENOSPC)}, {"renameat2", std::to_string(EIO)}, {"rename", std::to_string(EIO)}, {"pwrite", "sig15"}, {"mkdir", "sig15"}, {"rename", "sig2"}}));
  sweep(call, what, [&, what = what](const std::string& fault) {
    fixture.clear();
    if (overwrite) {
      fs::create_directory(fixture.out / "app.sif");
      write_file(fixture.out / "app.sif/old", "old");
    }
    const auto result = fixture.build(fault, overwrite ? "--sandbox --force" : "--sandbox");
    INFO(result.err);
    if (result.code == 0) {
      CHECK(read_file(fixture.out / "app.sif/etc/new") == "new");
      CHECK(fixture.count() == 1);
      return false;
    }
    CHECK(fixture.count() == (overwrite ? 1u : 0u));
    if (overwrite) CHECK(read_file(fixture.out / "app.sif/old") == "old");
    return true;
  });
}

TEST_CASE("nothing outside of a directory as output is touched where the file system follows its links", "[cli][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("mkdir ../tree && touch -d @978307200 ../victim && chmod 640 ../victim && ln -s \"$PWD/../victim\" ../tree/inside && ln -s nowhere ../tree/dangling && { chown -h 1234:1234 ../tree/* || true; }").code == 0);
  const auto result = fixture.shell("SIFKIT_LINKS_FOLLOWED=1 LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 $SIFKIT build --sandbox box dir:../tree && readlink box/inside box/dangling && stat -c '%Y %u %a' ../victim");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("owners and times of links are not kept") && ContainsSubstring("/victim\nnowhere\n978307200 " + std::to_string(::geteuid()) + " 640\n"));
  CHECK(fixture.count() == 1);
}

TEST_CASE("a directory that is not to be is emptied where the file system does not say that it is full", "[cli][faults]") {
  const FaultFixture fixture;
  for (const std::string fault : {"mkdir:5:5", "pwrite:1:sig15", "syncfs:1:5"}) {
    INFO(fault);
    CHECK(fixture.shell("SIFKIT_UNLINKAT=vague LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=" + fault + " $SIFKIT build -q --sandbox app.sif ../app.tar").code != 0);
    CHECK(fixture.count() == 0);
  }
}

TEST_CASE("a removal that does not come to an end is ended by another signal", "[cli][faults]") {
  const FaultFixture fixture;
  const auto result = fixture.shell("SIFKIT_UNLINKAT=stuck LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=pwrite:1:sig15 "
                                 "$SIFKIT build -q --sandbox app.sif ../app.tar 2>../said & pid=$!; "
                                 "for round in $(seq 3000); do grep -q 'stopped on request' ../said && break; sleep 0.01; done; "
                                 "for round in $(seq 100); do kill -TERM $pid 2>/dev/null || break; sleep 0.1; done; kill -KILL $pid 2>/dev/null; wait $pid");
  INFO(result.err);
  CHECK(result.code == 128 + SIGTERM);
  CHECK_FALSE(fs::exists(fixture.out / "app.sif"));
}

TEST_CASE("a directory is put in place where renaming knows no flags, as on NFS", "[cli][faults]") {
  const FaultFixture fixture;
  const std::string no_flags = "renameat2:1:" + std::to_string(EINVAL);
  REQUIRE(fixture.build(no_flags, "--sandbox").code == 0);
  CHECK(read_file(fixture.out / "app.sif/etc/new") == "new");
  write_file(fixture.out / "app.sif/old", "old");
  REQUIRE(fixture.build(no_flags, "--sandbox --force").code == 0);
  CHECK(read_file(fixture.out / "app.sif/etc/new") == "new");
  CHECK_FALSE(fs::exists(fixture.out / "app.sif/old"));
  CHECK(fixture.count() == 1);
}

TEST_CASE("a directory of a lower layer of an overlay, which cannot be moved, stays", "[cli][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("mkdir app.sif && touch app.sif/old").code == 0);
  const auto result = fixture.build("renameat2:1:" + std::to_string(EXDEV), "--sandbox --force");
  CHECK(result.code == exit_code(ErrorKind::io));
  CHECK_THAT(result.err, ContainsSubstring("put 'app.sif' in place") && ContainsSubstring("lower layer"));
  CHECK(fs::exists(fixture.out / "app.sif/old"));
  CHECK(fixture.count() == 1);
}

TEST_CASE("the root of a user namespace makes a directory without devices", "[cli][faults]") {
  const FaultFixture fixture;
  if (fixture.shell("unshare -r true").code != 0) SKIP_TEST("no user namespaces here");
  REQUIRE(fixture.shell("python3 -c 'import tarfile; t = tarfile.open(\"../dev.tar\", \"w\"); i = tarfile.TarInfo(\"null\"); i.type = tarfile.CHRTYPE; i.devmajor, i.devminor = 1, 3; t.addfile(i)'").code == 0);
  const auto result = fixture.shell("exec unshare -r $SIFKIT build -s app tar:../dev.tar");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("'/null': only the machine's root can make a device; it is left out"));
  CHECK(fs::exists(fixture.out / "app/.singularity.d"));
  CHECK_FALSE(fs::exists(fixture.out / "app/null"));
}

TEST_CASE("a file system that cannot hold what is in an image is named", "[cli][faults]") {
  const FaultFixture fixture;
  // The first three are directories of our own.
  const auto same_name = fixture.build("mkdir:4:" + std::to_string(EEXIST), "--sandbox");
  CHECK(same_name.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(same_name.err, ContainsSubstring("'.' another name of the image is the same") && ContainsSubstring("hint:"));
  const auto not_taken = fixture.build("mkdir:4:" + std::to_string(EPERM), "--sandbox");
  CHECK(not_taken.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(not_taken.err, ContainsSubstring("the file system of '.' does not take this kind of file"));
  CHECK(fixture.count() == 0);
}

TEST_CASE("an image that cannot be read is not packed again by halves", "[cli][faults]") {
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q ../old.sif ../app.tar").code == 0);
  for (const std::string call : {"pread", "pwrite"}) {
    sweep(call, std::to_string(EIO), [&](const std::string& fault) {
      fixture.clear();
      const auto result = fixture.shell("LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=" + fault + " $SIFKIT build -q app.sif sif:../old.sif");
      INFO(result.err);
      CHECK(fixture.count() == (result.code == 0 ? 1 : 0));
      if (result.code != 0) CHECK(result.code == exit_code(ErrorKind::io));
      return result.code != 0;
    });
  }
}

TEST_CASE("fewer threads than wanted, or none, give the same bytes", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
  static constexpr int kThreads = 12;  // more than a build starts
  for (int n = 1; n <= kThreads; ++n) {
    if (!next_of_sweep()) continue;
    fixture.clear();
    const auto result = fixture.build(fmt::format("pthread_create:{}:{}", n, EAGAIN));
    INFO(n << ": " << result.err);
    CHECK(result.code == 0);
    CHECK(fixture.target() == sound);
  }
}

TEST_CASE("tight limits of the process end in a clear error or in the same bytes", "[cli][faults]") {
  const FaultFixture fixture;
  const auto sound = fixture.sound();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // The sanitizers need memory and descriptors of their own.
  const std::vector<std::string> limits{"-f 16", "-n 16"};
#else
  const std::vector<std::string> limits{"-f 16", "-n 16", "-n 8", "-n 5", "-v 400000", "-v 100000", "-v 60000", "-v 40000", "-v 30000", "-s 128", "-s 512"};
#endif
  for (const auto& limit : limits) {
    INFO(limit);
    fixture.clear();
    const auto result = fixture.shell("ulimit " + limit + " && exec $SIFKIT build -q -j2 app.sif ../app.tar");
    INFO(result.err);
    if (result.code == 0) {
      CHECK(fixture.target() == sound);
      continue;
    }
    // 127: not even the dynamic loader could start.
    CHECK((result.code == exit_code(ErrorKind::io) || result.code == exit_code(ErrorKind::limit) || result.code == 127));
    CHECK_FALSE(result.err.empty());
    CHECK(fixture.count() == 0);
  }
  fixture.clear();
  // No other directory helps a scratch file against a limit of the job.
  const auto scratch = fixture.shell("cat ../app.tar | (ulimit -f 16; exec $SIFKIT build -q app.sif -)");
  INFO(scratch.err);
  CHECK(scratch.code == exit_code(ErrorKind::io));
  CHECK_THAT(scratch.err, ContainsSubstring("ulimit -f") && !ContainsSubstring("TMPDIR names"));
}

TEST_CASE("an output directory that moves or goes away ends the build, and nothing is left anywhere", "[cli][faults]") {
  const FaultFixture fixture;
  for (const std::string change : {"mv ../place ../moved; mkdir ../place", "mv ../place ../moved", "rm -r ../place", "rm -r ../place; mkdir ../place"}) {
    for (const auto& [hidden, options] : std::vector<std::pair<std::string, std::string>>{{"", ""}, {"SIFKIT_NO_TMPFILE=1 ", ""}, {"", "--sandbox "}}) {
      INFO(hidden << options << change);
      for (const std::string name : {"place", "moved"}) fs::remove_all(fixture.directory / name);
      // Stopped at its first write, the build has its file open.
      const auto result = fixture.shell("mkdir ../place; " + hidden + "LD_PRELOAD=" SIFKIT_FAULT_SHIM " ASAN_OPTIONS=verify_asan_link_order=0 SIFKIT_FAULT=pwrite:1:sig19 "
                                     "$SIFKIT build -q " + options + "../place/app.sif ../app.tar & pid=$!; "
                                     "until [ \"$(cut -d' ' -f3 /proc/$pid/stat)\" = T ]; do sleep 0.01; done; " + change + "; kill -CONT $pid; wait $pid");
      INFO(result.err);
      CHECK(result.code == exit_code(ErrorKind::io));
      CHECK_THAT(result.err, ContainsSubstring("'../place' was moved or removed meanwhile"));
      for (const std::string name : {"place", "moved"}) CHECK((!fs::exists(fixture.directory / name) || fs::is_empty(fixture.directory / name)));
    }
  }
}

TEST_CASE("a kernel without getrandom has a device for it, one that is slow with it is waited for", "[cli][faults]") {
  const FaultFixture fixture;
  // A filter says EPERM of a call that it does not know.
  for (const int error : {EINTR, ENOSYS, EPERM}) {
    for (int n = 1; n <= 3; ++n) {
      fixture.clear();
      const auto result = fixture.build(fmt::format("getrandom:{}:{}", n, error), "--no-reproducible");
      INFO(result.err);
      CHECK(result.code == 0);
      CHECK(result.err.find("random") == std::string::npos);
    }
  }
}

TEST_CASE("a system that gives no random numbers is an error", "[cli][faults]") {
  const FaultFixture fixture;
  sweep("getrandom", std::to_string(EIO), [&](const std::string& fault) {
    fixture.clear();
    const auto result = fixture.build(fault, "--no-reproducible");
    INFO(result.err);
    if (result.code == 0) return false;
    CHECK(result.code == exit_code(ErrorKind::io));
    CHECK_THAT(result.err, ContainsSubstring("get random numbers from the system: input/output error"));
    CHECK(fixture.count() == 0);
    return true;
  });
}
