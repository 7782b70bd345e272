// SPDX-License-Identifier: Apache-2.0
//
// What is kept of what was fetched: by content, checked when it is read, shared without locks.
#include <atomic>
#include <filesystem>
#include <mutex>
#include <stop_token>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sifkit/oci/cache.h>

#include "registry/blob_download.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct CacheFixture : RegistryFixture {
  const std::filesystem::path directory = home / "cache";
  TestImage image = small_image();

  CacheFixture() {
    options.registry.cache.directory = directory;
    put(image);
  }

  /// The layers, and how many blobs the registry was asked for.
  std::pair<std::vector<std::string>, std::size_t> read() {
    const auto before = server.count("/blobs/");
    const auto opened = open("app:1");
    auto bytes = layers(*opened);
    return {std::move(bytes), server.count("/blobs/") - before};
  }
  std::filesystem::path blob(const std::string& bytes) const { return directory / "blobs/sha256" / sha256(bytes); }
};

void set_age(const std::filesystem::path& path, std::int64_t seconds) {
  const timespec times[2] = {{::time(nullptr) - seconds, 0}, {::time(nullptr) - seconds, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("what was fetched once is not fetched again, and nothing is kept where no cache is named", "[oci][registry][cache]") {
  CacheFixture fixture;
  const auto [bytes, asked] = fixture.read();
  CHECK(asked == 1 + fixture.image.layers.size());
  const auto again = fixture.read();
  CHECK(again.first == bytes);
  CHECK(again.second == 0);
  CHECK(oci::cache_entries(fixture.directory).size() == asked);
  // A site's cache serves without being written.
  fixture.options.registry.cache = {.directory = {}, .read_only = {fixture.home / "absent", fixture.directory}};
  CHECK(fixture.read().second == 0);
  std::filesystem::remove(fixture.blob(bytes.front()));
  CHECK(fixture.read().second == 1);
  CHECK_FALSE(std::filesystem::exists(fixture.blob(bytes.front())));
  fixture.options.registry.cache = {};
  CHECK(fixture.read().second == asked);
}

TEST_CASE("a damaged entry is told, dropped and fetched again", "[oci][registry][cache][hostile]") {
  class Lines : public Logger {
   public:
    void write(LogLevel level, std::string_view text) override {
      const std::lock_guard lock(mutex_);
      if (level == LogLevel::warning) said += std::string(text) + "\n";
    }
    std::string said;

   private:
    std::mutex mutex_;
  } lines;
  CacheFixture fixture;
  fixture.options.operation.logger = &lines;
  const auto [bytes, asked] = fixture.read();
  const auto path = fixture.blob(bytes.front());
  auto damaged = bytes.front();
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 1);
  for (const auto& wrong : {damaged, bytes.front().substr(1), bytes.front() + "x", std::string()}) {
    lines.said.clear();
    write_file(path, wrong);
    const auto again = fixture.read();
    CHECK(again.first == bytes);
    CHECK(again.second == 1);
    CHECK(lines.said.find(path.native() + "' in the cache is damaged") != std::string::npos);
    CHECK(read_file(path) == bytes.front());
  }
  // What is no file of ours is left alone, and a cache that cannot be written is no error.
  lines.said.clear();
  std::filesystem::remove(path);
  std::filesystem::create_symlink("/dev/zero", path);
  CHECK(fixture.read().first == bytes);
  fixture.options.registry.cache.directory = "/dev/null/cache";
  CHECK(fixture.read().second == asked);
  CHECK(lines.said.empty());
}

TEST_CASE("a transfer that breaks off is not kept", "[oci][registry][cache]") {
  CacheFixture fixture;
  fixture.options.registry.retries = 0;
  const auto layer = "/v2/app/blobs/sha256:" + sha256(fixture.image.layers.back());
  fixture.server.set_fault([&fixture, layer](const RegistryServer::Request& request) -> std::optional<std::string> {
    if (request.path != layer) return std::nullopt;
    const auto answer = fixture.server.answer(request);
    return answer.substr(0, answer.size() - 100);
  });
  CHECK(fixture.failure("app:1").starts_with("network: "));
  for (const auto& entry : oci::cache_entries(fixture.directory)) CHECK(entry.name != "sha256:" + sha256(fixture.image.layers.back()));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(fixture.directory))
    CHECK(entry.path().extension() != ".partial");
}

TEST_CASE("bytes of another digest are not kept", "[oci][registry][cache][hostile]") {
  CacheFixture fixture;
  auto wrong = fixture.image.layers.back();
  wrong[wrong.size() / 2] = static_cast<char>(wrong[wrong.size() / 2] ^ 1);
  const auto digest = "sha256:" + sha256(fixture.image.layers.back());
  fixture.server.set_fault([&](const RegistryServer::Request& request) -> std::optional<std::string> {
    return request.path == "/v2/app/blobs/" + digest ? std::optional(RegistryServer::response(200, wrong)) : std::nullopt;
  });
  CHECK_THAT(fixture.failure("app:1"),
             ContainsSubstring("integrity: ") && ContainsSubstring("expected " + digest + ", got sha256:" + sha256(wrong)));
  for (const auto& entry : oci::cache_entries(fixture.directory)) CHECK(entry.name != digest);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(fixture.directory))
    CHECK(entry.path().extension() != ".partial");
  fixture.server.set_fault({});
  fixture.read();
  CHECK(read_file(fixture.blob(fixture.image.layers.back())) == fixture.image.layers.back());
}

