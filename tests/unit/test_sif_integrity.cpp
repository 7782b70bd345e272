// SPDX-License-Identifier: Apache-2.0
#include <sifkit/sif/integrity.h>

#include <map>

#include <sifkit/sif/image_writer.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::sif;
using namespace sifkit::testing;

namespace {

/// A folder with keys of every kind and a small unsigned image.
struct Desk {
  TempDir folder;

  std::string at(const std::string& name) const { return (folder / name).string(); }

  void shell(const std::string& command) const {
    const auto result = run_process({"sh", "-c", "cd '" + folder.path().string() + "' && " + command + " 2>/dev/null"}, {"PATH=/usr/bin:/bin", "HOME=" + folder.path().string()});
    REQUIRE(result.code == 0);
  }

  Desk() {
    shell("openssl genpkey -algorithm ed25519 -out ed25519.pem && openssl pkey -in ed25519.pem -pubout -out ed25519.pub");
    shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ecdsa.pem && openssl pkey -in ecdsa.pem -pubout -out ecdsa.pub");
    write_file(folder / "image.sif", "");
    File file = File::open_read_write(folder / "image.sif");
    ImageWriter writer(file, {.launch_script = std::string(kLaunchScript)});
    Region& region = writer.begin({.type = DataType::partition});
    region.write_at(0, as_bytes(std::string(1000, 'p')));
    writer.end(1000, encode_extra(Partition{FsType::squashfs, PartitionType::primary_system, "amd64"}));
    writer.add_before({.type = DataType::deffile}, as_bytes("bootstrap: x\n"));
    writer.add({.type = DataType::generic_json, .group = 2, .name = "other.json"}, as_bytes("{}"));
    writer.finish();
  }

  SigningKey key(const std::string& name, const std::string& passphrase = "") const {
    return {read_file(folder / name), name, "", [passphrase](std::string_view) { return passphrase; }};
  }

  TrustedKeys trusted(const std::vector<std::string>& names) const {
    TrustedKeys keys;
    for (const auto& name : names) keys.add_file(folder / name);
    return keys;
  }

  VerifyReport verified(const std::vector<std::string>& names, const VerifyOptions& options = {}) const {
    return verify(Image::open(folder / "image.sif"), trusted(names), options);
  }
};

ErrorKind failure_of(const VerifyReport& report) {
  REQUIRE(report.failure);
  return report.failure->kind();
}

}  // namespace

TEST_CASE("what is signed is verified, by the right key only", "[sif][integrity]") {
  Desk desk;
  CHECK(failure_of(desk.verified({"ed25519.pub"})) == ErrorKind::unsigned_image);
  const std::string kind = GENERATE("ed25519", "ecdsa");
  sign(desk.folder / "image.sif", desk.key(kind + ".pem"), {});
  const auto report = desk.verified({kind + ".pub"});
  CHECK_FALSE(report.failure);
  CHECK(report.covered == std::vector<std::uint32_t>{1, 2, 3});
  REQUIRE(report.signatures.size() == 2);
  CHECK(report.signatures[0].format == "DSSE");
  CHECK(report.signatures[0].objects == std::vector<std::uint32_t>{1, 2});
  CHECK(report.signatures[1].objects == std::vector<std::uint32_t>{3});
  CHECK(failure_of(desk.verified({kind == "ecdsa" ? "ed25519.pub" : "ecdsa.pub"})) == ErrorKind::untrusted);
  CHECK(failure_of(desk.verified({})) == ErrorKind::untrusted);
  CHECK(Image::open(desk.folder / "image.sif").problems().empty());
}

TEST_CASE("a signature is the same every time, where its algorithm allows it", "[sif][integrity]") {
  Desk one;
  write_file(one.folder / "again.sif", read_file(one.folder / "image.sif"));
  sign(one.folder / "image.sif", one.key("ed25519.pem"), {});
  sign(one.folder / "again.sif", one.key("ed25519.pem"), {});
  CHECK(read_file(one.folder / "image.sif") == read_file(one.folder / "again.sif"));
}

TEST_CASE("groups and objects may be signed and verified alone", "[sif][integrity]") {
  Desk desk;
  sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {.groups = {2}});
  CHECK_FALSE(desk.verified({"ed25519.pub"}, {.groups = {2}}).failure);
  CHECK(failure_of(desk.verified({"ed25519.pub"})) == ErrorKind::unsigned_image);
  CHECK(desk.verified({"ed25519.pub"}).not_covered == std::vector<std::uint32_t>{1, 2});
  sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {.objects = {2}});
  CHECK_FALSE(desk.verified({"ed25519.pub"}, {.objects = {2}}).failure);
  // A part of a group does not stand for the whole.
  CHECK(failure_of(desk.verified({"ed25519.pub"}, {.groups = {1}})) == ErrorKind::tampered);
  CHECK(failure_of(desk.verified({"ed25519.pub"}, {.groups = {7}})) == ErrorKind::not_found);
  CHECK(error_of([&] { sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {.groups = {7}}); })->kind() == ErrorKind::not_found);
}

