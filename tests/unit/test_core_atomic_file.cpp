// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <sifkit/core/file.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

void write_text(AtomicFile& file, std::string_view text) { file.file().write_at(0, as_bytes(text)); }

}  // namespace

TEST_CASE("a file appears with its commit, whole and under its name alone", "[file]") {
  const TempDir directory;
  const auto target = directory / "target";
  {
    AtomicFile file(target, Overwrite::no, 0640);
    write_text(file, "new");
    CHECK_FALSE(fs::exists(target));
    CHECK(file.target() == target);
    file.commit();
    CHECK(read_file(target) == "new");
  }
  CHECK(read_file(target) == "new");
  CHECK(directory.entry_count() == 1);
  struct stat status {};
  REQUIRE(::stat(target.c_str(), &status) == 0);
  const mode_t umask = ::umask(0);
  ::umask(umask);
  CHECK((status.st_mode & 07777) == (0640 & ~umask));
}

TEST_CASE("a file that is not committed leaves nothing, and an old target as it was", "[file]") {
  const TempDir directory;
  const auto target = directory / "target";
  { AtomicFile file(target, Overwrite::no); write_text(file, "half"); }
  CHECK(directory.entry_count() == 0);
  write_file(target, "old");
  { AtomicFile file(target, Overwrite::yes); write_text(file, "half"); }
  CHECK(read_file(target) == "old");
  CHECK(directory.entry_count() == 1);
}

TEST_CASE("an error amid the writing of a file leaves nothing", "[file]") {
  const TempDir directory;
  const auto error = error_of([&] {
    AtomicFile file(directory / "target", Overwrite::no);
    write_text(file, "half");
    throw Error(ErrorKind::malformed, "the source is cut short");
  });
  REQUIRE(error);
  CHECK(directory.entry_count() == 0);
}

TEST_CASE("an old target is replaced on request only", "[file]") {
  const TempDir directory;
  const auto target = directory / "target";
  write_file(target, "old");
  const auto error = error_of([&] { AtomicFile file(target, Overwrite::no); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::exists);
  AtomicFile file(target, Overwrite::yes);
  write_text(file, "new");
  CHECK(read_file(target) == "old");
  file.commit();
  CHECK(read_file(target) == "new");
  CHECK(directory.entry_count() == 1);
}

TEST_CASE("a target that appears while the file is written is not replaced unasked", "[file]") {
  const TempDir directory;
  const auto target = directory / "target";
  {
    AtomicFile file(target, Overwrite::no);
    write_text(file, "ours");
    write_file(target, "theirs");
    const auto error = error_of([&] { file.commit(); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::exists);
  }
  CHECK(read_file(target) == "theirs");
  CHECK(directory.entry_count() == 1);
}

TEST_CASE("what is no regular file is never replaced", "[file]") {
  const TempDir directory;
  fs::create_directory(directory / "directory");
  fs::create_symlink("elsewhere", directory / "link");
  REQUIRE(::mkfifo((directory / "pipe").c_str(), 0600) == 0);
  for (const char* name : {"directory", "link", "pipe"}) {
    INFO(name);
    const auto error = error_of([&] { AtomicFile file(directory / name, Overwrite::yes); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::exists);
  }
  CHECK(directory.entry_count() == 3);
}
