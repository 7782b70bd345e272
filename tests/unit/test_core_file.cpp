// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/file.h>

#include <thread>

#include <fmt/format.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/unfinished.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

TEST_CASE("a tree goes whatever its depth and modes, and links in it are not followed", "[file]") {
  const TempDir directory;
  const auto tree = directory / "tree";
  write_file(directory / "kept", "kept");
  fs::create_directory(directory / "kept directory");
  write_file(directory / "kept directory/file", "kept");
  for (const std::string name : {"a", "b", "closed", "c"}) {
    fs::path deep = tree / name;
    for (int i = 0; i < 100; ++i) deep /= "d";
    fs::create_directories(deep);
    write_file(deep / "file", "x");
    fs::create_symlink(directory / "kept directory", deep / "link");
    fs::create_directory(tree / name / "empty");
  }
  for (int i = 0; i < 1000; ++i) write_file(tree / "a" / std::to_string(i), "");
  for (const std::string name : {"closed/d/d/d", "closed/d", "closed"}) fs::permissions(tree / name, fs::perms::none);
  fs::create_symlink(tree / "a", directory / "link");

  remove_tree(directory / "link");
  CHECK(fs::exists(tree / "a/999"));

  rlimit usual{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
  const rlimit few{16, usual.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  remove_tree(tree);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
  CHECK_FALSE(fs::exists(tree));
  CHECK(read_file(directory / "kept directory/file") == "kept");
  remove_tree(directory / "kept");
  CHECK_FALSE(fs::exists(directory / "kept"));
  remove_tree(directory / "nothing");
  CHECK(directory.entry_count() == 1);
}

TEST_CASE("a tree goes when two remove it at once", "[file]") {
  const TempDir directory;
  for (int i = 0; i < 2000; ++i) {
    const auto deep = directory / fmt::format("tree/{}/{}", i % 20, i % 7);
    fs::create_directories(deep);
    write_file(deep / std::to_string(i), "");
  }
  {
    const std::jthread other([&] { remove_tree(directory / "tree"); });
    remove_tree(directory / "tree");
    CHECK_FALSE(fs::exists(directory / "tree"));
  }
}

TEST_CASE("errors of scratch files say how to put them elsewhere", "[file]") {
  const TempDir directory;
  const auto error = error_of([&] { open_scratch_file(directory / "nowhere"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::not_found);
  CHECK_THAT(error->hint().text(), ContainsSubstring("SIFKIT_TMPDIR"));
}

TEST_CASE("a file under another name is the same open file", "[file]") {
  const TempDir directory;
  write_file(directory / "a", "hello");
  const File file = File::open_read(directory / "a");
  const File again = file.renamed("what the user called it");
  CHECK(again.fd() != file.fd());
  CHECK((::fcntl(again.fd(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(again.name() == "what the user called it");
  CHECK(::lseek(file.fd(), 3, SEEK_SET) == 3);
  CHECK(::lseek(again.fd(), 0, SEEK_CUR) == 3);
  const auto error = error_of([] { static_cast<void>(duplicate(-1, "the thing")); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::io);
  CHECK_THAT(error->what(), ContainsSubstring("the thing"));
}

TEST_CASE("the names in a directory are sorted by their bytes, as often as they are asked for", "[file]") {
  const TempDir directory;
  for (const char* name : {"b", "B", "a b", ".hidden", "\xff", "\xc3\xa4"}) write_file(directory / name, "");
  const UniqueFd fd(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(fd);
  const std::vector<std::string> expected{".hidden", "B", "a b", "b", "\xc3\xa4", "\xff"};
  CHECK(names_in(fd.get(), "it") == expected);
  CHECK(names_in(fd.get(), "it") == expected);
  const File file = File::open_read(directory / "b");
  const auto next_descriptor = [&] { return duplicate(file.fd(), "it").get(); };
  const int before = next_descriptor();
  const auto error = error_of([&] { static_cast<void>(names_in(file.fd(), "it")); });
  REQUIRE(error);
  CHECK_THAT(error->what(), ContainsSubstring("list it"));
  CHECK(next_descriptor() == before);
}

TEST_CASE("what is copied inside the kernel keeps its holes", "[file]") {
  const TempDir directory;
  constexpr std::uint64_t kSize = 16u << 20;
  constexpr std::uint64_t kStart = 4096;
  const auto blocks = [](const File& file) {
    struct stat status {};
    REQUIRE(::fstat(file.fd(), &status) == 0);
    return status.st_blocks;
  };
  write_file(directory / "from", std::string(kStart, 'h') + "start");
  write_file(directory / "to", "");
  const auto from = File::open_read_write(directory / "from");
  from.write_at(kSize, as_bytes(std::string("middle")));
  from.truncate(2 * kSize);
  const auto to = File::open_read_write(directory / "to");
  to.truncate(2 * kSize - kStart);
  copy_range(from, kStart, to, 0, 2 * kSize - kStart, {});
  CHECK((read_file(directory / "to") == read_file(directory / "from").substr(kStart)));
  if (blocks(from) * 512 > 1 << 20) SKIP_TEST("no holes on this file system");
  CHECK(blocks(to) * 512 <= 1 << 20);
}

TEST_CASE("a copy of what ends in a hole is as long", "[file]") {
  const TempDir directory;
  write_file(directory / "from", "start");
  const auto from = File::open_read_write(directory / "from");
  from.truncate(1u << 20);
  write_file(directory / "to", "12");
  const auto to = File::open_read_write(directory / "to");
  copy_range(from, 0, to, 2, from.size(), {});
  CHECK((read_file(directory / "to") == "12" + read_file(directory / "from")));
}
