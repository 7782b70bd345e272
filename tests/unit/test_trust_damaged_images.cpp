// SPDX-License-Identifier: Apache-2.0
//
// One field of a signed image changed at a time: what is said of it, whether it verifies, and whether it may be edited.
#include <functional>

#include <sifkit/sif/image_editor.h>

#include "support/errors.h"
#include "support/sign_fixture.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::trust;
using namespace sifkit::testing;

namespace {

constexpr ErrorKind kHolds = ErrorKind::cancelled;  ///< verification has nothing against it
constexpr std::int64_t kHuge = std::int64_t{1} << 62;

/// SignFixture's image, signed: 1 definition file, 2 partition and 4 signature of group 1, 3 JSON and 5 signature of group 2.
struct SignedImage : SignFixture {
  std::string bytes;

  SignedImage() {
    sign(key("ed25519.pem"));
    bytes = read_file(directory / "image.sif");
  }

  static std::size_t slot(unsigned id) { return kDescriptorsOffset + (id - 1) * kDescriptorSize; }

  template <class Integer>
  void put(std::size_t at, Integer value) {
    std::array<std::byte, sizeof value> raw{};
    store_le(raw.data(), value);
    bytes.replace(at, raw.size(), as_text(raw));
  }
  void put_group(unsigned id, std::uint32_t raw) { put(slot(id) + 9, raw); }
  void put_offset(unsigned id, std::int64_t offset) { put(slot(id) + 17, offset); }
  void put_size(unsigned id, std::int64_t size) { put(slot(id) + 25, size); }

  /// Another object with the same descriptor, but for its id.
  void repeat(unsigned id, unsigned as) {
    bytes.replace(slot(as), kDescriptorSize, bytes.substr(slot(id), kDescriptorSize));
    put(slot(as) + 5, as);
  }

