// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/image.h>
#include <sifkit/sif/image_editor.h>
#include <sifkit/sif/image_writer.h>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::testing;

namespace {

/// A small image with three objects, and places in it to change.
struct Sample {
  TempDir directory;
  std::string bytes;

  Sample() {
    const auto path = directory / "new.sif";
    write_file(path, "");
    File file = File::open_read_write(path);
    ImageWriter writer(file, {.launch_script = std::string(kLaunchScript), .time = 1000});
    Region& region = writer.begin({.type = DataType::partition});
    region.write_at(0, as_bytes("hsqs partition"));
    region.truncate(4096);
    writer.end(4096, encode_extra(Partition{FsType::squashfs, PartitionType::primary_system, "arm64"}));
    writer.add_before({.type = DataType::deffile}, as_bytes("bootstrap: x\n"));
    writer.add({.type = DataType::generic_json, .name = "data.json"}, as_bytes("{}"));
    CHECK(writer.finish() == file.size());
    bytes = read_file(path);
  }

  Image open(const std::string& changed) {
    write_file(directory / "changed.sif", changed);
    return Image::open(directory / "changed.sif");
  }

  /// The image with an integer replaced.
  template <class T>
  std::string with(std::size_t at, T value) const {
    std::string out = bytes;
    store_le(reinterpret_cast<std::byte*>(out.data() + at), value);
    return out;
  }
};

constexpr std::size_t kSlot = 4096;  // first descriptor

}  // namespace

TEST_CASE("what is written is read back", "[sif][image]") {
  Sample sample;
  const Image image = sample.open(sample.bytes);
  CHECK(image.problems().empty());
  CHECK(image.header().architecture == "arm64");
  CHECK(image.header().created == 1000);
  CHECK(image.header().descriptors_free == 45);
  CHECK(image.header().data_offset == 32176);
  CHECK(image.header().encode() == Bytes(as_bytes(sample.bytes).begin(), as_bytes(sample.bytes).begin() + 128));
  const auto objects = image.objects();
  REQUIRE(objects.size() == 3);
  CHECK(objects[0]->type == DataType::deffile);
  CHECK(objects[0]->offset == 32176);
  CHECK(objects[1]->offset == 32768);
  CHECK(objects[1]->size == 4096);
  CHECK(objects[1]->size_with_padding == 32768 - 32176 - 13 + 4096);
  CHECK(objects[2]->offset == 36864);
  CHECK(objects[2]->name() == "data.json");
  CHECK(as_text(image.read_data(*objects[0], 100)) == "bootstrap: x\n");
  CHECK(image.primary_partition() == objects[1]);
  CHECK(image.find(DataType::generic_json, "data.json") == objects[2]);
  CHECK(image.object(3).id == 3);
  CHECK(error_of([&] { image.object(4); })->kind() == ErrorKind::not_found);
  CHECK(error_of([&] { image.read_data(*objects[1], 4095); })->kind() == ErrorKind::limit);
}

TEST_CASE("objects that do not fit before the partition go behind it", "[sif][image]") {
  TempDir directory;
  write_file(directory / "x.sif", "");
  File file = File::open_read_write(directory / "x.sif");
  ImageWriter writer(file, {}, 100);
  writer.begin({.type = DataType::partition}).truncate(4096);
  writer.end(4096, encode_extra(Partition{FsType::squashfs, PartitionType::primary_system, "amd64"}));
  writer.add_before({.type = DataType::deffile}, as_bytes("small"));
  writer.add_before({.type = DataType::generic_json}, as_bytes(std::string(6000, 'x')));
  writer.finish();
  const Image image = Image::open(directory / "x.sif");
  CHECK(image.problems().empty());
  CHECK(image.object(1).offset == 32176);
  CHECK(image.object(2).offset == 36864);
  CHECK(image.object(3).offset == 32768);
  CHECK(image.header().is_deterministic());
}

