// SPDX-License-Identifier: Apache-2.0
//
// Whole commands that run out of memory: one allocation fails, or one and all after it (tests/support/malloc_shim.c).
#include <algorithm>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/engine_server.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

#include <sifkit/core/error.h>

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// An archive, its image, signed, and an empty directory for what is made.
struct MemoryFixture {
  TempDir directory;
  std::string archive = (directory / "app.tar").string();
  std::string image = (directory / "app.sif").string();
  std::string key = (directory / "key.pub").string();
  fs::path out = directory / "out";
  std::string target = (out / "made").string();

  MemoryFixture() {
    write_file(archive, as_tar(docker_24(small_image())));
    fs::create_directory(out);
    const std::string secret = (directory / "key.pem").string();
    REQUIRE(run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", secret}, {"PATH=/usr/bin:/bin"}).code == 0);
    REQUIRE(run_process({"openssl", "pkey", "-in", secret, "-pubout", "-out", key}, {"PATH=/usr/bin:/bin"}).code == 0);
    REQUIRE(run_cli({"build", "-q", image, archive}).code == 0);
    REQUIRE(run_cli({"sign", "-q", "--key", secret, image}).code == 0);
  }

  ProcessResult run(std::vector<std::string> args, const std::string& setting) const {
    args.insert(args.begin(), SIFKIT_PROGRAM);
    // Without HOME glibc looks the user up, and crashes where it lacks memory for that.
    const std::string home = directory.path().string();
    return run_process(args, {"PATH=/usr/bin:/bin", "LD_PRELOAD=" SIFKIT_MALLOC_SHIM, "TMPDIR=" + home, "HOME=" + home, setting}, true);
  }

  /// How many allocations a command that has all it wants makes.
  long allocations(const std::vector<std::string>& args) const {
    const auto count = directory / "count";
    clear();
    REQUIRE(run(args, "SIFKIT_MALLOC_COUNT=" + count.string()).code == 0);
    return std::stol(read_file(count));
  }

  void clear() const {
    for (const auto& entry : fs::directory_iterator(out)) fs::remove_all(entry.path());
  }

  /// What is left of a command: nothing, or all of it.
  bool whole_or_absent() const {
    if (fs::is_empty(out)) return true;
    if (std::distance(fs::directory_iterator(out), {}) != 1 || !fs::exists(target)) return false;
    return fs::is_directory(target) ? read_file(fs::path(target) / "etc/new") == "new" : read_file(target) == sound;
  }

  /// The command line is set up in the first third or so of the allocations; what comes then is looked at by itself.
  void sweep(const std::vector<std::string>& args, long density) const {
    const long all = allocations(args);
    sweep(args, 1, all / 3, density / 2);
    sweep(args, all / 3, all, density);
  }

  /// From `first` to `last`: at first every allocation fails in turn, then one in ever more of them.
  void sweep(const std::vector<std::string>& args, long first, long last, long density) const {
    clear();
    const auto usual = run(args, "LC_ALL=C");
    REQUIRE(usual.code == 0);
    bool met = false;
    for (long n = first; n <= last; n += 1 + (n - first) / density) {
      for (const char* all_after : {"", "+"}) {
        clear();
        const auto fault = fmt::format("SIFKIT_MALLOC_FAULT={}{}", n, all_after);
        const auto result = run(args, fault);
        INFO(args[0] << ": " << fault << "\n" << result.out);
        if (result.code == 0) {  // what is only good to have was not had
          CHECK(result.out == usual.out);
          CHECK(fs::is_empty(out) == (args[0] != "build"));
        } else {
          met = true;
          CHECK(result.code == exit_code(ErrorKind::limit));
          CHECK_THAT(result.out, ContainsSubstring("sifkit: error: out of memory\n"));
        }
        CHECK(whole_or_absent());
      }
    }
    CHECK(met);
  }

  std::string sound;
};

}  // namespace

TEST_CASE("a command that runs out of memory says so and leaves nothing unfinished", "[cli][faults]") {
  MemoryFixture fixture;
  const std::vector<std::string> build{"build", "-q", "-j2", fixture.target, fixture.archive};
  REQUIRE(fixture.run(build, "LC_ALL=C").code == 0);
  fixture.sound = read_file(fixture.target);
  fixture.sweep(build, 20);
  for (const auto& [args, density] : std::vector<std::pair<std::vector<std::string>, long>>{
           {{"build", "-q", "--sandbox", fixture.target, fixture.archive}, 10},
           {{"build", "-q", "--sandbox", fixture.target, "sif:" + fixture.image}, 10},
           {{"verify", "--key", fixture.key, fixture.image}, 20},
           {{"inspect", fixture.image}, 15},
           {{"sif", "list", fixture.image}, 15}}) {
    fixture.sweep(args, density);
  }
}

TEST_CASE("a request that runs out of memory says so, wherever it does", "[cli][faults]") {
  const MemoryFixture fixture;
  const std::string id(64, 'a');
  const std::string list = Json::array({Json{{"Id", "sha256:" + id},
                                             {"RepoTags", {"app:1"}},
                                             {"Os", "linux"},
                                             {"Architecture", "amd64"},
                                             {"Size", 5},
                                             {"x", std::string(100'000, 'x')}}})
                               .dump();
  const std::string key = "info:1:1\npub:" + std::string(40, 'A') + ":1:4096:1700000000::\nuid:Ada:1700000000::\n" +
                          std::string(100'000, '\n');
  const EngineServer server([&](const std::string& path) -> std::optional<std::string> {
    if (path.starts_with("/pks/")) return EngineServer::response(200, key);
    return EngineServer::response(200, path == "/images/json" ? list : list.substr(1, list.size() - 2));
  });
  const std::string keyserver = "http" + server.url().substr(server.url().find(':'));
  for (const auto& args : {std::vector<std::string>{"images", "docker-daemon:", "--docker-host", server.url()},
                           {"key", "search", "--url", keyserver, "Ada"}}) {
    fixture.sweep(args, 30);
  }
}
