// SPDX-License-Identifier: Apache-2.0
//
// What the verbs of `sif` do and print. The bytes that edits make are compared with siftool's in tests/interop.
#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image_editor.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/run_process.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// A directory with an empty deterministic image, and words for commands on it.
struct SifFixture {
  TempDir directory;
  std::string image = at("image.sif");

  SifFixture() { REQUIRE(run_cli({"sif", "new", "--deterministic", image}).code == 0); }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  void add(const std::string& bytes, std::vector<std::string> options) const {
    write_file(directory / "object", bytes);
    options.insert(options.begin(), {"sif", "add", image, at("object")});
    const auto result = run_cli(options);
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.out.empty());
  }

  void add_partition(const std::string& bytes, const std::string& type) const {
    add(bytes, {"--datatype", "4", "--parttype", type, "--partfs", "1", "--partarch", "2", "--groupid", "1"});
  }

  Json record(std::vector<std::string> arguments) const {
    arguments.emplace_back("--json");
    const auto result = run_cli(arguments);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return parse_json(result.out, "record");
  }

  Json info(int id) const { return record({"sif", "info", std::to_string(id), image}); }

  /// A command that must be refused and leave the image as it is: its exit code. The same with --json, whose error is
  /// one JSON record on standard error and nothing on standard output.
  int refused(std::vector<std::string> arguments) const {
    const auto before = read_file(image);
    const auto plain = run_cli(arguments);
    CHECK(plain.out.empty());
    CHECK(plain.err.starts_with("sifkit: error: "));
    arguments.emplace_back("--json");
    const auto json = run_cli(arguments);
    CHECK(json.out.empty());
    const auto error = parse_json(json.err, "error");
    CHECK(error["schema"] == "sifkit/error/v1");
    CHECK(error["exit_code"] == plain.code);
    CHECK_FALSE(error["message"].get<std::string>().empty());
    CHECK(json.code == plain.code);
    CHECK(read_file(image) == before);
    return plain.code;
  }
};

std::vector<std::string> keys_of(const Json& record) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : record.items()) keys.push_back(key);
  return keys;  // sorted, as JSON members here are
}

const std::vector<std::string> kObjectKeys{"architecture", "created", "digest", "entity", "filesystem", "format", "group", "hash", "id",
                                           "link", "links_group", "message", "modified", "name", "offset", "partition", "size", "type"};
const std::vector<std::string> kHeaderKeys{"architecture", "created", "data_offset", "data_size", "descriptors_free", "descriptors_offset", "descriptors_size",
                                           "descriptors_total", "id", "launch_script", "modified", "problems", "schema", "version"};

std::vector<std::string> with(std::vector<std::string> keys, const std::string& key) {
  keys.insert(std::upper_bound(keys.begin(), keys.end(), key), key);
  return keys;
}

const std::string kBlob = "a blob of an OCI image\n";
const std::string kIndex = R"({"schemaVersion":2,"manifests":[]})";

}  // namespace