TEST_CASE("what makes the table unreadable is refused before anything is allocated", "[sif][image][hostile]") {
  Sample sample;
  const auto refused = [&](const std::string& bytes, ErrorKind kind = ErrorKind::malformed) {
    const auto error = error_of([&] { sample.open(bytes); });
    CHECK(error.has_value());
    if (error) CHECK(error->kind() == kind);
  };
  refused(sample.bytes.substr(0, 1), ErrorKind::unsupported);  // text
  for (const std::size_t size : {0u, 33u, 127u, 128u, 4096u, 4097u, 32175u}) {
    INFO(size);
    refused(sample.bytes.substr(0, size));
  }
  refused("hsqs" + std::string(200, 'x'), ErrorKind::unsupported);
  refused(sample.with<std::int8_t>(32, 'x'));
  refused(sample.with<std::int8_t>(43, '2'));
  for (const std::int64_t total : {std::int64_t{-1}, std::int64_t{49}, std::int64_t{1} << 31, INT64_MAX, INT64_MIN}) refused(sample.with(88, total));
  for (const std::int64_t offset : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{127}, std::int64_t{1} << 40, INT64_MAX, INT64_MIN}) refused(sample.with(96, offset));
  for (const std::int64_t size : {std::int64_t{-1}, std::int64_t{28079}, INT64_MIN, INT64_MAX, std::int64_t{1} << 62, std::int64_t{1} << 40}) refused(sample.with(104, size));
}

TEST_CASE("a file that ends too early is called cut short, wherever it ends", "[sif][image][hostile]") {
  Sample sample;
  const auto message = [&](const std::string& bytes) {
    const auto error = error_of([&] {
      const Image image = sample.open(bytes);
      for (const auto* object : image.objects()) image.check_range(*object);
    });
    return error ? error->message() : "";
  };
  CHECK(message(sample.bytes.substr(0, 19))
            .ends_with("' is a script (it begins with '#!/usr/bin/env run-'), a SIF image was expected"));
  for (const std::size_t size : {20u, 31u, 32u, 33u, 40u})
    CHECK(message(sample.bytes.substr(0, size)) ==
          fmt::format("reading global header: the file is cut short: expected 128 bytes, the file has {}", size));
  CHECK(message(sample.bytes.substr(0, 60)) == "reading global header: the file is cut short: expected 128 bytes, the file has 60");
  CHECK(message(sample.bytes.substr(0, 128)) == "reading descriptors: the file is cut short: the table ends at byte 32176, the file has 128");
  CHECK(message(sample.bytes.substr(0, 32175)) == "reading descriptors: the file is cut short: the table ends at byte 32176, the file has 32175");
  const Image whole = sample.open(sample.bytes);
  for (const auto* object : whole.objects()) {
    CHECK_FALSE(whole.is_cut_short(*object));
    const auto end = static_cast<std::size_t>(object->offset + object->size);
    const Image cut = sample.open(sample.bytes.substr(0, end - 1));
    CHECK(cut.is_cut_short(cut.object(object->id)));
    CHECK_THAT(cut.damage(), ContainsSubstring(" is cut short: it ends at byte "));
  }
  // Where the header does not say so either, it is the descriptor that is wrong.
  CHECK_THAT(message(sample.with<std::int64_t>(kSlot + 25, std::int64_t{1} << 40)), ContainsSubstring("is past the end of the file"));
}

TEST_CASE("what is wrong with a descriptor is listed, and its data is not read", "[sif][image][hostile]") {
  Sample sample;
  const auto problem = [&](const std::string& bytes, const std::string& text) {
    const Image image = sample.open(bytes);
    INFO(text);
    REQUIRE_FALSE(image.problems().empty());
    std::string all;
    for (const auto& each : image.problems()) all += each + "\n";
    CHECK_THAT(all, ContainsSubstring(text));
  };
  problem(sample.with<std::int64_t>(80, 7), "free");
  problem(sample.with<std::int64_t>(112, 5000), "data offset");
  problem(sample.with<std::int64_t>(120, -1), "data size");
  problem(sample.with<std::uint32_t>(kSlot + 5, 0), "id 0");
  problem(sample.with<std::uint32_t>(kSlot + 5, 2), "several objects have the id 2");
  problem(sample.with<std::uint32_t>(kSlot + 9, 1), "has not its mark");
  problem(sample.with<std::uint32_t>(kSlot + 13, 9), "not there");
  problem(sample.with<std::uint32_t>(kSlot + 13, 1), "itself");
  for (const std::int64_t offset : {std::int64_t{-1}, std::int64_t{100}, std::int64_t{1} << 40, INT64_MAX}) problem(sample.with(kSlot + 17, offset), "object 1");
  for (const std::int64_t size : {std::int64_t{-1}, std::int64_t{1} << 40, INT64_MAX}) {
    const std::string bytes = sample.with(kSlot + 25, size);
    problem(bytes, "object 1");
    const Image image = sample.open(bytes);
    CHECK(error_of([&] { image.open_data(image.object(1)); })->kind() == ErrorKind::malformed);
  }
  problem(sample.with<std::int64_t>(kSlot + 17, 32768), "overlap");
  problem(sample.with<std::int8_t>(46, '2'), "the header says");
}