  Image open() const {
    write_file(directory / "image.sif", bytes);
    return Image::open(directory / "image.sif");
  }
};

struct Damage {
  const char* what;
  std::function<void(SignedImage&)> make;
  const char* problem;  ///< a part of what is listed; nullptr: nothing is
  ErrorKind verdict;
  bool may_add;
};

const std::vector<Damage>& damages() {
  static const std::vector<Damage> all{
      // Not covered by signatures, and harmless.
      {"header: another architecture", [](auto& i) { i.bytes[46] = '4'; }, "the primary partition is for amd64, the header says arm64", kHolds, true},
      {"header: an architecture that nobody knows", [](auto& i) { i.bytes.replace(45, 3, "99\0", 3); }, "the header says unknown", kHolds, true},
      {"header: created before time", [](auto& i) { i.put(64, std::int64_t{-1}); }, nullptr, kHolds, true},
      {"header: modified after time", [](auto& i) { i.put(72, kHuge); }, "header: modified 4611686018427387904 s after 1970, which is no time of the years 1 to 9999", kHolds, true},
      {"modified after time", [](auto& i) { i.put(i.slot(2) + 49, kHuge); }, "object 2: modified 4611686018427387904 s after 1970", kHolds, true},
      {"created before all years", [](auto& i) { i.put(i.slot(2) + 41, INT64_MIN); }, "object 2: created -9223372036854775808 s after 1970", ErrorKind::tampered, true},
      {"header: data size negative", [](auto& i) { i.put(120, std::int64_t{-1}); }, "data size -1 is negative", kHolds, true},
      {"header: data size huge", [](auto& i) { i.put(120, kHuge); }, "is past the end of the file", kHolds, true},
      {"header: data offset negative", [](auto& i) { i.put(112, std::int64_t{-1}); }, "data offset -1 lies on the header", kHolds, false},
      {"header: data offset on the table", [](auto& i) { i.put(112, std::int64_t{4097}); }, "before the end of the descriptor table", kHolds, false},
      {"header: data offset huge", [](auto& i) { i.put(112, kHuge); }, "data offset 4611686018427387904 is past the end of the file", kHolds, false},
      {"header: too many free", [](auto& i) { i.put(80, kHuge); }, "header: it says that 4611686018427387904 of 48 descriptors are free", kHolds, false},
      {"header: one free descriptor too many", [](auto& i) { i.put(80, std::int64_t{44}); }, "header: 43 of 48 descriptors are free, it says 44", kHolds, true},
      {"header: fewer than none free", [](auto& i) { i.put(80, std::int64_t{-1}); }, "header: it says that -1 of 48 descriptors are free", kHolds, false},
      {"header: the table ends early", [](auto& i) { i.put(88, std::int64_t{5}); }, "5 descriptors take 2925 bytes, it says 28080", kHolds, false},
      {"header: the table is long", [](auto& i) { i.put(104, std::int64_t{28081}); }, "48 descriptors take 28080 bytes, it says 28081", kHolds, true},
      {"size with padding negative", [](auto& i) { i.put(i.slot(2) + 33, std::int64_t{-1}); }, "size with padding -1 is negative", kHolds, true},
      {"size with padding less than the size", [](auto& i) { i.put(i.slot(2) + 33, std::int64_t{999}); }, "size with padding 999 is less than its size 1000", kHolds, true},
      {"size with padding huge", [](auto& i) { i.put(i.slot(2) + 33, kHuge); }, "object 2: size with padding 4611686018427387904 is more than there is room for", kHolds, true},
      // The header's own digest.
      {"launch script without an end", [](auto& i) { i.bytes.replace(0, 32, std::string(32, 'x')); }, nullptr, ErrorKind::tampered, true},
      // What a descriptor says.
      {"no group", [](auto& i) { i.put_group(2, 0); }, nullptr, ErrorKind::tampered, true},
      {"no group, with its mark", [](auto& i) { i.put_group(2, kGroupMask); }, nullptr, ErrorKind::tampered, true},
      {"the last group", [](auto& i) { i.put_group(2, 0xffffffffu); }, nullptr, ErrorKind::tampered, true},
      {"moved to another group", [](auto& i) { i.put_group(3, kGroupMask | 1); }, "links to group 2, which is not there", ErrorKind::tampered, true},
      {"the id of another", [](auto& i) { i.put(i.slot(1) + 5, 2u); }, "several objects have the id 2", ErrorKind::malformed, false},
      {"the id 0", [](auto& i) { i.put(i.slot(1) + 5, 0u); }, "an object has the id 0", ErrorKind::tampered, true},
      {"an id that no table gives", [](auto& i) { i.put(i.slot(3) + 5, ~0u); }, "an object has the id 4294967295, for which no table has a place", ErrorKind::malformed, false},
      {"another link", [](auto& i) { i.put(i.slot(1) + 13, 2u); }, nullptr, ErrorKind::tampered, true},
      {"control characters in a name", [](auto& i) { i.bytes.replace(i.slot(3) + 73, 6, "\x1b[31m\x07"); }, nullptr, ErrorKind::tampered, true},
      {"a name that is not UTF-8", [](auto& i) { i.bytes.replace(i.slot(3) + 73, 2, "\xff\xfe"); }, nullptr, ErrorKind::tampered, true},
      {"another file system", [](auto& i) { i.put(i.slot(2) + 201, 0); }, nullptr, ErrorKind::tampered, true},
      {"no longer primary", [](auto& i) { i.put(i.slot(2) + 205, 1); }, nullptr, ErrorKind::tampered, true},
      {"an unknown type", [](auto& i) { i.put(i.slot(2), -1); }, nullptr, ErrorKind::tampered, true},
      {"marked as unused", [](auto& i) { i.bytes[i.slot(1) + 4] = 0; }, "of 48 descriptors are free", ErrorKind::tampered, true},
      {"a second primary partition", [](auto& i) { i.repeat(2, 6); }, "2 primary system partitions", ErrorKind::tampered, false},
      {"an object more in the group", [](auto& i) { i.repeat(1, 6); }, "overlap", ErrorKind::tampered, false},
      // Where its data is.
      {"offset negative", [](auto& i) { i.put_offset(2, -1); }, "is negative", ErrorKind::tampered, false},
      {"offset behind the file", [](auto& i) { i.put_offset(2, kHuge); }, "is past the end of the file", ErrorKind::tampered, false},
      {"offset on the table", [](auto& i) { i.put_offset(2, 5000); }, "lies on the descriptor table", ErrorKind::tampered, false},
      {"offset one less", [](auto& i) { i.put_offset(2, 32767); }, nullptr, ErrorKind::tampered, true},
      {"the data of another", [](auto& i) { i.put_offset(1, 32768); }, "overlap", ErrorKind::tampered, false},
      {"size 0", [](auto& i) { i.put_size(2, 0); }, nullptr, ErrorKind::tampered, true},
      {"size negative", [](auto& i) { i.put_size(2, INT64_MIN); }, "is negative", ErrorKind::tampered, false},
      {"size one less", [](auto& i) { i.put_size(2, 999); }, nullptr, ErrorKind::tampered, true},
      {"size huge", [](auto& i) { i.put_size(2, kHuge); }, "is past the end of the file", ErrorKind::tampered, false},
      {"one bit of data", [](auto& i) { i.bytes[32768 + 999] ^= 1; }, nullptr, ErrorKind::tampered, true},
      {"the last byte is missing", [](auto& i) { i.bytes.pop_back(); }, "object 5 is cut short: it ends at byte", ErrorKind::malformed, false},
      {"half of the file is missing", [](auto& i) { i.bytes.resize(33000); }, "object 2 is cut short: it ends at byte 33768, the file has 33000", ErrorKind::malformed, false},
      // Signatures.
      {"an empty signature", [](auto& i) { i.put_size(5, 0); }, nullptr, ErrorKind::tampered, true},
      {"a signature of a group that is not there", [](auto& i) { i.put(i.slot(4) + 13, kGroupMask | 9); }, "links to group 9, which is not there", ErrorKind::unsigned_image, true},
      {"a group that has lost its signature", [](auto& i) { i.bytes[i.slot(5) + 4] = 0; }, "of 48 descriptors are free", ErrorKind::unsigned_image, true},
      {"a second signature that is none", [](auto& i) { i.repeat(4, 6); i.put_offset(6, 32768); i.put_size(6, 100); }, "overlap", ErrorKind::tampered, false},
      {"an unknown hash", [](auto& i) { i.put(i.slot(4) + 201, 99); }, nullptr, ErrorKind::tampered, true},
      {"a fingerprint for a PEM key", [](auto& i) { i.bytes.replace(i.slot(4) + 205, 4, "abcd"); }, nullptr, kHolds, true},
  };
  return all;
}

}  // namespace

