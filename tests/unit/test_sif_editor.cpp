// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image_editor.h>

#include <thread>

#include <sys/stat.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::testing;

namespace {

/// A directory with an empty image, and short words for edits of it.
struct EditorFixture {
  TempDir directory;
  std::filesystem::path path = directory / "image.sif";

  explicit EditorFixture(const NewImage& image = {}) { create_image(path, image, Overwrite::no); }

  std::uint32_t add(const ObjectSpec& spec, const std::string& data, const Placement& placement = {}) const {
    ImageEditor editor(path);
    MemorySource source(as_bytes(data));
    const auto id = editor.add(spec, source, placement).id;
    editor.commit();
    return id;
  }

  template <class Edit>
  void edit(Edit&& what, const EditOptions& options = {}) const {
    ImageEditor editor(path, options);
    what(editor);
    editor.commit();
  }

  Image image() const { return Image::open(path); }
  std::string data(std::uint32_t id) const {
    const Image now = image();
    return std::string(as_text(now.read_data(now.object(id), 1u << 30)));
  }

  /// The kind of the error that an edit ends with; the image has to stay as it is.
  template <class Edit>
  ErrorKind refusal(Edit&& what) const {
    const auto before = read_file(path);
    const auto error = error_of([&] { edit(what); });
    REQUIRE(error);
    CHECK(read_file(path) == before);
    CHECK(directory.entry_count() == 1);
    return error->kind();
  }
};

ObjectSpec partition(PartitionType type, const std::string& architecture = "amd64") {
  return {.type = DataType::partition, .extra = encode_extra(Partition{FsType::squashfs, type, architecture})};
}

}  // namespace

TEST_CASE("objects take the first free slot and the place behind the last object", "[sif][editor]") {
  EditorFixture fixture;
  CHECK(fixture.add({.type = DataType::deffile}, "first") == 1);
  CHECK(fixture.add(partition(PartitionType::primary_system), "second") == 2);
  CHECK(fixture.add({.group = 7, .link = 2, .name = "third"}, "third!") == 3);
  CHECK(fixture.image().object(2).offset == 32768);
  CHECK(fixture.image().object(2).size_with_padding == 32768 - 32181 + 6);
  CHECK(fixture.image().object(3).offset == 32774);
  CHECK(fixture.image().header().architecture == "amd64");
  CHECK(fixture.image().header().descriptors_free == 45);
  CHECK(fixture.image().header().data_size == 32780 - 32176);

  fixture.edit([](ImageEditor& editor) { editor.remove(1); });
  CHECK(fixture.image().header().architecture == "amd64");
  CHECK(fixture.image().header().data_size == 32780 - 32176);
  CHECK(fixture.add({.group = 0}, "again") == 1);
  CHECK(fixture.image().object(1).offset == 32780);
  CHECK(fixture.image().object(1).raw_group == kGroupMask);
  CHECK(fixture.data(1) == "again");
  CHECK(fixture.data(2) == "second");
  CHECK(fixture.data(3) == "third!");

  fixture.edit([](ImageEditor& editor) { editor.remove(2); });
  CHECK(fixture.image().header().architecture == "unknown");
  CHECK(fixture.image().header().descriptors_offset == 4096);
  CHECK(fixture.image().problems() == std::vector<std::string>{"object 3: links to object 2, which is not there"});
  CHECK(fixture.directory.entry_count() == 1);
}

