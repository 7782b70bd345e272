// SPDX-License-Identifier: Apache-2.0
//
// Images that are cut short or lie about themselves, by every verb.
#include <set>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image_editor.h>

#include "support/cli_run.h"
#include "support/fault_fixture.h"
#include "support/image_shapes.h"
#include "support/verify_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("verify looks at an image with two primary partitions and an object that is nowhere", "[cli][verify][hostile]") {
  const VerifyFixture fixture;
  {
    sif::ImageEditor editor(fixture.image);
    MemorySource data(as_bytes("overlay"));
    editor.add({.type = sif::DataType::partition, .group = 1, .extra = encode_extra(sif::Partition{sif::FsType::ext3, sif::PartitionType::overlay, "arm64"})}, data);
    editor.set_extra(4, encode_extra(sif::Partition{sif::FsType::squashfs, sif::PartitionType::primary_system, "arm64"}));
    editor.commit();
  }
  const auto signed_one = run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image});
  CHECK(signed_one.code == 0);
  const auto result = run_cli({"verify", "--key", fixture.at("ed25519.pub"), fixture.image});
  CHECK(result.code == 0);
  CHECK_THAT(result.out, ContainsSubstring("NOT the partition's"));
  CHECK_THAT(result.err, ContainsSubstring("2 primary system partitions"));

  auto bytes = read_file(fixture.image);
  for (const std::size_t field : {17u, 25u}) store_le(reinterpret_cast<std::byte*>(bytes.data() + 4096 + 3 * 585 + field), INT64_MAX);
  write_file(fixture.image, bytes);
  CHECK(run_cli({"verify", "--key", fixture.at("ed25519.pub"), fixture.image}).code == 15);
}

TEST_CASE("verify says of each object what became of it, and of a file that ends early that it is cut short",
          "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  const auto sound = read_file(fixture.image);
  const auto verified = [&] { return run_cli({"verify", "--key", fixture.at("ed25519.pub"), fixture.image}); };
  auto bytes = sound;
  bytes[static_cast<std::size_t>(sif::Image::open(fixture.image).object(1).offset)] ^= 1;
  write_file(fixture.image, bytes);
  const auto changed = verified();
  CHECK(changed.code == 15);
  CHECK_THAT(changed.out, ContainsSubstring("\ncovered  2   1       1000  FS (Squashfs/*System/amd64)\n") &&
                              ContainsSubstring("\ncovered  3   2          2  JSON.Generic\n") &&
                              ContainsSubstring("\nCHANGED  1   1         13  Def.FILE\n") &&
                              !ContainsSubstring("NOT COVERED"));

  write_file(fixture.image, sound.substr(0, 33000));
  const auto cut = verified();
  CHECK(cut.code == 7);
  CHECK_THAT(cut.out, ContainsSubstring("\nCUT SHORT    2   1       1000  FS (Squashfs/*System/amd64)\n") &&
                          !ContainsSubstring("tampered") &&
                          ContainsSubstring("FAILED: malformed: object 4 is cut short: it ends at byte 34708, the file "
                                            "has 33000; only 2 of 3 objects were checked\n"));
  CHECK_THAT(cut.err, ContainsSubstring("hint: fetch or copy the image again"));
  const auto record = parse_json(run_cli({"verify", "--json=v1", "--key", fixture.at("ed25519.pub"), fixture.image}).out,
                                 "record")["images"][0];
  CHECK(record["kind"] == "malformed");
  CHECK(record["cut_short"] == Json{2, 3});
  CHECK(record["changed"] == Json::array());
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"sif", "list"}, {"sif", "header"}}) {
    const auto read = run_cli({verb[0], verb[1], fixture.image});
    CHECK(read.code == 0);
    CHECK_THAT(read.err, ContainsSubstring("object 2 is cut short: it ends at byte 33768, the file has 33000"));
  }
  for (const std::string verb : {"ls", "digest"}) {
    const auto error = run_cli({verb, fixture.image}).err;
    CHECK_THAT(error, ContainsSubstring("object 2 is cut short"));
    CHECK(error.find(fixture.image) == error.rfind(fixture.image));
  }
  const auto refused = run_cli({"sign", "--key", fixture.at("ed25519.pem"), fixture.image});
  CHECK(refused.code == 7);
  CHECK_THAT(refused.err, ContainsSubstring("a damaged image is not signed: object"));
}