TEST_CASE("two signatures must both hold", "[sif][integrity]") {
  Desk desk;
  sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {});
  sign(desk.folder / "image.sif", desk.key("ecdsa.pem"), {});
  CHECK_FALSE(desk.verified({"ed25519.pub", "ecdsa.pub"}).failure);
  const auto half = desk.verified({"ecdsa.pub"});
  CHECK(failure_of(half) == ErrorKind::untrusted);
  CHECK(half.signatures.size() == 4);
  CHECK(half.signatures[2].verdict == Verdict::valid);
}

TEST_CASE("an object added to a signed group is found", "[sif][integrity]") {
  Desk desk;
  sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {});
  const File file = File::open_read_write(desk.folder / "image.sif");
  // Object 3 moves into group 1.
  Bytes group(4);
  store_le(group.data(), std::uint32_t{1} | kGroupMask);
  file.write_at(kDescriptorsOffset + 2 * kDescriptorSize + 9, group);
  CHECK(failure_of(desk.verified({"ed25519.pub"})) == ErrorKind::tampered);
}

TEST_CASE("every changed byte is found, but for those that the format does not protect", "[sif][integrity][tamper]") {
  Desk desk;
  sign(desk.folder / "image.sif", desk.key("ed25519.pem"), {});
  const std::string whole = read_file(desk.folder / "image.sif");
  const File file = File::open_read_write(desk.folder / "image.sif");
  const Image image = Image::open(desk.folder / "image.sif");

  // docs/formats.md: architecture, times and counters of the header; places, groups and change times of objects.
  const auto unprotected = [&](std::size_t at) {
    if (at < kHeaderSize) return at >= 45 && (at < 48 || at >= 64);
    if (at < kDescriptorsOffset) return true;
    const std::size_t table_end = kDescriptorsOffset + 48 * kDescriptorSize;
    if (at < table_end) {
      const std::size_t slot = (at - kDescriptorsOffset) / kDescriptorSize;
      const std::size_t field = (at - kDescriptorsOffset) % kDescriptorSize;
      if (slot >= image.objects().size()) return true;
      // A signature is bound by its link and its bytes only. Ids count from the first of their group, so the id of the
      // only member says nothing.
      if (image.slots()[slot].type == DataType::signature) return field >= 33 || (field >= 4 && field < 9) || field == 12;
      if (image.slots()[slot].group() == 2 && field >= 5 && field < 9) return true;
      return (field >= 9 && field < 13) || (field >= 17 && field < 25) || (field >= 33 && field < 41) || (field >= 49 && field < 57) || field == 4;
    }
    for (const auto* object : image.objects()) {
      const auto offset = static_cast<std::size_t>(object->offset);
      if (at >= offset && at < offset + static_cast<std::size_t>(object->size)) return false;
    }
    return true;
  };
  std::size_t missed = 0;
  const auto keys = desk.trusted({"ed25519.pub"});
  for (std::size_t at = 0; at < whole.size(); ++at) {
    if (unprotected(at)) continue;
    const std::byte changed = as_bytes(whole)[at] ^ std::byte{0x40};
    file.write_at(at, {&changed, 1});
    bool noticed = true;
    try {
      noticed = verify(Image::open(desk.folder / "image.sif"), keys, {}).failure.has_value();
    } catch (const Error&) {
      // What is no image any more is noticed, too.
    }
    if (!noticed) {
      ++missed;
      UNSCOPED_INFO("byte " << at);
    }
    const std::byte before = as_bytes(whole)[at];
    file.write_at(at, {&before, 1});
  }
  CHECK(missed == 0);
  CHECK_FALSE(desk.verified({"ed25519.pub"}).failure);
}

TEST_CASE("an image that cannot be signed stays as it was", "[sif][integrity]") {
  Desk desk;
  const std::string before = read_file(desk.folder / "image.sif");
  desk.shell("openssl genpkey -algorithm ed25519 -aes-256-cbc -pass pass:secret -out locked.pem");
  CHECK(error_of([&] { sign(desk.folder / "image.sif", desk.key("locked.pem", "wrong"), {}); }).has_value());
  CHECK(error_of([&] { sign(desk.folder / "image.sif", desk.key("ed25519.pub"), {}); }).has_value());
  CHECK(read_file(desk.folder / "image.sif") == before);
  CHECK_NOTHROW(sign(desk.folder / "image.sif", desk.key("locked.pem", "secret"), {}));
}