TEST_CASE("what was used longest ago goes first", "[oci][cache]") {
  TempDir home;
  const auto blobs = home / "blobs/sha256";
  std::filesystem::create_directories(blobs);
  std::filesystem::create_directories(home / "images");
  const auto name = [](char c) { return std::string(64, c); };
  for (const char c : {'a', 'b', 'c'}) {
    write_file(blobs / name(c), std::string(100, c));
    set_age(blobs / name(c), 1000 * (c - 'a' + 1));
  }
  write_file(home / "images" / (name('d') + "-" + name('e')), std::string(100, 'd'));
  set_age(home / "images" / (name('d') + "-" + name('e')), 500);
  write_file(blobs / ".x.1.2.partial", "left");
  write_file(blobs / ".y.1.2.partial", "being written");
  write_file(blobs / "README", "not ours");
  set_age(blobs / ".x.1.2.partial", 100000);
  set_age(blobs / "README", 100000);
  const auto names = [&] {
    std::string out;
    for (const auto& entry : oci::cache_entries(home.path())) out += entry.name[7];
    return out;
  };
  CHECK(names() == "cbae");
  CHECK(oci::prune_cache(home.path(), 400) == 0);
  CHECK(oci::prune_cache(home.path(), 399) == 100);
  CHECK(names() == "bae");
  CHECK(oci::prune_cache(home.path(), 150) == 200);
  CHECK(names() == "e");
  CHECK_FALSE(std::filesystem::exists(blobs / ".x.1.2.partial"));
  CHECK(std::filesystem::exists(blobs / ".y.1.2.partial"));
  CHECK(std::filesystem::exists(blobs / "README"));
  CHECK(oci::prune_cache(home / "absent", 0) == 0);
}

TEST_CASE("finished images are found by what they were made of", "[oci][cache]") {
  TempDir home;
  const OperationContext operation;
  const auto key = digest_of(as_bytes(std::string("key")));
  write_file(home / "image", "SIF");
  const auto digest = digest_of(as_bytes(std::string("SIF")));
  oci::Cache cache({.directory = home / "cache"}, operation);
  CHECK_FALSE(cache.find_image(key));
  cache.keep_image(key, File::open_read(home / "image"), digest);
  const auto kept = cache.find_image(key);
  REQUIRE(kept);
  CHECK(kept->digest == digest);
  CHECK(kept->file->size() == 3);
  CHECK_FALSE(cache.find_image(digest));
  // A site's finished images serve everybody, without being written.
  const oci::Cache of_site({.directory = {}, .read_only = {home / "absent", home / "cache"}}, operation);
  const auto shared = of_site.find_image(key);
  REQUIRE(shared);
  CHECK(shared->digest == digest);
  CHECK_FALSE(of_site.find_image(digest));
  write_file(home / "cache/images" / (key.hex() + "-" + digest.hex()), "SIG");
  CHECK_FALSE(of_site.find_image(key));
  CHECK(oci::cache_entries(home / "cache").size() == 1);
  CHECK_FALSE(cache.find_image(key));
  CHECK(oci::cache_entries(home / "cache").empty());
}

