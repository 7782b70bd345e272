// SPDX-License-Identifier: Apache-2.0
//
// Edits that fail, that are killed and that lose power, at every moment: the image is the old one or the new one.
#include <sifkit/sif/image_editor.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include <sys/wait.h>
#include <unistd.h>

#include <sifkit/core/digest.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/file_faults.h"
#include "support/sif_view.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::testing;

namespace {

struct Case {
  const char* name;
  void (*edit)(ImageEditor&);
};

void add(ImageEditor& editor, const ObjectSpec& spec, const std::string& data) {
  MemorySource source(as_bytes(data));
  editor.add(spec, source);
}

const Case kCases[] = {
    {"add", [](ImageEditor& editor) { add(editor, {.name = "new"}, std::string(2'500'000, 'n')); }},
    {"add two", [](ImageEditor& editor) { add(editor, {.name = "one"}, "1"); add(editor, {.type = DataType::oci_blob}, "two"); }},
    {"remove", [](ImageEditor& editor) { editor.remove(2); }},
    {"remove, zero and cut", [](ImageEditor& editor) { editor.remove(3, Erase::yes); editor.compact(Compaction::tail); }},
    {"replace", [](ImageEditor& editor) { editor.remove(1, Erase::yes); add(editor, {}, "replacement"); }},
    {"set", [](ImageEditor& editor) { editor.set_primary(3); editor.set_name(1, "renamed"); }},
    {"compact", [](ImageEditor& editor) { editor.remove(1); editor.compact(Compaction::all); }},
};

/// An image with used and freed room, the last of it at the end of the file, and one edit of it.
struct EditorFaultFixture {
  TempDir directory;
  std::filesystem::path path = directory / "image.sif";
  const Case& chosen;
  std::string before;
  std::string before_view;
  std::string after;
  std::string after_view;

  explicit EditorFaultFixture(const Case& edit) : chosen(edit) {
    const FileFaults none;
    create_image(path, {}, Overwrite::no);
    ImageEditor editor(path);
    add(editor, {.type = DataType::deffile}, "definition");
    add(editor, {.type = DataType::partition, .extra = encode_extra(Partition{FsType::squashfs, PartitionType::primary_system, "amd64"})}, std::string(9000, 'p'));
    add(editor, {.type = DataType::partition, .extra = encode_extra(Partition{FsType::ext3, PartitionType::system, "arm64"})}, std::string(3000, 'q'));
    add(editor, {}, "freed");
    editor.commit();
    ImageEditor again(path);
    again.remove(4);
    again.commit();
    before = read_file(path);
    before_view = view_of(path);
    run();
    after = read_file(path);
    after_view = view_of(path);
    REQUIRE(before_view != after_view);
  }

  /// A new file: rewriting one that is there may be synced by the file system, hundreds of times.
  void put(const std::string& bytes) const {
    std::filesystem::remove(path);
    write_file(path, bytes);
  }

  void run() const {
    ImageEditor editor(path, {.time = kNoTime});
    chosen.edit(editor);
    editor.commit();
  }

  /// A program that died has left this: it has to be the old image or the new one, and to be of use for the next edit.
  void check_remains() const {
    const FileFaults none;  // and no waiting for syncs
    const auto view = view_of(path);
    const bool old = view == before_view;
    CHECK((old || view == after_view));
    const Image image = Image::open(path);
    for (const auto& problem : image.problems()) CHECK_THAT(problem, ContainsSubstring("interrupted"));
    { ImageEditor repairs(path); }
    CHECK(view_of(path) == view);
    CHECK(Image::open(path).problems().empty());
    if (old) {
      run();
      CHECK(view_of(path) == after_view);
    }
  }
};

/// Runs `body` in a child; true when it was killed.
template <class Body>
bool dies(Body&& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      body();
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) return true;
  REQUIRE(WEXITSTATUS(status) == 0);
  return false;
}