TEST_CASE("an edit has the time of the clock, none in a deterministic image, or the one that is given", "[sif][editor]") {
  EditorFixture plain;
  plain.add({}, "x");
  CHECK(plain.image().header().is_deterministic());
  CHECK(plain.image().object(1).created == kNoTime);

  EditorFixture timed({.uuid = random_uuid(), .time = 1000});
  timed.add({}, "x", {.time = 77});
  CHECK(timed.image().header().created == 1000);
  CHECK(timed.image().header().modified > 1'700'000'000);
  CHECK(timed.image().object(1).created == 77);
  CHECK(timed.image().object(1).modified == 77);
  timed.edit([](ImageEditor& editor) { editor.set_name(1, "y"); }, {.time = 2000});
  CHECK(timed.image().header().modified == 2000);
  CHECK(timed.image().object(1).created == 77);
  CHECK(timed.image().object(1).modified == 2000);
  CHECK(timed.image().object(1).name() == "y");
}

TEST_CASE("alignment may be any number", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add({}, "abc", {.alignment = 100});
  CHECK(fixture.image().object(1).offset == 32200);
  fixture.add(partition(PartitionType::data), "abc", {.alignment = 0});
  CHECK(fixture.image().object(2).offset == 32203);
  fixture.add({}, "", {.alignment = 1u << 20});
  CHECK(fixture.image().object(3).offset == 1 << 20);
  CHECK(fixture.image().problems().empty());
  CHECK(fixture.data(3).empty());
  fixture.add({}, "behind");
  CHECK(fixture.data(4) == "behind");
  CHECK(fixture.refusal([](ImageEditor& editor) {
    MemorySource source(as_bytes("x"));
    editor.add({}, source, {.alignment = std::uint64_t{1} << 63});
  }) == ErrorKind::usage);
}

TEST_CASE("the digest of an OCI object is computed while it is read", "[sif][editor]") {
  EditorFixture fixture;
  const std::string data(3'000'000, 'o');
  fixture.add({.type = DataType::oci_blob}, data);
  CHECK(fixture.image().object(1).oci_digest() == digest_of(as_bytes(data)).text());
  const auto other = digest_of(as_bytes("other"));
  fixture.edit([&](ImageEditor& editor) { editor.set_oci_digest(1, other); });
  CHECK(fixture.image().object(1).oci_digest() == other.text());
  fixture.add({}, "plain");
  CHECK(fixture.refusal([&](ImageEditor& editor) { editor.set_oci_digest(2, other); }) == ErrorKind::usage);
  CHECK(fixture.refusal([&](ImageEditor& editor) { editor.set_oci_digest(1, digest_of({}, DigestAlgorithm::sha512)); }) == ErrorKind::unsupported);
}

TEST_CASE("the primary partition changes", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add(partition(PartitionType::system, "arm64"), "a");
  fixture.add(partition(PartitionType::primary_system, "amd64"), "b");
  fixture.add(partition(PartitionType::data), "c");
  fixture.add({}, "d");
  const auto before = read_file(fixture.path);
  fixture.edit([](ImageEditor& editor) { editor.set_primary(2); });
  CHECK(read_file(fixture.path) == before);
  fixture.edit([](ImageEditor& editor) { editor.set_primary(1); });
  CHECK(fixture.image().primary_partition()->id == 1);
  CHECK(fixture.image().header().architecture == "arm64");
  CHECK(fixture.image().object(2).partition()->type == PartitionType::system);
  fixture.edit([](ImageEditor& editor) { editor.set_architecture(1, "riscv64"); });
  CHECK(fixture.image().header().architecture == "riscv64");
  CHECK(fixture.image().problems().empty());
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_primary(3); }) == ErrorKind::usage);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_primary(4); }) == ErrorKind::usage);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_primary(5); }) == ErrorKind::not_found);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_architecture(4, "amd64"); }) == ErrorKind::usage);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_architecture(1, "z80"); }) == ErrorKind::unsupported);
  CHECK(fixture.refusal([](ImageEditor& editor) {
    MemorySource source(as_bytes("x"));
    editor.add(partition(PartitionType::primary_system), source);
  }) == ErrorKind::exists);
}

TEST_CASE("what does not fit a descriptor is refused", "[sif][editor]") {
  EditorFixture fixture({.capacity = 1});
  const auto add = [](const ObjectSpec& spec) {
    return [spec](ImageEditor& editor) {
      MemorySource source(as_bytes("x"));
      editor.add(spec, source);
    };
  };
  CHECK(fixture.refusal(add({.group = kMaxGroup + 1})) == ErrorKind::usage);
  CHECK(fixture.refusal(add({.link = kGroupMask | 3})) == ErrorKind::usage);
  CHECK(fixture.refusal(add({.name = std::string(129, 'x')})) == ErrorKind::usage);
  fixture.edit(add({.group = kMaxGroup, .name = std::string(128, 'x')}));
  CHECK(fixture.image().object(1).name() == std::string(128, 'x'));
  CHECK(fixture.refusal(add({})) == ErrorKind::limit);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.remove(0); }) == ErrorKind::usage);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.remove(2); }) == ErrorKind::not_found);
  CHECK(fixture.refusal([](ImageEditor& editor) { editor.set_name(1, std::string(129, 'x')); }) == ErrorKind::usage);
  CHECK(error_of([&] { ImageEditor editor(fixture.directory / "none.sif"); })->kind() == ErrorKind::not_found);
  CHECK(error_of([&] { create_image(fixture.path, {}, Overwrite::no); })->kind() == ErrorKind::exists);
  write_file(fixture.path, "no image");
  CHECK(fixture.refusal(add({})) == ErrorKind::unsupported);
}

TEST_CASE("objects are removed by what they are", "[sif][editor]") {
  EditorFixture fixture;
  for (const std::uint32_t group : {1u, 2u, 2u}) fixture.add({.group = group}, "data");
  fixture.add({.type = DataType::sbom, .group = 2, .extra = encode_extra(SbomFormat::spdx_json)}, "{}");
  fixture.edit([](ImageEditor& editor) {
    editor.remove_if([](const Descriptor& object) { return object.group() == 2 && object.type == DataType::generic; });
  });
  CHECK(fixture.image().objects().size() == 2);
  CHECK(fixture.image().header().descriptors_free == 46);
  CHECK(fixture.refusal([](ImageEditor& editor) {
    editor.remove_if([](const Descriptor& object) { return object.group() == 3; });
  }) == ErrorKind::not_found);
}

