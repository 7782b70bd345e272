// SPDX-License-Identifier: Apache-2.0
//
// The cache as its user sees it: `cache` and `--disable-cache`.
#include <filesystem>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/programs.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct CachedPulls : RegistryFixture {
  Environment cache{{{"SIFKIT_DISABLE_CACHE", std::nullopt},
                     {"APPTAINER_DISABLE_CACHE", std::nullopt},
                     {"SIFKIT_CACHE_SIZE", std::nullopt},
                     {"SIFKIT_SHARED_CACHE", std::nullopt},
                     {"SIFKIT_CACHEDIR", (home / "cache").native()}}};

  CachedPulls() { put(clean_image()); }

  /// An image that a build has nothing to say about.
  static TestImage clean_image() {
    TestImage image;
    image.layers = {TarBuilder().directory("bin").file("bin/sh", elf_program(), 0755).directory("tmp", 01777).directory("etc").bytes()};
    image.architecture = "amd64";
    image.config = Json{{"Env", {"PATH=/bin"}}, {"Cmd", {"/bin/sh"}}};
    return image;
  }

  /// Pulls, and how many blobs were asked for.
  std::size_t pull(const std::vector<std::string>& more = {}) {
    const auto before = server.count("/blobs/");
    std::vector<std::string> args{"pull", "-q", "-F", "--no-https", "--arch", "amd64", (home / "app.sif").native(), server.image("app:1")};
    args.insert(args.end(), more.begin(), more.end());
    CHECK(run_cli(args).code == 0);
    return server.count("/blobs/") - before;
  }
};

}  // namespace

TEST_CASE("a second pull takes the finished image, another way of making it the layers", "[cli][registry][cache]") {
  CachedPulls fixture;
  const auto fetched = fixture.pull();
  CHECK(fetched > 1);
  const auto first = read_file(fixture.home / "app.sif");
  CHECK(fixture.pull() == 0);
  CHECK(read_file(fixture.home / "app.sif") == first);
  CHECK(run_cli({"build", "-q", "--no-https", "--arch", "amd64", (fixture.home / "built.sif").native(), fixture.server.image("app:1")}).code == 0);
  CHECK(read_file(fixture.home / "built.sif") == first);
  CHECK(fixture.server.count("/blobs/") == fetched);
  // The file that is replaced holds the layer, but not the configuration.
  CHECK(fixture.pull({"--disable-cache"}) == fetched - 1);
  std::filesystem::remove(fixture.home / "app.sif");
  CHECK(fixture.pull({"--disable-cache"}) == fetched);
  std::filesystem::remove(fixture.home / "app.sif");
  {
    const Environment off("APPTAINER_DISABLE_CACHE", "1");
    CHECK(fixture.pull() == fetched);
  }
  // The tag has moved.
  TestImage other = CachedPulls::clean_image();
  other.layers.push_back(TarBuilder().file("new", "new").bytes());
  fixture.put(other);
  CHECK(fixture.pull() > 0);
  CHECK(read_file(fixture.home / "app.sif") != first);
}