TEST_CASE("what is wrong with an image is said, found by verify, and in the way of edits that it makes unsafe", "[trust][integrity][hostile]") {
  SignedImage image;
  const std::string sound = image.bytes;
  REQUIRE(image.open().problems().empty());
  REQUIRE_FALSE(image.verified({"ed25519.pub"}).failure);
  for (const auto& damage : damages()) {
    INFO(damage.what);
    image.bytes = sound;
    damage.make(image);
    std::string problems;
    const Image damaged = image.open();
    for (const auto& each : damaged.problems()) problems += each + "\n";
    if (damage.problem == nullptr) {
      CHECK(problems.empty());
    } else {
      CHECK_THAT(problems, ContainsSubstring(damage.problem));
    }

    ErrorKind found = kHolds;
    const auto error = error_of([&] {
      const auto report = image.verified({"ed25519.pub"});
      if (report.failure) found = report.failure->kind();
    });
    CHECK(to_string(error ? error->kind() : found) == to_string(damage.verdict));

    const auto refusal = error_of([&] {
      ImageEditor editor(image.directory / "image.sif");
      MemorySource data(as_bytes("more"));
      editor.add({.type = DataType::generic}, data);
      editor.commit();
    });
    CHECK(refusal.has_value() == !damage.may_add);
    if (refusal) CHECK(read_file(image.directory / "image.sif") == image.bytes);
  }
}

TEST_CASE("of thousands of flaws some are said, and of thousands of signatures none is looked at", "[trust][integrity][hostile]") {
  SignedImage image;
  constexpr unsigned kMany = 10'000;
  const auto table = image.bytes.size();
  image.bytes.resize(table + kMany * kDescriptorSize);
  for (unsigned i = 0; i < kMany; ++i) {
    const auto at = table + i * kDescriptorSize;
    image.bytes.replace(at, kDescriptorSize, image.bytes.substr(SignedImage::slot(std::min(i + 1, 4u)), kDescriptorSize));
    image.put(at + 5, i + 1);
  }
  image.put(88, std::int64_t{kMany});
  image.put(96, static_cast<std::int64_t>(table));
  image.put(104, static_cast<std::int64_t>(kMany * kDescriptorSize));
  const Image opened = image.open();
  REQUIRE(opened.problems().size() == 101);
  CHECK(opened.problems().back() == "and 9898 more");
  const auto error = error_of([&] { image.verified({"ed25519.pub"}); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(error->message(), ContainsSubstring("9997 signature objects are over the limit of 64"));
}

TEST_CASE("a full table takes no signature, stays as it was, and the error says what helps", "[trust][integrity]") {
  SignFixture fixture;
  {
    ImageEditor editor(fixture.directory / "image.sif");
    for (int i = 0; i < 45; ++i) {
      MemorySource data(as_bytes("x"));
      editor.add({.type = DataType::generic, .group = 2}, data);
    }
    editor.commit();
  }
  const std::string before = read_file(fixture.directory / "image.sif");
  const auto error = error_of([&] { fixture.sign(fixture.key("ed25519.pem")); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(error->hint().text(), ContainsSubstring("all 48 descriptors are in use"));
  CHECK(read_file(fixture.directory / "image.sif") == before);
}
