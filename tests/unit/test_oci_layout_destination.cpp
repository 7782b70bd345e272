// SPDX-License-Identifier: Apache-2.0
//
// Layouts as they are written: several images at once.
#include <filesystem>

#include <sys/stat.h>

#include <sifkit/core/json.h>
#include <sifkit/oci/image_destination.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// One image of one layer on its way into a layout.
struct Arrival {
  std::unique_ptr<oci::ImageDestination> destination;
  std::unique_ptr<oci::BlobWriter> layer;
  std::string text;

  Arrival(const fs::path& layout, const std::string& tag, Overwrite overwrite = Overwrite::no) : text("layer of " + tag) {
    oci::DestinationOptions options;
    options.overwrite = overwrite;
    destination = oci::open_destination(*oci::Target::parse("oci:" + layout.string() + ":" + tag), options);
    layer = destination->begin_layer();
  }
  void write() const { layer->write(as_bytes(text)); }
  void finish() const {
    const auto stored = layer->finish();
    CHECK(stored.digest.hex() == sha256(text));
    oci::ImageDocuments documents;
    documents.config = "{\"of\":\"" + text + "\"}";
    documents.diff_ids = {stored.digest};
    documents.manifest.media_type = "application/vnd.oci.image.manifest.v1+json";
    documents.manifest_text = "{\"manifest\":\"" + text + "\"}";
    destination->finish(documents);
  }
};

std::vector<std::string> tags_of(const fs::path& layout) {
  std::vector<std::string> out;
  const Json index = Json::parse(read_file(layout / "index.json"));
  for (const auto& entry : index["manifests"]) out.push_back(entry["annotations"]["org.opencontainers.image.ref.name"]);
  return out;
}

std::size_t blobs_of(const fs::path& layout) {
  const fs::directory_iterator entries(layout / "blobs/sha256");
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

TEST_CASE("two images that go into one layout at once are both in it", "[oci][layout]") {
  const TempDir directory;
  const auto layout = directory / "layout";
  const Arrival first(layout, "first");
  first.write();
  first.finish();
  {
    const Arrival one(layout, "one");
    const Arrival other(layout, "other");
    one.write();
    other.write();
    other.finish();
    one.finish();
  }
  CHECK(tags_of(layout) == std::vector<std::string>{"first", "other", "one"});
  CHECK(blobs_of(layout) == 9);
  for (const std::string tag : {"first", "one", "other"}) {
    const auto text = "layer of " + tag;
    CHECK(read_file(layout / "blobs/sha256" / sha256(text)) == text);
  }
}

TEST_CASE("of two images that get one tag of a layout at once the second is refused, or replaces the first", "[oci][layout]") {
  const TempDir directory;
  const auto layout = directory / "layout";
  const Arrival base(layout, "base");
  base.write();
  base.finish();
  const Arrival one(layout, "app");
  const Arrival other(layout, "app");
  const Arrival forced(layout, "app", Overwrite::yes);
  one.write();
  one.finish();
  other.write();
  const auto error = error_of([&] { other.finish(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::exists);
  CHECK(error->message() == in_quotes(layout.string()) + " holds an image 'app' already");
  forced.write();
  forced.finish();
  CHECK(tags_of(layout) == std::vector<std::string>{"base", "app"});
}

TEST_CASE("two images that both make a layout end in one", "[oci][layout]") {
  const TempDir directory;
  const auto layout = directory / "new";
  {
    const Arrival early(layout, "early");
    const Arrival late(layout, "late");
    const Arrival same(layout, "late");
    const Arrival forced(layout, "late", Overwrite::yes);
    late.write();
    late.finish();
    early.write();
    early.finish();
    CHECK(tags_of(layout) == std::vector<std::string>{"late", "early"});
    CHECK(blobs_of(layout) == 6);
    for (const std::string tag : {"early", "late"}) {
      const auto text = "layer of " + tag;
      CHECK(read_file(layout / "blobs/sha256" / sha256(text)) == text);
    }
    // The names of images are as they would be in one that was there before.
    same.write();
    const auto error = error_of([&] { same.finish(); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::exists);
    CHECK(error->message() == in_quotes(layout.string()) + " holds an image 'late' already");
    forced.write();
    forced.finish();
    CHECK(tags_of(layout) == std::vector<std::string>{"early", "late"});
  }
  CHECK(directory.entry_count() == 1);
  // What somebody else has put there is no layout, and stays.
  const Arrival lost(directory / "other", "lost");
  lost.write();
  fs::create_directory(directory / "other");
  const auto error = error_of([&] { lost.finish(); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::exists);
  CHECK_THAT(error->message(), ContainsSubstring("exists and is no OCI layout"));
  CHECK(fs::is_empty(directory / "other"));
}

TEST_CASE("a layout's owner may put files into it, whatever the umask", "[oci][layout]") {
  struct Umask {
    mode_t before = ::umask(0277);
    ~Umask() { ::umask(before); }
  };
  const TempDir directory;
  const auto layout = directory / "layout";
  {
    const Umask narrow;
    for (const std::string tag : {"one", "other"}) {
      const Arrival arrival(layout, tag);
      arrival.write();
      arrival.finish();
    }
  }
  CHECK(tags_of(layout) == std::vector<std::string>{"one", "other"});
  for (const auto& path : {layout, layout / "blobs", layout / "blobs/sha256"})
    CHECK(fs::status(path).permissions() == fs::perms::owner_all);
}