TEST_CASE("what was warned of is kept with the finished image, and said again", "[cli][registry][cache][hostile]") {
  CachedPulls fixture;
  fixture.put(small_image());
  const auto app = fixture.home / "app.sif";
  // How many blobs are asked for where nothing but the finished image is there: the configuration.
  std::size_t asked = 0;
  const auto pull = [&] {
    std::filesystem::remove(app);
    std::filesystem::remove_all(fixture.home / "cache/blobs");
    const auto before = fixture.server.count("/blobs/");
    const auto result = run_cli({"pull", "--no-https", "--arch", "amd64", app.native(), fixture.server.image("app:1")});
    CHECK(result.code == 0);
    asked = fixture.server.count("/blobs/") - before;
    return result.err;
  };
  const auto said = pull();
  CHECK(asked == 3);
  CHECK_THAT(said, ContainsSubstring("warning: "));
  const auto made = read_file(app);
  CHECK(pull() == said);
  CHECK(asked == 1);
  CHECK(read_file(app) == made);
  // Whoever may write there says nothing to the terminal, and what is no list of warnings is none.
  const auto replace = [&](const std::string& text) {
    std::vector<std::filesystem::path> kept;
    for (const auto& entry : std::filesystem::directory_iterator(fixture.home / "cache/images")) {
      if (read_file(entry.path()).starts_with('{')) kept.push_back(entry.path());
    }
    REQUIRE_FALSE(kept.empty());
    const auto key = kept.front().filename().native().substr(0, 64);
    for (const auto& path : kept) std::filesystem::remove(path);
    write_file(fixture.home / "cache/images" / (key + "-" + sha256(text)), text);
  };
  const auto document = [](const std::string& kind, const Json& count) {
    const Json one{{"kind", kind}, {"text", "\x1b[2Jx"}, {"advice", 0}, {"argument", ""}, {"words", ""}};
    return Json{{"warnings", Json::array({one})}, {"counts", {{kind, count}}}}.dump();
  };
  replace(document("nothing-to-run", 1));
  const auto hostile = pull();
  CHECK(asked == 1);
  CHECK_THAT(hostile, ContainsSubstring("[nothing-to-run]") && !ContainsSubstring("\x1b"));
  for (const auto& text : {document("../x", 1), document("a", 1'000'000'000), document("a", -1),
                           std::string(R"({"warnings":7})"), std::string("{")}) {
    INFO(text);
    replace(text);
    CHECK(pull() == said);
    CHECK(asked == 3);
    CHECK(read_file(app) == made);
  }
  std::filesystem::remove_all(fixture.home / "cache/images");
  CHECK(pull() == said);
  CHECK(asked == 3);
}

TEST_CASE("a cache may be named from the current directory", "[cli][registry][cache]") {
  CachedPulls fixture;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(fixture.home.path());
  for (const std::string name : {"kept", "./other", "new/below"}) {
    INFO(name);
    const Environment relative("SIFKIT_CACHEDIR", name);
    CHECK(fixture.pull() > 0);
    CHECK(fixture.pull() == 0);
    CHECK(std::filesystem::is_directory(fixture.home / name / "blobs/sha256"));
  }
  std::filesystem::current_path(before);
}

TEST_CASE("cache lists, prunes and removes", "[cli][registry][cache]") {
  CachedPulls fixture;
  CHECK(run_cli({"cache", "path"}).out == (fixture.home / "cache").native() + "\n");
  CHECK(run_cli({"cache", "list"}).out.empty());
  fixture.pull();
  const auto listed = Json::parse(run_cli({"cache", "list", "--json"}).out);
  CHECK(listed["schema"] == "sifkit/cache-list/v1");
  CHECK(listed["max_bytes"] == 20ull << 30);
  std::size_t images = 0;
  std::uint64_t bytes = 0;
  for (const auto& entry : listed["entries"]) {
    images += entry["kind"] == "image" ? 1u : 0u;
    bytes += entry["bytes"].get<std::uint64_t>();
  }
  CHECK(images == 1);
  CHECK(listed["bytes"] == bytes);
  CHECK_THAT(run_cli({"cache", "list"}).out, ContainsSubstring("KIND") && ContainsSubstring(" of 20.0 GiB\n"));
  const auto entries = listed["entries"].size();
  CHECK_THAT(run_cli({"cache", "list"}).out, ContainsSubstring("\n" + std::to_string(entries) + " entries, "));
  const auto kept = Json::parse(run_cli({"cache", "prune", "--json", "--max-size", "1T"}).out);
  CHECK(kept["freed_bytes"] == 0);
  const auto pruned = Json::parse(run_cli({"cache", "clean", "--json"}).out);
  CHECK(pruned["freed_bytes"] == bytes);
  CHECK(run_cli({"cache", "list"}).out.empty());
  const std::filesystem::path one = fixture.home / "cache/blobs/sha256" / std::string(64, 'a');
  write_file(one, "abc");
  CHECK_THAT(run_cli({"cache", "list"}).out, ContainsSubstring("\n1 entry, 3 "));
  std::filesystem::remove(one);
  CHECK(run_cli({"cache", "prune", "--max-size", "much"}).code == exit_code(ErrorKind::usage));
  // What does not fit is not kept.
  const Environment small("SIFKIT_CACHE_SIZE", "10");
  fixture.pull();
  CHECK(run_cli({"cache", "list"}).out.empty());
  const Environment wrong("SIFKIT_CACHE_SIZE", "10 GB");
  const auto refused = run_cli({"cache", "list"});
  CHECK(refused.code == exit_code(ErrorKind::usage));
  CHECK_THAT(refused.err, ContainsSubstring("SIFKIT_CACHE_SIZE '10 GB': expected a number"));
}
