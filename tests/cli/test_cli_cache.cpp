// SPDX-License-Identifier: Apache-2.0
//
// The cache as its user sees it: `cache` and `--disable-cache`.
#include <filesystem>
#include <utility>

#include <unistd.h>

#include <sifkit/pull_image.h>

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

TEST_CASE("what of a cache cannot be read or removed is told", "[cli][cache]") {
  namespace fs = std::filesystem;
  class Ordinary {
   public:
    Ordinary() {
      if (root_) REQUIRE(::seteuid(65534) == 0);
    }
    ~Ordinary() {
      if (root_) static_cast<void>(::seteuid(0));
    }

   private:
    bool root_ = ::geteuid() == 0;
  };
  const TempDir home;
  fs::permissions(home.path(), fs::perms(0755));
  const auto blobs = home / "cache/blobs/sha256";
  fs::create_directories(blobs);
  for (const auto& directory : {home / "cache", home / "cache/blobs"}) fs::permissions(directory, fs::perms(0755));
  for (const char name : {'a', 'b'}) write_file(blobs / std::string(64, name), "bytes");
  fs::permissions(blobs, fs::perms(0555));
  const Environment cache("SIFKIT_CACHEDIR", (home / "cache").native());
  const auto run = [](const std::vector<std::string>& args) {
    const Ordinary ordinary;
    return run_cli(args);
  };
  for (const auto& args : {std::vector<std::string>{"cache", "clean"}, {"cache", "prune", "--max-size", "0"}}) {
    const auto result = run(args);
    CHECK(result.code == exit_code(ErrorKind::denied));
    CHECK_THAT(result.err, ContainsSubstring("remove '" + blobs.native() + "/") &&
                               ContainsSubstring("' and 1 more: permission denied") &&
                               !ContainsSubstring("0 B removed"));
  }
  CHECK_THAT(run({"cache", "list"}).out, ContainsSubstring("2 entries"));
  fs::permissions(blobs, fs::perms::none);
  const auto unreadable = run({"cache", "list"});
  CHECK(unreadable.code == exit_code(ErrorKind::denied));
  CHECK_THAT(unreadable.err, ContainsSubstring("read the directory '" + blobs.native() + "': permission denied"));
  fs::permissions(blobs, fs::perms(0755));
  CHECK(run_cli({"cache", "clean"}).code == 0);
  CHECK(fs::is_empty(blobs));
  // What is no directory is no empty cache, and what is not there is one.
  write_file(home / "app.sif", "SIF");
  const Environment file("SIFKIT_CACHEDIR", (home / "app.sif").native());
  const auto refused = run_cli({"cache", "list"});
  CHECK(refused.code == exit_code(ErrorKind::io));
  CHECK_THAT(refused.err, ContainsSubstring("read the directory " + in_quotes((home / "app.sif").native())) &&
                              ContainsSubstring(": not a directory"));
  const Environment absent("SIFKIT_CACHEDIR", (home / "absent").native());
  for (const char* const verb : {"list", "clean", "prune"}) CHECK(run_cli({"cache", verb}).code == 0);
}

TEST_CASE("a finished image that is changed while it is copied gets no name", "[cli][registry][cache][hostile]") {
  class Change : public Progress {
   public:
    explicit Change(std::filesystem::path directory) : directory_(std::move(directory)) {}
    void stage(std::string_view name, std::uint64_t) override {
      if (name != "copying") return;
      for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        auto bytes = read_file(entry.path());
        bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
        write_file(entry.path(), bytes);
      }
    }
    void advance(std::uint64_t) override {}

   private:
    std::filesystem::path directory_;
  };
  CachedPulls fixture;
  fixture.pull();
  const auto images = fixture.home / "cache/images";
  for (const auto& entry : std::filesystem::directory_iterator(images))
    std::filesystem::permissions(entry.path(), std::filesystem::perms(0666));
  Change change(images);
  PullOptions options;
  static_cast<oci::SourceOptions&>(options) = fixture.options;
  options.operation.progress = &change;
  options.registry.cache.directory = fixture.home / "cache";
  options.platform = oci::Platform::parse("linux/amd64");
  options.target = fixture.home / "other.sif";
  WarningList warnings;
  const auto error = error_of([&] { pull_image(fixture.server.image("app:1"), options, warnings); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::integrity);
  CHECK_THAT(error->what(), ContainsSubstring(images.native()) && ContainsSubstring("has changed while it was copied"));
  CHECK_FALSE(std::filesystem::exists(options.target));
}

TEST_CASE("a shared cache that is not there is told once, and where layers are from in detail",
          "[cli][registry][cache]") {
  CachedPulls fixture;
  fixture.pull();
  const auto kept = (fixture.home / "cache").native();
  const auto build = [&](const std::string& shared) {
    const Environment own{{{"SIFKIT_CACHEDIR", (fixture.home / "own").native()}, {"SIFKIT_SHARED_CACHE", shared}}};
    const auto result = run_cli({"build", "-F", "--debug", "--no-https", "--arch", "amd64",
                                 (fixture.home / "app.sif").native(), fixture.server.image("app:1")});
    CHECK(result.code == 0);
    return result.err;
  };
  const auto absent = (fixture.home / "absent").native();
  const auto told = build(absent + ":" + kept);
  const auto warning = "the shared cache '" + absent + "' is not used: it is not there";
  const auto first = told.find(warning);
  REQUIRE(first != told.npos);
  CHECK(told.find(warning, first + 1) == told.npos);
  CHECK_THAT(told, ContainsSubstring(" is in the shared cache: '" + kept + "/blobs/sha256/"));
  CHECK_THAT(build(kept), !ContainsSubstring("is not used"));
  write_file(absent, "a file");
  CHECK_THAT(build(absent), ContainsSubstring("' is not used: it is no directory"));
  CHECK_THAT(build(""), ContainsSubstring(" is in the cache: '" + (fixture.home / "own/blobs/sha256/").native()));
}