TEST_CASE("an OCI-SIF is made, listed, looked into and read", "[cli][sif][oci]") {
  const SifFixture fixture;
  fixture.add(kBlob, {"--datatype", "11", "--groupid", "1"});
  fixture.add(std::string(70'000, '\0'), {"--datatype", "11", "--groupid", "1"});
  fixture.add(kIndex, {"--datatype", "10", "--groupid", "1"});

  CHECK(run_cli({"sif", "list", fixture.image}).out ==
        "------------------------------------------------------------------------------\n"
        "ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n"
        "------------------------------------------------------------------------------\n"
        "1    |1       |NONE    |32176-32199               |OCI.Blob\n"
        "2    |1       |NONE    |32199-102199              |OCI.Blob\n"
        "3    |1       |NONE    |102199-102233             |OCI.RootIndex\n");
  const auto digest = digest_of(as_bytes(kIndex)).text();
  CHECK(run_cli({"sif", "info", "3", fixture.image}).out ==
        "  Data Type:  OCI.RootIndex\n"
        "  ID:         3\n"
        "  Group ID:   1\n"
        "  Linked ID:  NONE\n"
        "  Offset:     102199\n"
        "  Size:       34\n"
        "  Digest:     " + digest + "\n");
  CHECK(run_cli({"sif", "dump", "1", fixture.image}).out == kBlob);
  CHECK(run_cli({"sif", "dump", "3", fixture.image}).out == kIndex);

  const auto record = fixture.info(1);
  CHECK(keys_of(record) == with(with(kObjectKeys, "problems"), "schema"));
  CHECK(record["problems"].empty());
  CHECK(record["schema"] == "sifkit/sif-info/v1");
  CHECK(record["type"] == "OCI.Blob");
  CHECK(record["digest"] == digest_of(as_bytes(kBlob)).text());
  const auto list = fixture.record({"sif", "list", fixture.image});
  CHECK(keys_of(list) == std::vector<std::string>{"objects", "problems", "schema"});
  CHECK(list["schema"] == "sifkit/sif-list/v1");
  CHECK(list["objects"].size() == 3);
  CHECK(keys_of(list["objects"][2]) == kObjectKeys);
  CHECK(list["objects"][2]["digest"] == digest);
  CHECK(list["problems"].empty());
}

TEST_CASE("an OCI digest is set, and one that is none is reported wherever the image is looked at", "[cli][sif][oci]") {
  const SifFixture fixture;
  fixture.add(kBlob, {"--datatype", "11"});
  fixture.add(kIndex, {"--datatype", "10"});
  fixture.add("plain", {"--datatype", "7"});
  const std::string other = "sha256:" + std::string(64, '7');
  const auto set = fixture.record({"sif", "set", "2", fixture.image, "--digest", other});
  CHECK(keys_of(set) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(set["schema"] == "sifkit/sif-set/v1");
  CHECK(set["file"] == fixture.image);
  CHECK(set["object"] == [&] { auto info = fixture.info(2); info.erase("schema"); info.erase("problems"); return info; }());
  CHECK(set["object"]["digest"] == other);
  CHECK(fixture.info(1)["digest"] == digest_of(as_bytes(kBlob)).text());
  // The bytes are not looked at again: a digest is what a writer says.
  CHECK(run_cli({"sif", "dump", "2", fixture.image}).out == kIndex);

  CHECK(fixture.refused({"sif", "set", "3", fixture.image, "--digest", other}) == 2);
  CHECK(fixture.refused({"sif", "set", "4", fixture.image, "--digest", other}) == 3);
  for (const auto& bad : std::vector<std::string>{"", "sha256", "sha256:", "sha256:7777", "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, '7') + "g", "sha256:" + std::string(65, '7'), " " + other}) {
    INFO(bad);
    CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--digest", bad}) == 2);
  }
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--digest", "sha512:" + std::string(128, '7')}) == 9);

  write_file(fixture.directory / "extra", "sha256:\x1b[2J");
  REQUIRE(run_cli({"sif", "set", "1", fixture.image, "--metadata", fixture.at("extra")}).code == 0);
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"sif", "list", fixture.image}, {"sif", "header", fixture.image}, {"sif", "info", "1", fixture.image}}) {
    const auto result = run_cli(arguments);
    CHECK(result.code == 0);
    CHECK_THAT(result.err, ContainsSubstring("object 1: its OCI digest is not 'sha256:' and 64 lower-case hex digits"));
    CHECK(result.out.find('\x1b') == std::string::npos);
  }
  CHECK(fixture.info(1)["digest"] == "sha256:\x1b[2J");
  CHECK(fixture.info(3)["problems"] == fixture.record({"sif", "list", fixture.image})["problems"]);
}

TEST_CASE("names and launch scripts of strangers steer no terminal", "[cli][sif][hostile]") {
  const SifFixture fixture;
  fixture.add("x", {"--datatype", "7", "--filename", "a\x1b]0;title\a\xc2\x9b" "31m\x9b\r\nDigest: good \xc3\xbc\\"});
  CHECK_THAT(run_cli({"sif", "info", "1", fixture.image}).out, ContainsSubstring("  Name:       a\\x1b]0;title\\x07\\u009b31m\\x9b\\r\\nDigest: good \xc3\xbc\\\n"));
  auto bytes = read_file(fixture.image);
  bytes.replace(0, 8, "#!\x1b[31m\n");
  write_file(fixture.image, bytes);
  CHECK_THAT(run_cli({"sif", "header", fixture.image}).out, ContainsSubstring("Launch Script:      #!\\x1b[31m\n"));
}

TEST_CASE("what a descriptor says is changed, one thing or several", "[cli][sif]") {
  const SifFixture fixture;
  fixture.add_partition("root", "2");
  fixture.add("{}", {"--datatype", "6"});
  REQUIRE(run_cli({"sif", "set", "2", fixture.image, "--name", "labels.json"}).code == 0);
  CHECK(fixture.info(2)["name"] == "labels.json");
  REQUIRE(run_cli({"sif", "set", "1", fixture.image, "--arch", "riscv64", "--name", "root"}).code == 0);
  CHECK(fixture.info(1)["architecture"] == "riscv64");
  CHECK(fixture.info(1)["partition"] == "*System");
  CHECK(fixture.info(1)["filesystem"] == "Squashfs");
  CHECK(fixture.info(1)["name"] == "root");
  CHECK(fixture.record({"sif", "header", fixture.image})["architecture"] == "riscv64");
  REQUIRE(run_cli({"sif", "set", "2", fixture.image, "--name", ""}).code == 0);
  CHECK(fixture.info(2)["name"].is_null());
  write_file(fixture.directory / "extra", std::string(384, 'e'));
  REQUIRE(run_cli({"sif", "set", "2", fixture.image, "--metadata", fixture.at("extra")}).code == 0);
  const auto image = sif::Image::open(fixture.image);
  CHECK(as_text(image.object(2).extra) == std::string(384, 'e'));
  CHECK(image.problems().empty());

  CHECK(fixture.refused({"sif", "set", "2", fixture.image}) == 2);
  CHECK(fixture.refused({"sif", "set", "0", fixture.image, "--name", "x"}) == 2);
  CHECK(fixture.refused({"sif", "set", "x", fixture.image, "--name", "x"}) == 2);
  CHECK(fixture.refused({"sif", "set", "4294967296", fixture.image, "--name", "x"}) == 2);
  CHECK(fixture.refused({"sif", "set", "3", fixture.image, "--name", "x"}) == 3);
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--name", std::string(129, 'x')}) == 2);
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--arch", "amd64"}) == 2);
  CHECK(fixture.refused({"sif", "set", "1", fixture.image, "--arch", "z80"}) == 9);
  CHECK(fixture.refused({"sif", "set", "1", fixture.image, "--arch", "unknown"}) == 9);
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--metadata", fixture.at("none")}) == 3);
  write_file(fixture.directory / "extra", std::string(385, 'e'));
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--metadata", fixture.at("extra")}) == 10);
  // The first of two is good: still nothing is changed.
  CHECK(fixture.refused({"sif", "set", "2", fixture.image, "--name", "good", "--arch", "amd64"}) == 2);
}

TEST_CASE("metadata comes from standard input, too", "[cli][sif]") {
  const SifFixture fixture;
  fixture.add("{}", {"--datatype", "6"});
  write_file(fixture.directory / "extra", "piped");
  const int in = ::open(fixture.at("extra").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(in >= 0);
  CHECK(run_cli({"sif", "set", "1", fixture.image, "--metadata", "-"}, in).code == 0);
  ::close(in);
  CHECK(as_text(sif::Image::open(fixture.image).object(1).extra).substr(0, 6) == std::string("piped\0", 6));
}

TEST_CASE("del leaves, overwrites or cuts off what it deletes", "[cli][sif]") {
  const SifFixture fixture;
  fixture.add("first", {"--datatype", "7"});
  fixture.add("secret", {"--datatype", "7", "--groupid", "3", "--filename", "s"});
  fixture.add("third", {"--datatype", "7"});
  const auto start = read_file(fixture.image);
  REQUIRE(run_cli({"sif", "del", "2", fixture.image}).code == 0);
  CHECK(read_file(fixture.image).substr(32176) == "firstsecretthird");

  write_file(fixture.image, start);
  const auto record = fixture.record({"sif", "del", "2", fixture.image, "--zero"});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-del/v1");
  CHECK(keys_of(record["object"]) == kObjectKeys);
  CHECK(record["object"]["name"] == "s");
  CHECK(record["object"]["group"] == 3);
  CHECK(record["object"]["created"].is_null());
  CHECK(read_file(fixture.image).substr(32176) == "first" + std::string(6, '\0') + "third");

  REQUIRE(run_cli({"sif", "del", "3", fixture.image, "--compact"}).code == 0);
  CHECK(read_file(fixture.image).substr(32176) == "first");
  CHECK(fixture.record({"sif", "header", fixture.image})["data_size"] == 5);
  REQUIRE(run_cli({"sif", "del", "1", fixture.image, "--zero", "--compact"}).code == 0);
  CHECK(read_file(fixture.image).size() == 32176);
  CHECK(fixture.refused({"sif", "del", "1", fixture.image, "--zero"}) == 3);
  CHECK(fixture.refused({"sif", "del", "1", fixture.image, "--compact"}) == 3);
  CHECK(fixture.refused({"sif", "del", "-1", fixture.image}) == 2);
}

TEST_CASE("compact closes holes and says how long the file was and is", "[cli][sif]") {
  const SifFixture fixture;
  fixture.add(std::string(50'000, 'x'), {"--datatype", "7"});
  fixture.add("kept", {"--datatype", "7"});
  REQUIRE(run_cli({"sif", "del", "1", fixture.image}).code == 0);
  const auto record = fixture.record({"sif", "compact", fixture.image});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "schema", "size", "size_before"});
  CHECK(record["schema"] == "sifkit/sif-compact/v1");
  CHECK(record["size_before"] == 32176 + 50'004);
  CHECK(record["size"] == 32180);
  CHECK(run_cli({"sif", "dump", "2", fixture.image}).out == "kept");
  const auto compact = read_file(fixture.image);
  const auto again = run_cli({"sif", "compact", fixture.image});
  CHECK(again.code == 0);
  CHECK(again.out.empty());
  CHECK(read_file(fixture.image) == compact);
  // An object on the header.
  auto bytes = compact;
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 4096 + 585 + 17), std::int64_t{64});
  write_file(fixture.image, bytes);
  CHECK(fixture.refused({"sif", "compact", fixture.image}) == 7);
  CHECK(fixture.refused({"sif", "del", "2", fixture.image, "--zero"}) == 7);
}

TEST_CASE("every verb of sif prints one record with every field, null for nothing", "[cli][sif]") {
  const SifFixture fixture;
  auto record = fixture.record({"sif", "new", fixture.at("new.sif")});
  CHECK(keys_of(record) == with(kHeaderKeys, "file"));
  CHECK(record["schema"] == "sifkit/sif-new/v1");
  CHECK(record["id"].get<std::string>().size() == 36);
  CHECK(record["architecture"].is_null());
  CHECK(fixture.refused({"sif", "new", fixture.image}) == 4);

  record = fixture.record({"sif", "header", fixture.image});
  CHECK(keys_of(record) == kHeaderKeys);
  CHECK(record["schema"] == "sifkit/sif-header/v1");
  for (const char* key : {"architecture", "created", "id", "modified"}) CHECK(record[key].is_null());
  CHECK(record["descriptors_free"] == 48);

  write_file(fixture.directory / "object", "data");
  record = fixture.record({"sif", "add", fixture.image, fixture.at("object"), "--datatype", "1"});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-add/v1");
  CHECK(keys_of(record["object"]) == kObjectKeys);
  for (const auto& [key, value] : record["object"].items()) {
    INFO(key);
    CHECK(value.is_null() == (key != "id" && key != "type" && key != "links_group" && key != "offset" && key != "size"));
  }
  record = fixture.record({"sif", "add", fixture.image, fixture.at("object"), "--datatype", "5", "--signhash", "2", "--signentity", "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84", "--link", "1"});
  CHECK(record["object"]["hash"] == "SHA-384");
  CHECK(record["object"]["entity"] == "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84");
  CHECK(record["object"]["link"] == 1);
  CHECK(record["object"]["links_group"] == false);
  record = fixture.record({"sif", "add", fixture.image, fixture.at("object"), "--datatype", "9", "--sbomformat", "github"});
  CHECK(record["object"]["format"] == "github-json");

  fixture.add_partition("system", "1");
  record = fixture.record({"sif", "setprim", "4", fixture.image});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-setprim/v1");
  CHECK(record["object"]["partition"] == "*System");
  CHECK(fixture.refused({"sif", "setprim", "1", fixture.image}) == 2);
  CHECK(fixture.refused({"sif", "add", fixture.image, fixture.at("object"), "--datatype", "12"}) == 2);
  CHECK(fixture.refused({"sif", "add", fixture.image, fixture.at("none"), "--datatype", "1"}) == 3);
  CHECK(fixture.refused({"sif", "info", "9", fixture.image}) == 3);
  CHECK(fixture.refused({"sif", "dump", "9", fixture.image}) == 3);
  CHECK(fixture.refused({"sif", "list", fixture.at("object")}) == 9);
}

TEST_CASE("whoever edits what a signature covers is told that it does not hold any more", "[cli][sif]") {
  const SifFixture fixture;
  fixture.add("first", {"--datatype", "7", "--groupid", "1"});
  fixture.add("loose", {"--datatype", "7"});
  REQUIRE(
      run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", fixture.at("key.pem")}, {"PATH=/usr/bin:/bin"})
          .code == 0);
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("key.pem"), fixture.image}).code == 0);
  write_file(fixture.directory / "extra", "x");
  const std::string sound = read_file(fixture.image);
  const std::string warning = "signature 3 of group 1 does not hold any more: ";
  const auto warned = [&](std::vector<std::string> arguments) {
    write_file(fixture.image, sound);
    return run_cli(arguments).err;
  };
  CHECK_THAT(warned({"sif", "set", "1", fixture.image, "--name", "x"}),
             ContainsSubstring(warning + "the descriptor of object 1 has changed"));
  CHECK_THAT(warned({"sif", "del", "1", fixture.image}), ContainsSubstring(warning + "group 1 is gone"));
  CHECK_THAT(warned({"sif", "add", fixture.image, fixture.at("extra"), "--datatype", "7", "--groupid", "1"}),
             ContainsSubstring(warning + "it does not name object 4"));
  CHECK(warned({"sif", "set", "2", fixture.image, "--name", "x"}).empty());
  CHECK(warned({"sif", "compact", fixture.image}).empty());
  CHECK(warned({"sif", "del", "2", fixture.image}).empty());
  // What has broken already is not said again.
  REQUIRE_FALSE(warned({"sif", "set", "1", fixture.image, "--name", "x"}).empty());
  CHECK(run_cli({"sif", "set", "1", fixture.image, "--name", "y"}).err.empty());
  write_file(fixture.image, sound);
  REQUIRE(run_cli({"sif", "del", "2", fixture.image}).code == 0);
  const auto loose = run_cli({"sif", "add", fixture.image, fixture.at("extra"), "--datatype", "7"});
  CHECK(loose.code == 0);
  CHECK_THAT(
      loose.err,
      ContainsSubstring(
          "object 2 is in no group, where nothing can sign it, so the image does not verify any more (see --groupid)"));
}

