// SPDX-License-Identifier: Apache-2.0
//
// Room on the disk: images have holes, and edits leave them.
#include <sifkit/sif/image_editor.h>

#include <algorithm>

#include <sys/stat.h>

#include "support/catch.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::testing;

namespace {

constexpr std::size_t kMiB = 1u << 20;

/// Bytes of the disk that a file takes.
std::uint64_t room_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

struct HolesFixture {
  TempDir directory;
  std::filesystem::path path = directory / "image.sif";

  HolesFixture() { create_image(path, {}, Overwrite::no); }

  template <class Edit>
  void edit(Edit&& what) const {
    ImageEditor editor(path);
    what(editor);
    editor.commit();
  }
  void add(const std::string& data) const {
    edit([&](ImageEditor& editor) {
      MemorySource source(as_bytes(data));
      editor.add({}, source);
    });
  }
  std::string data(std::uint32_t id) const {
    const Image image = Image::open(path);
    return std::string(as_text(image.read_data(image.object(id), 1u << 30)));
  }
};

}  // namespace

TEST_CASE("zeros take no room, added or erased", "[sif][editor]") {
  const HolesFixture fixture;
  std::filesystem::resize_file(fixture.directory / "image.sif", 32176 + 16 * kMiB);
  if (room_of(fixture.path) > kMiB) SKIP_TEST("the file system knows no holes");
  std::filesystem::resize_file(fixture.path, 32176);

  const std::string sparse = std::string(100, 's') + std::string(16 * kMiB, '\0');
  fixture.add(sparse);
  CHECK(Image::open(fixture.path).file_size() == 32176 + sparse.size());
  CHECK(room_of(fixture.path) < 4 * kMiB);
  CHECK((fixture.data(1) == sparse));
  fixture.add("behind");
  fixture.edit([](ImageEditor& editor) { editor.remove(1, Erase::yes); });
  CHECK(room_of(fixture.path) < 4 * kMiB);
  const auto bytes = read_file(fixture.path).substr(32176);
  CHECK(std::count(bytes.begin(), bytes.end(), '\0') == static_cast<std::ptrdiff_t>(sparse.size()));
  CHECK(fixture.data(2) == "behind");
}

TEST_CASE("data between holes is erased, too", "[sif][editor]") {
  const HolesFixture fixture;
  std::string data;
  for (int i = 0; i < 3; ++i) data += std::string(kMiB + 5, 's') + std::string(2 * kMiB, '\0');
  fixture.add(data);
  fixture.add("behind");
  fixture.edit([](ImageEditor& editor) { editor.remove(1, Erase::yes); });
  CHECK((read_file(fixture.path).substr(32176) == std::string(data.size(), '\0') + "behind"));
}

TEST_CASE("zeros that are added on freed bytes are zeros", "[sif][editor]") {
  const HolesFixture fixture;
  fixture.add(std::string(2 * kMiB, 'x'));
  fixture.edit([](ImageEditor& editor) { editor.remove(1); });
  const std::string zeros(3 * kMiB, '\0');
  fixture.add(zeros);
  CHECK((fixture.data(1) == zeros));
  CHECK(Image::open(fixture.path).file_size() == 32176 + zeros.size());
  CHECK(Image::open(fixture.path).problems().empty());
}

TEST_CASE("zeros at the end of the file are moved, too", "[sif][editor]") {
  const HolesFixture fixture;
  fixture.add("gone");
  const std::string zeros(2 * kMiB, '\0');
  fixture.edit([&](ImageEditor& editor) {
    editor.remove(1);
    MemorySource source(as_bytes(zeros));
    editor.add({}, source);
    editor.compact(Compaction::all);
  });
  CHECK((fixture.data(1) == zeros));
  CHECK(Image::open(fixture.path).file_size() == 32176 + zeros.size());
}