TEST_CASE("erased bytes are zeros, and the tail is cut on request", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add({}, "first");
  fixture.add({}, "secret");
  fixture.add({}, "third");
  fixture.edit([](ImageEditor& editor) { editor.remove(2, Erase::yes); });
  CHECK(read_file(fixture.path).substr(32176) == "first" + std::string(6, '\0') + "third");
  fixture.edit([](ImageEditor& editor) {
    editor.remove(3);
    editor.compact(Compaction::tail);
  });
  CHECK(read_file(fixture.path).substr(32176) == "first");
  CHECK(fixture.image().header().data_size == 5);
}

TEST_CASE("compaction closes every hole and keeps what a file is", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add({}, std::string(5000, 'a'));
  fixture.add(partition(PartitionType::primary_system), std::string(5000, 'p'));
  fixture.add({}, "behind");
  fixture.add(partition(PartitionType::data), "unaligned", {.alignment = 0});
  fixture.edit([](ImageEditor& editor) { editor.remove(1, Erase::yes); });
  std::filesystem::resize_file(fixture.path, std::filesystem::file_size(fixture.path) + 777);
  REQUIRE(::chmod(fixture.path.c_str(), 0750) == 0);
  std::filesystem::create_symlink("image.sif", fixture.directory / "link");
  const auto other_name = fixture.directory / "hard";
  std::filesystem::create_hard_link(fixture.path, other_name);
  const auto before = read_file(fixture.path);

  ImageEditor editor(fixture.directory / "link");
  editor.compact(Compaction::all);
  editor.commit();
  CHECK(fixture.image().object(2).offset == 32768);
  CHECK(fixture.image().object(3).offset == 37768);
  CHECK(fixture.image().object(4).offset == 37774);
  CHECK(fixture.data(2) == std::string(5000, 'p'));
  CHECK(fixture.data(3) == "behind");
  CHECK(fixture.data(4) == "unaligned");
  CHECK(fixture.image().problems().empty());
  CHECK(fixture.image().file_size() == 37783);
  CHECK(std::filesystem::is_symlink(fixture.directory / "link"));
  CHECK((std::filesystem::status(fixture.path).permissions() == std::filesystem::perms{0750}));
  CHECK(read_file(other_name) == before);
  CHECK(fixture.directory.entry_count() == 3);

  // A second time there is nothing to do.
  const auto compact = read_file(fixture.path);
  fixture.edit([](ImageEditor& again) { again.compact(Compaction::all); }, {.time = 5});
  CHECK(read_file(fixture.path) == compact);
}

TEST_CASE("compaction takes empty objects along, wherever they lie", "[sif][editor]") {
  EditorFixture fixture;
  for (const char* data : {"aaaa", "", "", "bbbb"}) fixture.add({}, data);
  fixture.edit([](ImageEditor& editor) { editor.remove(2); editor.remove(4); });
  CHECK(fixture.add({}, "wwww") == 2);
  REQUIRE(fixture.image().object(2).offset == fixture.image().object(3).offset);
  const auto compact = [](ImageEditor& editor) { editor.compact(Compaction::all); };
  fixture.edit(compact);
  CHECK(fixture.image().file_size() == 32184);
  CHECK(fixture.data(2) == "wwww");
  // Inside of another object, which is sound: it has no bytes that lie there.
  auto bytes = read_file(fixture.path);
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 4096 + 2 * 585 + 17), std::int64_t{32181});
  write_file(fixture.path, bytes);
  REQUIRE(fixture.image().problems().empty());
  fixture.edit(compact);
  CHECK(fixture.image().object(3).offset == 32184);
  fixture.edit([](ImageEditor& editor) { editor.remove(1); });
  fixture.edit(compact);
  CHECK(fixture.data(2) == "wwww");
  CHECK(fixture.data(3).empty());
  CHECK(fixture.image().file_size() == 32180);
  CHECK(fixture.image().problems().empty());
}

TEST_CASE("objects and removals of one edit do not share bytes", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add({}, "keep");
  fixture.add({}, "remove");
  fixture.edit([](ImageEditor& editor) {
    editor.remove(2, Erase::yes);
    MemorySource source(as_bytes("new"));
    CHECK(editor.add({}, source).id == 2);
  });
  CHECK(read_file(fixture.path).substr(32176) == "keep" + std::string(6, '\0') + "new");
}