TEST_CASE("a terminal gets the text of objects, and no bytes that would steer it", "[cli][sif][hostile]") {
  const SifFixture fixture;
  fixture.add("bootstrap: docker\n\tfrom: \xc3\xbc\n", {"--datatype", "1"});
  fixture.add("a\x1b[2J\r\n", {"--datatype", "7"});
  fixture.add("innocent" + std::string(5000, ' ') + '\0', {"--datatype", "7"});
  const auto dump = [&](const char* id, bool terminal) {
    std::ostringstream out;
    std::ostringstream err;
    cli::Console io{.out = out, .err = err, .out_is_terminal = terminal};
    const int code = cli::run(std::vector<std::string>{"sif", "dump", id, fixture.image}, io);
    return CliResult{code, out.str(), err.str()};
  };
  CHECK(dump("1", true).out == dump("1", false).out);
  CHECK(dump("2", false).out == "a\x1b[2J\r\n");
  CHECK(dump("2", true).out == "a\\x1b[2J\\r\n");
  CHECK(dump("3", false).code == 0);
  const auto refused = dump("3", true);
  CHECK(refused.code == 2);
  CHECK(refused.out.empty());
  CHECK_THAT(refused.err, ContainsSubstring("binary data is not written to a terminal"));
}

TEST_CASE("the files of an image are read inside its partition, never behind it", "[cli][ls][hostile]") {
  SifFixture fixture;
  std::filesystem::create_directories(fixture.directory / "root");
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", fixture.at("image"), "dir:" + fixture.at("root")}).code == 0);
  const std::string image = read_file(fixture.directory / "image");
  fixture.add_partition(image.substr(0, 200), "2");
  fixture.add(image, {"--datatype", "6"});
  const auto refused = run_cli({"ls", fixture.image});
  CHECK(refused.code == exit_code(ErrorKind::malformed));
  CHECK_THAT(refused.err, ContainsSubstring("bytes, there are 200"));
}