TEST_CASE("one process at a time fetches an image", "[oci][cache]") {
  TempDir home;
  const auto digest = digest_of(as_bytes(home.path().native()));
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  const OperationContext operation;
  const oci::Cache cache({.directory = home / "cache"}, operation);
  if (child == 0) {
    const auto turn = cache.take_turn(digest);
    ::write(ready[1], turn ? "1" : "0", 1);
    ::usleep(150'000);
    write_file(home / "done", "");
    ::_exit(0);  // as a killed process: nothing is given back but by the system
  }
  char first = 0;
  REQUIRE(::read(ready[0], &first, 1) == 1);
  CHECK(first == '1');
  const auto turn = cache.take_turn(digest);
  CHECK(turn);
  CHECK(std::filesystem::exists(home / "done"));
  CHECK(cache.take_turn(digest_of(as_bytes(std::string("another") + home.path().native()))));
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  // Whoever is asked to stop does not wait.
  std::stop_source stop;
  stop.request_stop();
  const oci::Cache stopped({.directory = home / "cache"}, {&silent_logger(), &no_progress(), stop.get_token()});
  CHECK(error_of([&] { stopped.take_turn(digest); }).value().kind() == ErrorKind::cancelled);
}

namespace {

/// Stops whoever waits for a turn, so that it is a failure and no silence.
class StopsWaiting : public Logger {
 public:
  void write(LogLevel, std::string_view text) override {
    if (text.find("waiting for another process") == std::string_view::npos) return;
    waited = true;
    stop.request_stop();
  }
  OperationContext operation() { return {this, &no_progress(), stop.get_token()}; }

  std::atomic<bool> waited = false;
  std::stop_source stop;
};

}  // namespace

TEST_CASE("two names of one image are read side by side", "[oci][registry][cache]") {
  StopsWaiting logger;
  CacheFixture fixture;
  fixture.put(fixture.image, "app", "2");
  fixture.options.operation = logger.operation();
  const auto first = fixture.open("app:1");
  const auto second = fixture.open("app:2");
  const auto bytes = fixture.layers(*first);
  CHECK_FALSE(error_of([&] { CHECK(fixture.layers(*second) == bytes); }).has_value());
  CHECK_FALSE(logger.waited);
}

TEST_CASE("a process that has a turn waits for no other", "[oci][cache]") {
  TempDir home;
  StopsWaiting logger;
  const auto of_child = digest_of(as_bytes("child" + home.path().native()));
  const auto of_parent = digest_of(as_bytes("parent" + home.path().native()));
  int ready[2];
  int done[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(done) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  const oci::Cache cache({.directory = home / "cache"}, logger.operation());
  if (child == 0) {
    ::close(done[1]);
    const auto turn = cache.take_turn(of_child);
    ::write(ready[1], turn ? "1" : "0", 1);
    char end = 0;
    ::read(done[0], &end, 1);
    ::_exit(0);
  }
  char has = 0;
  REQUIRE(::read(ready[0], &has, 1) == 1);
  CHECK(has == '1');
  // Each of the two has what the other one could ask for.
  const auto turn = cache.take_turn(of_parent);
  CHECK(turn);
  CHECK_FALSE(error_of([&] { CHECK(cache.take_turn(of_child) == nullptr); }).has_value());
  CHECK_FALSE(error_of([&] { CHECK(cache.take_turn(of_parent) == nullptr); }).has_value());
  CHECK_FALSE(logger.waited);
  for (const int fd : {done[0], done[1], ready[0], ready[1]}) ::close(fd);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("that nothing can be kept is said once, in words", "[oci][registry][cache]") {
  class Lines : public Logger {
   public:
    void write(LogLevel, std::string_view text) override {
      const std::lock_guard lock(mutex_);
      if (text.find("the cache keeps nothing") != std::string_view::npos) said.emplace_back(text);
    }
    std::vector<std::string> said;

   private:
    std::mutex mutex_;
  } lines;
  CacheFixture fixture;
  write_file(fixture.home / "file", "no directory");
  fixture.options.operation.logger = &lines;
  fixture.options.registry.cache.directory = fixture.home / "file";
  fixture.read();
  oci::Cache(fixture.options.registry.cache, fixture.options.operation)
      .keep_image(digest_of(as_bytes(std::string("key"))), File::open_read(fixture.home / "file"), digest_of({}));
  REQUIRE(lines.said.size() == 1);
  const auto inner = (fixture.home / "file/blobs/sha256").native();
  CHECK(lines.said.front() == "the cache keeps nothing: create directory '" + inner + "': not a directory");
}

TEST_CASE("a blob that is changed behind the look at its digest is not taken", "[oci][registry][cache][hostile]") {
  CacheFixture fixture;
  const auto bytes = fixture.read().first.front();
  const auto path = fixture.blob(bytes);
  const oci::Reference reference = oci::Reference::parse(fixture.server.image("app:1"));
  const auto client = std::make_shared<oci::RegistryClient>(
      oci::RegistryName::parse(reference.location, reference.text), fixture.options);
  const auto read = [&](const std::string& later) {
    oci::Cache cache(fixture.options.registry.cache, fixture.options.operation);
    const auto source = oci::open_blob(cache, client, {digest_of(as_bytes(bytes)), bytes.size(), {}});
    write_file(path, later);
    const auto got = read_all(*source, bytes.size(), "blob");
    CHECK(as_text(got) == bytes);
  };
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  CHECK_FALSE(oci::others_may_write(File::open_read(path)));
  std::filesystem::permissions(path, std::filesystem::perms::others_write, std::filesystem::perm_options::add);
  CHECK(oci::others_may_write(File::open_read(path)));
  read(bytes);
  auto changed = bytes;
  changed.back() = static_cast<char>(changed.back() ^ 1);
  for (const auto& later : {changed, bytes.substr(1)}) {
    write_file(path, bytes);
    const auto error = error_of([&] { read(later); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::integrity);
    CHECK(error->message() == in_quotes(path.native()) + " has changed while it was read");
  }
}
