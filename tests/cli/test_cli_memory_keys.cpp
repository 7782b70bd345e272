// SPDX-License-Identifier: Apache-2.0
//
// Verbs of keys, signatures and edits that run out of memory (tests/support/malloc_shim.c): they say so, blame nothing else,
// and leave what they change as it was or as it is to be.
#include <algorithm>
#include <csignal>
#include <functional>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/run_process.h"
#include "support/sign_fixture.h"

#include <sifkit/core/error.h>
#include <sifkit/trust/pgp_key.h>

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

using Arguments = std::vector<std::string>;

constexpr int kLoaderEnds = 127;  ///< glibc's _dl_fatal_printf

struct KeyMemoryFixture : SignFixture {
  std::string image = at("image.sif");
  std::string bytes = read_file(image);  ///< not signed
  std::string ring = at("config/keys/pgp-public");

  KeyMemoryFixture() {
    make_pgp("ada");
    make_chain();
  }

  ProcessResult run(Arguments args, const std::string& setting) const {
    args.insert(args.begin(), SIFKIT_PROGRAM);
    return run_process(args, {"PATH=/usr/bin:/bin", "LD_PRELOAD=" SIFKIT_MALLOC_SHIM, "SIFKIT_CONFIGDIR=" + at("config"), "HOME=" + at("none"), setting}, true);
  }

  long allocations(const Arguments& args) const {
    const auto count = directory / "count";
    run(args, "SIFKIT_MALLOC_COUNT=" + count.string());
    return std::stol(read_file(count));
  }

  void clear() const {
    write_file(image, bytes);
    fs::remove_all(directory / "config");
  }

  /// A part of the allocations behind those that all verbs make. `check` is told whether the command says that it has
  /// succeeded; what is only good to have may lack.
  void sweep(const Arguments& args, long runs, const std::function<void()>& prepare, const std::function<void(bool)>& check) const {
    prepare();
    const auto usual = run(args, "LC_ALL=C");
    const long first = allocations({"--version"});
    prepare();
    const bool loads_librnp = std::any_of(args.begin(), args.end(), [](const std::string& arg) { return fs::path(arg).stem() == "ada"; }) && args[1] != "--certificate";
    const long step = std::max(1L, (allocations(args) - first) / runs);
    for (long n = first; n <= first + runs * step; n += step) {
      for (const char* all_after : {"", "+"}) {
        prepare();
        const auto fault = fmt::format("SIFKIT_MALLOC_FAULT={}{}", n, all_after);
        const auto result = run(args, fault);
        INFO(args[0] << " " << args[1] << ": " << fault << "\n" << result.out);
        if (loads_librnp && (result.code == 128 + SIGSEGV || result.code == kLoaderEnds)) {
          // Nothing of ours: librnp copies secret keys without a look at what malloc says, the loader ends the process, and
          // a library below crashes as it is unloaded.
        } else if (result.code == usual.code) {
          if (args[0] == "verify") CHECK(result.out == usual.out);
        } else {
          CHECK(result.code == exit_code(ErrorKind::limit));
          CHECK_THAT(result.out, ContainsSubstring("sifkit: error: out of memory\n"));
        }
        check(result.code == 0);
      }
    }
  }
};

}  // namespace

TEST_CASE("a verdict is given with all the memory that it takes, or none", "[cli][faults]") {
  const KeyMemoryFixture fixture;
  const auto policy = [&](const char* name, const std::string& members) {
    write_file(fixture.directory / name, R"({"schema": "sifkit/verify-policy/v1", "default": {)" + members + "}}");
    fs::permissions(fixture.directory / name, fs::perms(0600));
    return fixture.at(name);
  };
  const auto signed_by = [&](const std::string& key) {
    fixture.clear();
    fixture.sign(fixture.key(key));
  };
  const auto nothing = [](auto...) {};
  signed_by("ada.asc");
  fixture.sweep({"verify", "--key", fixture.at("ada.pub"), "--policy", policy("good.json", R"("key_bits": {"ec": 256}, "strict_layout": true)"), fixture.image}, 40, nothing, nothing);
  fixture.sweep({"verify", "--key", fixture.at("ada.pub"), "--policy", policy("bad.json", R"("threshold": 2)"), fixture.image}, 40, nothing, [](bool succeeded) { CHECK_FALSE(succeeded); });
  signed_by("ecdsa.pem");
  fixture.sweep({"verify", "--certificate", fixture.at("ada.crt"), "--certificate-intermediates", fixture.at("between.crt"), "--certificate-roots", fixture.at("root.crt"), fixture.image}, 120, nothing, nothing);
}

TEST_CASE("an image or a ring that is changed as memory runs out is as it was or as it is to be", "[cli][faults]") {
  const KeyMemoryFixture fixture;
  const auto prepare = [&] { fixture.clear(); };
  const auto changed = [&](bool succeeded) {
    const bool same = read_file(fixture.image) == fixture.bytes;
    CHECK((!succeeded || !same));
    return !same;
  };
  for (const auto& [secret, key] : {std::pair("ada.asc", "ada.pub"), std::pair("ed25519.pem", "ed25519.pub")}) {
    fixture.sweep({"sign", "-q", "--key", fixture.at(secret), fixture.image}, 40, prepare, [&, name = key](bool succeeded) {
      if (changed(succeeded)) CHECK_FALSE(fixture.verified({name}).failure);
    });
  }
  write_file(fixture.directory / "object", "object");
  fixture.sweep({"sif", "add", "-q", "--datatype", "7", fixture.image, fixture.at("object")}, 40, prepare, [&](bool succeeded) {
    if (changed(succeeded)) CHECK(run_cli({"sif", "dump", "4", fixture.image}).out == "object");
  });
  fixture.sweep({"key", "import", fixture.at("ada.pub")}, 40, prepare, [&](bool succeeded) {
    const bool there = fs::exists(fixture.ring);
    CHECK((!succeeded || there));
    if (there) CHECK(trust::read_pgp_keys(as_bytes(read_file(fixture.ring)), "ring").size() == 1);
  });
}