TEST_CASE("a table that is longer than any file is the image's fault for every verb", "[cli][sif][hostile]") {
  const VerifyFixture fixture;
  auto bytes = read_file(fixture.image);
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 104), std::int64_t{1} << 62);
  write_file(fixture.image, bytes);
  write_file(fixture.directory / "more", "x");
  const std::string text =
      "reading descriptors: the header says that the table takes 4611686018427387904 bytes at offset 4096, the file "
      "has ";
  for (const std::vector<std::string>& verb :
       std::vector<std::vector<std::string>>{{"sif", "list", fixture.image},
                                             {"sif", "header", fixture.image},
                                             {"sif", "info", "1", fixture.image},
                                             {"sif", "dump", "1", fixture.image},
                                             {"sif", "add", "--datatype", "7", fixture.image, fixture.at("more")},
                                             {"sif", "del", "1", fixture.image},
                                             {"sign", "--key", fixture.at("ed25519.pem"), fixture.image},
                                             {"verify", "--key", fixture.at("ed25519.pub"), fixture.image},
                                             {"inspect", "sif:" + fixture.image},
                                             {"ls", fixture.image}}) {
    INFO(verb[0] << " " << verb[1]);
    const auto result = run_cli(verb);
    CHECK(result.code == 7);
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(read_file(fixture.image) == bytes);
  }
}

TEST_CASE("an image that is cut short anywhere is refused by every verb that needs what is missing", "[cli][hostile]") {
  TempDir directory;
  const auto at = [&](const std::string& name) { return (directory / name).string(); };
  write_file(directory / "app.tar", as_tar(docker_24(small_image())));
  REQUIRE(run_cli({"build", "-q", at("app.sif"), at("app.tar")}).code == 0);
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", at("app.sqfs"), at("app.tar")}).code == 0);
  const auto squashfs = read_file(directory / "app.sqfs");
  const std::string file = at("cut");
  const std::vector<std::vector<std::string>> of_both{{"ls", "-lR", file}, {"ls", "--json", "-R", file}, {"cat", file, "/bin/tool"}, {"inspect", file}, {"inspect", "--json", "--all", file}, {"inspect", "-d", file}};
  const std::vector<std::vector<std::string>> of_sif{{"sif", "list", file}, {"sif", "header", file}, {"sif", "dump", "3", file}, {"verify", file}};
  for (const auto& [whole, is_sif] : {std::pair{read_file(directory / "app.sif"), true}, {squashfs, false}, {std::string(sif::kLaunchScript) + squashfs, false}}) {
    auto verbs = of_both;
    verbs.push_back({"build", "-q", "--sandbox", "-F", at("box"), (is_sif ? "sif:" : "squashfs:") + file});
    if (is_sif) verbs.insert(verbs.end(), of_sif.begin(), of_sif.end());
    write_file(file, whole);
    std::vector<CliResult> expected;
    for (const auto& verb : verbs) expected.push_back(run_cli(verb));
    std::set<std::size_t> lengths;
    for (std::size_t length = 0; length < whole.size(); length += whole.size() / 50) lengths.insert(length);
    for (std::size_t length = whole.size() - 1; length > whole.size() - 2000; length -= 97) lengths.insert(length);
    for (const auto length : lengths) {
      write_file(file, whole.substr(0, length));
      for (std::size_t i = 0; i < verbs.size(); ++i) {
        INFO(verbs[i][0] << " " << verbs[i][1] << " of " << length << " bytes of " << whole.size());
        const auto result = run_cli(verbs[i]);
        INFO(result.err);
        if (result.code == expected[i].code) {
          // What can be read is shown, with a word of what is missing.
          CHECK((result.out == expected[i].out || result.err.find("cut short") != std::string::npos));
          continue;
        }
        CHECK((result.code == exit_code(ErrorKind::malformed) || result.code == exit_code(ErrorKind::unsupported)));
        const auto error = std::min(result.err.find("sifkit: error: "), result.err.find("{\"context\""));
        REQUIRE(error != std::string::npos);
        CHECK(count_of(result.err.substr(error), "'" + file + "'") == 1);
      }
    }
  }
}