/// The file of a program that died when the header had turned to the copy of the table.
std::string left_by_death(const EditorFaultFixture& fixture) {
  for (std::size_t call = 1;; ++call) {
    fixture.put(fixture.before);
    REQUIRE(dies([&] {
      FileFaults faults;
      faults.die_at(call, FileFaults::Moment::after);
      fixture.run();
    }));
    if (Image::open(fixture.path).header().descriptors_offset > static_cast<std::int64_t>(kDescriptorsOffset))
      return read_file(fixture.path);
  }
}

}  // namespace

TEST_CASE("an edit that fails at any call leaves the old image or the new one", "[sif][editor][faults]") {
  const auto& chosen = GENERATE(from_range(std::begin(kCases), std::end(kCases)));
  const bool lasting = GENERATE(false, true);
  const int error_number = GENERATE(EIO, ENOSPC);
  const EditorFaultFixture fixture(chosen);
  CAPTURE(chosen.name, lasting, error_number);
  std::size_t failed = 0;
  for (std::size_t call = 1;; ++call) {
    fixture.put(fixture.before);
    CAPTURE(call);
    std::optional<Error> error;
    bool reached = false;
    {
      FileFaults faults;
      faults.fail_at(call, error_number, lasting);
      error = error_of([&] { fixture.run(); });
      reached = faults.reached();
    }
    if (!reached) break;
    if (!error) {
      // Where one way fails there may be another.
      CHECK(read_file(fixture.path) == fixture.after);
      continue;
    }
    ++failed;
    CHECK(error->kind() == (error_number == ENOSPC ? ErrorKind::no_space : ErrorKind::io));
    if (!lasting && view_of(fixture.path) == fixture.before_view) CHECK(read_file(fixture.path) == fixture.before);
    fixture.check_remains();
    CHECK(fixture.directory.entry_count() == 1);
  }
  CHECK(failed >= 3);
}

TEST_CASE("an edit that is killed at any call leaves the old image or the new one", "[sif][editor][faults]") {
  const auto& chosen = GENERATE(from_range(std::begin(kCases), std::end(kCases)));
  const auto moment = GENERATE(FileFaults::Moment::before, FileFaults::Moment::halfway, FileFaults::Moment::after);
  const EditorFaultFixture fixture(chosen);
  CAPTURE(chosen.name, static_cast<int>(moment));
  std::size_t call = 1;
  for (;; ++call) {
    fixture.put(fixture.before);
    CAPTURE(call);
    const bool killed = dies([&] {
      FileFaults faults;
      faults.die_at(call, moment);
      fixture.run();
    });
    if (!killed) break;
    fixture.check_remains();
  }
  CHECK(call > 5);
  CHECK(read_file(fixture.path) == fixture.after);
}

TEST_CASE("an edit that loses power at any moment leaves the old image or the new one", "[sif][editor][faults]") {
  using Kind = FileFaults::Operation::Kind;
  // Compaction writes another file; what it renames has been synced.
  const auto& chosen = GENERATE(from_range(std::begin(kCases), std::end(kCases) - 1));
  const EditorFaultFixture fixture(chosen);
  CAPTURE(chosen.name);
  std::vector<FileFaults::Operation> operations;
  fixture.put(fixture.before);
  {
    FileFaults faults;
    fixture.run();
    operations = faults.operations();
  }
  REQUIRE(read_file(fixture.path) == fixture.after);

  constexpr std::size_t kSector = 512;
  std::mt19937 random(7);
  const auto write = [](std::string& disk, std::size_t offset, std::string_view bytes) {
    if (disk.size() < offset + bytes.size()) disk.resize(offset + bytes.size());
    disk.replace(offset, bytes.size(), bytes);
  };
  // What is not synced yet is on the disk in any part, sector by sector.
  const auto apply = [&](std::string& disk, const FileFaults::Operation& operation, unsigned percent) {
    if (operation.kind == Kind::truncate) {
      if (random() % 100 < percent) disk.resize(operation.offset);
      return;
    }
    for (std::size_t at = 0; at < operation.bytes.size();) {
      const std::size_t end = std::min(operation.bytes.size(), (operation.offset + at) / kSector * kSector + kSector - operation.offset);
      if (random() % 100 < percent) write(disk, operation.offset + at, std::string_view(operation.bytes).substr(at, end - at));
      at = end;
    }
  };
  std::string synced = fixture.before;
  std::size_t first = 0;
  for (std::size_t count = 0; count <= operations.size(); ++count) {
    for (const unsigned percent : {0u, 10u, 50u, 90u, 100u}) {
      std::string disk = synced;
      for (std::size_t i = first; i < count; ++i) apply(disk, operations[i], percent);
      fixture.put(disk);
      CAPTURE(count, percent);
      fixture.check_remains();
    }
    if (count < operations.size() && operations[count].kind == Kind::sync) {
      for (std::size_t i = first; i < count; ++i) apply(synced, operations[i], 100);
      first = count + 1;
    }
  }
}