TEST_CASE("no single changed byte of header or table crashes the reader", "[sif][image][hostile]") {
  Sample sample;
  std::string changed = sample.bytes;
  write_file(sample.directory / "changed.sif", changed);
  const File file = File::open_read_write(sample.directory / "changed.sif");
  for (std::size_t at = 0; at < kSlot + 3 * kDescriptorSize; ++at) {
    if (at == kHeaderSize) at = kSlot;
    for (const std::byte value : {std::byte{0xff}, std::byte{0x80}, std::byte{1}}) {
      const std::byte before = as_bytes(sample.bytes)[at];
      file.write_at(at, {&value, 1});
      error_of([&] {
        const Image image = Image::open(sample.directory / "changed.sif");
        for (const auto* object : image.objects()) error_of([&] { image.read_data(*object, 1u << 20); });
      });
      file.write_at(at, {&before, 1});
    }
  }
  CHECK(sample.open(sample.bytes).problems().empty());
}

TEST_CASE("a table is read up to a limit, whatever a sparse file has room for", "[sif][image][hostile]") {
  Sample sample;
  const auto error_with = [&](std::int64_t total) {
    const auto path = sample.directory / "sparse.sif";
    const auto size = total * static_cast<std::int64_t>(kDescriptorSize);
    auto bytes = sample.with(88, total);
    store_le(reinterpret_cast<std::byte*>(bytes.data() + 104), size);
    write_file(path, bytes);
    std::filesystem::resize_file(path, static_cast<std::uint64_t>(4096 + size));
    return error_of([&] { Image::open(path); });
  };
  CHECK_FALSE(error_with(kMaxDescriptors).has_value());
  const auto error = error_with(std::int64_t{kMaxDescriptors} + 1);
  REQUIRE(error.has_value());
  CHECK(error->kind() == ErrorKind::limit);
  CHECK(error->message() == "reading descriptors: the table at offset 4096 has 65537 descriptors, the limit is 65536");
  const auto written = error_of([&] {
    create_image(sample.directory / "large.sif", {.capacity = kMaxDescriptors + 1}, Overwrite::no);
  });
  CHECK(written->kind() == ErrorKind::limit);
}

TEST_CASE("who reads beside an editor can ask whether what was read is still there", "[sif][image]") {
  Sample sample;
  const auto path = sample.directory / "edited.sif";
  write_file(path, sample.bytes);
  const Image image = Image::open(path);
  CHECK(image.is_unchanged());
  CHECK(image.still_has(image.object(3)));
  const auto add = [&] {
    ImageEditor editor(path);
    MemorySource source(as_bytes("{}"));
    const auto id = editor.add({.type = DataType::generic_json, .name = "data.json"}, source).id;
    editor.commit();
    return id;
  };
  REQUIRE(add() == 4);
  CHECK_FALSE(image.is_unchanged());
  CHECK(image.still_has(image.object(3)));
  {
    ImageEditor editor(path);
    editor.remove(3);
    editor.commit();
  }
  CHECK_FALSE(image.still_has(image.object(3)));
  // Another one of the same number, name and size.
  REQUIRE(add() == 3);
  CHECK_FALSE(image.still_has(image.object(3)));
  CHECK(image.still_has(image.object(2)));
  CHECK(Image::open(path).is_unchanged());
  std::filesystem::resize_file(path, 100);
  CHECK_FALSE(image.is_unchanged());
  CHECK_FALSE(image.still_has(image.object(2)));
}