TEST_CASE("without commit, and after an error, everything is as before", "[sif][editor]") {
  EditorFixture fixture;
  fixture.add({}, "keep");
  fixture.add({}, "freed at the end");
  fixture.edit([](ImageEditor& editor) { editor.remove(2); });
  const auto before = read_file(fixture.path);
  {
    ImageEditor editor(fixture.path);
    const std::string text(100, 'x');
    MemorySource source(as_bytes(text));
    editor.add({}, source);
  }
  CHECK(read_file(fixture.path) == before);

  struct Failing : Source {
    int reads = 0;
    std::size_t read(std::span<std::byte> into) override {
      if (++reads == 3) throw Error(ErrorKind::integrity, "bad data");
      std::fill(into.begin(), into.end(), std::byte{1});
      return into.size();
    }
  };
  CHECK(fixture.refusal([](ImageEditor& editor) {
    Failing source;
    editor.add({}, source);
  }) == ErrorKind::integrity);

  std::stop_source stop;
  stop.request_stop();
  const auto error = error_of([&] {
    ImageEditor editor(fixture.path, {.operation = {.stop = stop.get_token()}});
    MemorySource source(as_bytes("x"));
    editor.add({}, source);
  });
  CHECK(error->kind() == ErrorKind::cancelled);
  CHECK(read_file(fixture.path) == before);
}

TEST_CASE("nothing is added to a damaged image, but a damaged object can be removed", "[sif][editor][hostile]") {
  EditorFixture fixture;
  fixture.add({}, "first");
  fixture.add({}, "second");
  fixture.add({}, "third");
  const auto add = [](ImageEditor& editor) {
    MemorySource source(as_bytes("x"));
    editor.add({}, source);
  };
  const auto with = [&](std::size_t at, auto value) {
    auto bytes = read_file(fixture.path);
    store_le(reinterpret_cast<std::byte*>(bytes.data() + at), value);
    EditorFixture other;
    write_file(other.path, bytes);
    CHECK(other.refusal(add) == ErrorKind::malformed);
    CHECK(other.refusal([](ImageEditor& editor) { editor.remove(1, Erase::yes); }) == ErrorKind::malformed);
    CHECK(other.refusal([](ImageEditor& editor) { editor.compact(Compaction::all); }) == ErrorKind::malformed);
    return bytes;
  };
  constexpr std::size_t kSecond = 4096 + 585;
  with(112, std::int64_t{5000});
  with(kSecond + 5, std::uint32_t{1});
  for (const std::int64_t offset : {std::int64_t{-1}, std::int64_t{100}, std::int64_t{5000}, std::int64_t{32178}, std::int64_t{1} << 40, INT64_MAX}) with(kSecond + 17, offset);
  for (const std::int64_t size : {std::int64_t{-1}, std::int64_t{1000}, INT64_MAX}) {
    write_file(fixture.directory / "copy", with(kSecond + 25, size));
    ImageEditor editor(fixture.directory / "copy");
    editor.remove(2);
    editor.commit();
    CHECK(Image::open(fixture.directory / "copy").damage().empty());
  }
  // A counter that says the table is full, and an id that the free slot would get.
  auto bytes = read_file(fixture.path);
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 80), std::int64_t{0});
  write_file(fixture.directory / "copy", bytes);
  CHECK(error_of([&] { add(*std::make_unique<ImageEditor>(fixture.directory / "copy")); })->kind() == ErrorKind::malformed);
  bytes = read_file(fixture.path);
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 4096 + 5), std::uint32_t{4});
  write_file(fixture.directory / "copy", bytes);
  CHECK(error_of([&] { add(*std::make_unique<ImageEditor>(fixture.directory / "copy")); })->kind() == ErrorKind::malformed);
}

TEST_CASE("of two editors one waits, and nothing is lost", "[sif][editor]") {
  EditorFixture fixture;
  auto first = std::make_unique<ImageEditor>(fixture.path);
  CHECK(error_of([&] { ImageEditor second(fixture.path, {.timeout = std::chrono::milliseconds(0)}); })->kind() == ErrorKind::io);
  std::vector<std::jthread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      for (int n = 0; n < 5; ++n) fixture.add({}, "of a thread");
    });
  }
  const std::string text(1000, 'f');
  MemorySource source(as_bytes(text));
  first->add({}, source);
  // The second one opened the file that has no name then.
  first->remove(1);
  first->compact(Compaction::all);
  MemorySource again(as_bytes("first"));
  first->add({}, again);
  first->commit();
  first.reset();
  others.clear();
  CHECK(fixture.image().objects().size() == 21);
  CHECK(fixture.image().problems().empty());
  CHECK(fixture.data(1) == "first");
  for (std::uint32_t id = 2; id <= 21; ++id) CHECK(fixture.data(id) == "of a thread");
}