TEST_CASE("the table has its room before the header leaves it", "[sif][editor][faults]") {
  // It may lie in a hole of the file: on a full disk, neither it nor what undoes the edit could be written then.
  const EditorFaultFixture fixture(kCases[2]);
  fixture.put(fixture.before);
  std::vector<FileFaults::Operation> operations;
  {
    FileFaults faults;
    fixture.run();
    operations = faults.operations();
  }
  const auto writes_to = [](std::uint64_t offset) {
    return [offset](const FileFaults::Operation& operation) {
      return operation.kind == FileFaults::Operation::Kind::write && operation.offset == offset;
    };
  };
  const auto turned = std::find_if(operations.begin(), operations.end(), writes_to(0));
  REQUIRE(turned != operations.end());
  const auto roomy = std::find_if(operations.begin(), turned, writes_to(kDescriptorsOffset));
  REQUIRE(roomy != turned);
  CHECK(roomy->bytes == fixture.before.substr(kDescriptorsOffset, kDefaultCapacity * kDescriptorSize));
}

TEST_CASE("the record of an interrupted edit is followed only where the image says the same", "[sif][editor][faults][hostile]") {
  const EditorFaultFixture fixture(kCases[2]);
  const auto left = left_by_death(fixture);
  const auto table = static_cast<std::size_t>(Image::open(fixture.path).header().descriptors_offset);
  REQUIRE(table == fixture.before.size());
  REQUIRE(left.size() > table);
  const std::size_t record = table + 3 * kDescriptorSize;

  std::size_t ignored = 0;
  for (std::size_t at = table; at < left.size(); at += at < record ? 7 : at < table + 3000 ? 1 : 97) {
    const FileFaults none;  // and no waiting for syncs
    auto bytes = left;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
    fixture.put(bytes);
    const auto view = error_of([&] { view_of(fixture.path); }) ? std::string() : view_of(fixture.path);
    const auto error = error_of([&] { ImageEditor repairs(fixture.path); });
    if (error || view.empty()) continue;
    CHECK(view_of(fixture.path) == view);
    if (at < record) continue;
    CHECK((read_file(fixture.path) == bytes));
    ++ignored;
  }
  CHECK(ignored > 1000);
  // Undisturbed it is undone.
  fixture.put(left);
  { ImageEditor repairs(fixture.path); }
  CHECK(read_file(fixture.path) == fixture.before);
}

TEST_CASE("the record of an interrupted edit is not followed into damage", "[sif][editor][faults][hostile]") {
  const EditorFaultFixture fixture(kCases[0]);
  const auto left = left_by_death(fixture);
  const auto table = static_cast<std::size_t>(Image::open(fixture.path).header().descriptors_offset);
  const auto end = fixture.before.size();
  constexpr std::size_t kTableSize = kDefaultCapacity * kDescriptorSize;
  REQUIRE(table > end + kTableSize);
  const std::size_t record = table + 3 * kDescriptorSize;
  const std::size_t in_record = record + 16 + 8 + 8;  // magic, file size, table size
  const std::size_t digest = in_record + kHeaderSize + kTableSize;
  // Whoever writes a record writes its digest, too.
  const auto put_record = [&](const Header& header, std::uint64_t file_size) {
    const FileFaults none;  // and no waiting for syncs
    auto bytes = left;
    ByteWriter size;
    size.le(file_size);
    bytes.replace(record + 16, 8, as_text(size.bytes()));
    bytes.replace(in_record, kHeaderSize, as_text(header.encode()));
    Hasher hasher;
    hasher.update(as_bytes(std::string_view(bytes).substr(record, digest - record)));
    const auto raw = hasher.finish_raw();
    bytes.replace(digest, raw.size(), std::string(reinterpret_cast<const char*>(raw.data()), raw.size()));
    fixture.put(bytes);
    { ImageEditor repairs(fixture.path); }
    return read_file(fixture.path) == bytes;
  };
  const auto genuine = Header::decode(as_bytes(std::string_view(left).substr(in_record, kHeaderSize)));
  CHECK_FALSE(put_record(genuine, end));
  // Bytes behind the last object are no part of it.
  const auto undone = view_of(fixture.path);
  fixture.put(fixture.before);
  CHECK(undone == view_of(fixture.path));
  Header changed = genuine;
  for (const std::int64_t free : {std::int64_t{-7}, static_cast<std::int64_t>(kDefaultCapacity) + 1}) {
    changed.descriptors_free = free;
    CHECK(put_record(changed, end));
  }
  changed = genuine;
  changed.descriptors_offset = static_cast<std::int64_t>(end);
  CHECK(put_record(changed, table));
}

TEST_CASE("what another program does to an image with an interrupted edit stays", "[sif][editor][faults]") {
  const EditorFaultFixture fixture(kCases[0]);
  const auto left = left_by_death(fixture);
  const auto header = Image::open(fixture.path).header();
  const auto table = static_cast<std::size_t>(header.descriptors_offset);
  const auto end = fixture.before.size();
  REQUIRE(table > end + 1000);
  const auto with = [&](const Header& changed, std::size_t slot, const Bytes& descriptor) {
    auto bytes = left;
    bytes.replace(0, kHeaderSize, as_text(changed.encode()));
    bytes.replace(table + slot * kDescriptorSize, kDescriptorSize, as_text(descriptor));
    return bytes;
  };
  const auto put_back = [&](const std::string& bytes, std::size_t size) {
    const FileFaults none;
    fixture.put(bytes);
    const auto view = view_of(fixture.path);
    { ImageEditor repairs(fixture.path); }
    CHECK(view_of(fixture.path) == view);
    const Image image = Image::open(fixture.path);
    CHECK(image.header().descriptors_offset == static_cast<std::int64_t>(kDescriptorsOffset));
    CHECK(image.problems().empty());
    CHECK(image.file_size() == size);
    fixture.run();  // and the next edit goes on
    CHECK(Image::open(fixture.path).problems().empty());
  };
  const Descriptor first = Image::open(fixture.path).object(1);

  Header changed = header;
  changed.modified = 5;
  put_back(with(changed, 0, first.encode()), end);
  // An object goes, as it does with siftool.
  changed.descriptors_free = 1;
  put_back(with(changed, 0, Bytes(kDescriptorSize)), end);
  // Another one takes its slot, and the place behind the last object.
  Descriptor added = first;
  added.offset = static_cast<std::int64_t>(end);
  added.size = added.size_with_padding = 700;
  changed.descriptors_free = 0;
  changed.data_size = added.offset + added.size - changed.data_offset;
  put_back(with(changed, 0, added.encode()), end + 700);
  // What lies where the table was does not lose its bytes to it.
  added.offset = static_cast<std::int64_t>(kDescriptorsOffset) + 1000;
  const auto bytes = with(changed, 0, added.encode());
  fixture.put(bytes);
  { ImageEditor repairs(fixture.path); }
  CHECK((read_file(fixture.path) == bytes));
}
