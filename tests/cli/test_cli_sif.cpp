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

/// A folder with an empty deterministic image, and words for commands on it.
struct Bench {
  TempDir folder;
  std::string image = at("image.sif");

  Bench() { REQUIRE(run_cli({"sif", "new", "--deterministic", image}).code == 0); }

  std::string at(const std::string& name) const { return (folder / name).string(); }

  void add(const std::string& bytes, std::vector<std::string> options) const {
    write_file(folder / "object", bytes);
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
  const Bench bench;
  bench.add(kBlob, {"--datatype", "11", "--groupid", "1"});
  bench.add(std::string(70'000, '\0'), {"--datatype", "11", "--groupid", "1"});
  bench.add(kIndex, {"--datatype", "10", "--groupid", "1"});

  CHECK(run_cli({"sif", "list", bench.image}).out ==
        "------------------------------------------------------------------------------\n"
        "ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n"
        "------------------------------------------------------------------------------\n"
        "1    |1       |NONE    |32176-32199               |OCI.Blob\n"
        "2    |1       |NONE    |32199-102199              |OCI.Blob\n"
        "3    |1       |NONE    |102199-102233             |OCI.RootIndex\n");
  const auto digest = digest_of(as_bytes(kIndex)).text();
  CHECK(run_cli({"sif", "info", "3", bench.image}).out ==
        "  Data Type:  OCI.RootIndex\n"
        "  ID:         3\n"
        "  Group ID:   1\n"
        "  Linked ID:  NONE\n"
        "  Offset:     102199\n"
        "  Size:       34\n"
        "  Digest:     " + digest + "\n");
  CHECK(run_cli({"sif", "dump", "1", bench.image}).out == kBlob);
  CHECK(run_cli({"sif", "dump", "3", bench.image}).out == kIndex);

  const auto record = bench.info(1);
  CHECK(keys_of(record) == with(kObjectKeys, "schema"));
  CHECK(record["schema"] == "sifkit/sif-info/v1");
  CHECK(record["type"] == "OCI.Blob");
  CHECK(record["digest"] == digest_of(as_bytes(kBlob)).text());
  const auto list = bench.record({"sif", "list", bench.image});
  CHECK(keys_of(list) == std::vector<std::string>{"objects", "problems", "schema"});
  CHECK(list["schema"] == "sifkit/sif-list/v1");
  CHECK(list["objects"].size() == 3);
  CHECK(keys_of(list["objects"][2]) == kObjectKeys);
  CHECK(list["objects"][2]["digest"] == digest);
  CHECK(list["problems"].empty());
}

TEST_CASE("an OCI digest is set, and one that is none is reported wherever the image is looked at", "[cli][sif][oci]") {
  const Bench bench;
  bench.add(kBlob, {"--datatype", "11"});
  bench.add(kIndex, {"--datatype", "10"});
  bench.add("plain", {"--datatype", "7"});
  const std::string other = "sha256:" + std::string(64, '7');
  const auto set = bench.record({"sif", "set", "2", bench.image, "--digest", other});
  CHECK(keys_of(set) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(set["schema"] == "sifkit/sif-set/v1");
  CHECK(set["file"] == bench.image);
  CHECK(set["object"] == [&] { auto info = bench.info(2); info.erase("schema"); return info; }());
  CHECK(set["object"]["digest"] == other);
  CHECK(bench.info(1)["digest"] == digest_of(as_bytes(kBlob)).text());
  // The bytes are not looked at again: a digest is what a writer says.
  CHECK(run_cli({"sif", "dump", "2", bench.image}).out == kIndex);

  CHECK(bench.refused({"sif", "set", "3", bench.image, "--digest", other}) == 2);
  CHECK(bench.refused({"sif", "set", "4", bench.image, "--digest", other}) == 3);
  for (const auto& bad : std::vector<std::string>{"", "sha256", "sha256:", "sha256:7777", "sha256:" + std::string(64, 'A'), "sha256:" + std::string(63, '7') + "g", "sha256:" + std::string(65, '7'), " " + other}) {
    INFO(bad);
    CHECK(bench.refused({"sif", "set", "2", bench.image, "--digest", bad}) == 2);
  }
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--digest", "sha512:" + std::string(128, '7')}) == 9);

  write_file(bench.folder / "extra", "sha256:\x1b[2J");
  REQUIRE(run_cli({"sif", "set", "1", bench.image, "--metadata", bench.at("extra")}).code == 0);
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"sif", "list", bench.image}, {"sif", "header", bench.image}, {"sif", "info", "1", bench.image}}) {
    const auto result = run_cli(arguments);
    CHECK(result.code == 0);
    CHECK_THAT(result.err, ContainsSubstring("object 1: its OCI digest is not 'sha256:' and 64 lower-case hex digits"));
    CHECK(result.out.find('\x1b') == std::string::npos);
  }
  CHECK(bench.info(1)["digest"] == "sha256:\x1b[2J");
}

TEST_CASE("names and launch scripts of strangers steer no terminal", "[cli][sif][hostile]") {
  const Bench bench;
  bench.add("x", {"--datatype", "7", "--filename", "a\x1b]0;title\a\xc2\x9b" "31m\x9b\r\nDigest: good \xc3\xbc\\"});
  CHECK_THAT(run_cli({"sif", "info", "1", bench.image}).out, ContainsSubstring("  Name:       a\\x1b]0;title\\x07\\u009b31m\\x9b\\r\\nDigest: good \xc3\xbc\\\n"));
  auto bytes = read_file(bench.image);
  bytes.replace(0, 8, "#!\x1b[31m\n");
  write_file(bench.image, bytes);
  CHECK_THAT(run_cli({"sif", "header", bench.image}).out, ContainsSubstring("Launch Script:      #!\\x1b[31m\n"));
}

TEST_CASE("what a descriptor says is changed, one thing or several", "[cli][sif]") {
  const Bench bench;
  bench.add_partition("root", "2");
  bench.add("{}", {"--datatype", "6"});
  REQUIRE(run_cli({"sif", "set", "2", bench.image, "--name", "labels.json"}).code == 0);
  CHECK(bench.info(2)["name"] == "labels.json");
  REQUIRE(run_cli({"sif", "set", "1", bench.image, "--arch", "riscv64", "--name", "root"}).code == 0);
  CHECK(bench.info(1)["architecture"] == "riscv64");
  CHECK(bench.info(1)["partition"] == "*System");
  CHECK(bench.info(1)["filesystem"] == "Squashfs");
  CHECK(bench.info(1)["name"] == "root");
  CHECK(bench.record({"sif", "header", bench.image})["architecture"] == "riscv64");
  REQUIRE(run_cli({"sif", "set", "2", bench.image, "--name", ""}).code == 0);
  CHECK(bench.info(2)["name"].is_null());
  write_file(bench.folder / "extra", std::string(384, 'e'));
  REQUIRE(run_cli({"sif", "set", "2", bench.image, "--metadata", bench.at("extra")}).code == 0);
  const auto image = sif::Image::open(bench.image);
  CHECK(as_text(image.object(2).extra) == std::string(384, 'e'));
  CHECK(image.problems().empty());

  CHECK(bench.refused({"sif", "set", "2", bench.image}) == 2);
  CHECK(bench.refused({"sif", "set", "0", bench.image, "--name", "x"}) == 2);
  CHECK(bench.refused({"sif", "set", "x", bench.image, "--name", "x"}) == 2);
  CHECK(bench.refused({"sif", "set", "4294967296", bench.image, "--name", "x"}) == 2);
  CHECK(bench.refused({"sif", "set", "3", bench.image, "--name", "x"}) == 3);
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--name", std::string(129, 'x')}) == 2);
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--arch", "amd64"}) == 2);
  CHECK(bench.refused({"sif", "set", "1", bench.image, "--arch", "z80"}) == 9);
  CHECK(bench.refused({"sif", "set", "1", bench.image, "--arch", "unknown"}) == 9);
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--metadata", bench.at("none")}) == 3);
  write_file(bench.folder / "extra", std::string(385, 'e'));
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--metadata", bench.at("extra")}) == 10);
  // The first of two is good: still nothing is changed.
  CHECK(bench.refused({"sif", "set", "2", bench.image, "--name", "good", "--arch", "amd64"}) == 2);
}

TEST_CASE("metadata comes from standard input, too", "[cli][sif]") {
  const Bench bench;
  bench.add("{}", {"--datatype", "6"});
  write_file(bench.folder / "extra", "piped");
  const int in = ::open(bench.at("extra").c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(in >= 0);
  CHECK(run_cli({"sif", "set", "1", bench.image, "--metadata", "-"}, in).code == 0);
  ::close(in);
  CHECK(as_text(sif::Image::open(bench.image).object(1).extra).substr(0, 6) == std::string("piped\0", 6));
}

TEST_CASE("del leaves, overwrites or cuts off what it deletes", "[cli][sif]") {
  const Bench bench;
  bench.add("first", {"--datatype", "7"});
  bench.add("secret", {"--datatype", "7", "--groupid", "3", "--filename", "s"});
  bench.add("third", {"--datatype", "7"});
  const auto start = read_file(bench.image);
  REQUIRE(run_cli({"sif", "del", "2", bench.image}).code == 0);
  CHECK(read_file(bench.image).substr(32176) == "firstsecretthird");

  write_file(bench.image, start);
  const auto record = bench.record({"sif", "del", "2", bench.image, "--zero"});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-del/v1");
  CHECK(keys_of(record["object"]) == kObjectKeys);
  CHECK(record["object"]["name"] == "s");
  CHECK(record["object"]["group"] == 3);
  CHECK(record["object"]["created"].is_null());
  CHECK(read_file(bench.image).substr(32176) == "first" + std::string(6, '\0') + "third");

  REQUIRE(run_cli({"sif", "del", "3", bench.image, "--compact"}).code == 0);
  CHECK(read_file(bench.image).substr(32176) == "first");
  CHECK(bench.record({"sif", "header", bench.image})["data_size"] == 5);
  REQUIRE(run_cli({"sif", "del", "1", bench.image, "--zero", "--compact"}).code == 0);
  CHECK(read_file(bench.image).size() == 32176);
  CHECK(bench.refused({"sif", "del", "1", bench.image, "--zero"}) == 3);
  CHECK(bench.refused({"sif", "del", "1", bench.image, "--compact"}) == 3);
  CHECK(bench.refused({"sif", "del", "-1", bench.image}) == 2);
}

TEST_CASE("compact closes holes and says how long the file was and is", "[cli][sif]") {
  const Bench bench;
  bench.add(std::string(50'000, 'x'), {"--datatype", "7"});
  bench.add("kept", {"--datatype", "7"});
  REQUIRE(run_cli({"sif", "del", "1", bench.image}).code == 0);
  const auto record = bench.record({"sif", "compact", bench.image});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "schema", "size", "size_before"});
  CHECK(record["schema"] == "sifkit/sif-compact/v1");
  CHECK(record["size_before"] == 32176 + 50'004);
  CHECK(record["size"] == 32180);
  CHECK(run_cli({"sif", "dump", "2", bench.image}).out == "kept");
  const auto compact = read_file(bench.image);
  const auto again = run_cli({"sif", "compact", bench.image});
  CHECK(again.code == 0);
  CHECK(again.out.empty());
  CHECK(read_file(bench.image) == compact);
  // An object on the header.
  auto bytes = compact;
  store_le(reinterpret_cast<std::byte*>(bytes.data() + 4096 + 585 + 17), std::int64_t{64});
  write_file(bench.image, bytes);
  CHECK(bench.refused({"sif", "compact", bench.image}) == 7);
  CHECK(bench.refused({"sif", "del", "2", bench.image, "--zero"}) == 7);
}

TEST_CASE("every verb of sif prints one record with every field, null for nothing", "[cli][sif]") {
  const Bench bench;
  auto record = bench.record({"sif", "new", bench.at("new.sif")});
  CHECK(keys_of(record) == with(kHeaderKeys, "file"));
  CHECK(record["schema"] == "sifkit/sif-new/v1");
  CHECK(record["id"].get<std::string>().size() == 36);
  CHECK(record["architecture"].is_null());
  CHECK(bench.refused({"sif", "new", bench.image}) == 4);

  record = bench.record({"sif", "header", bench.image});
  CHECK(keys_of(record) == kHeaderKeys);
  CHECK(record["schema"] == "sifkit/sif-header/v1");
  for (const char* key : {"architecture", "created", "id", "modified"}) CHECK(record[key].is_null());
  CHECK(record["descriptors_free"] == 48);

  write_file(bench.folder / "object", "data");
  record = bench.record({"sif", "add", bench.image, bench.at("object"), "--datatype", "1"});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-add/v1");
  CHECK(keys_of(record["object"]) == kObjectKeys);
  for (const auto& [key, value] : record["object"].items()) {
    INFO(key);
    CHECK(value.is_null() == (key != "id" && key != "type" && key != "links_group" && key != "offset" && key != "size"));
  }
  record = bench.record({"sif", "add", bench.image, bench.at("object"), "--datatype", "5", "--signhash", "2", "--signentity", "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84", "--link", "1"});
  CHECK(record["object"]["hash"] == "SHA-384");
  CHECK(record["object"]["entity"] == "12045C8C0B1004D058DE4BEDA20C27EE7FF7BA84");
  CHECK(record["object"]["link"] == 1);
  CHECK(record["object"]["links_group"] == false);
  record = bench.record({"sif", "add", bench.image, bench.at("object"), "--datatype", "9", "--sbomformat", "github"});
  CHECK(record["object"]["format"] == "github-json");

  bench.add_partition("system", "1");
  record = bench.record({"sif", "setprim", "4", bench.image});
  CHECK(keys_of(record) == std::vector<std::string>{"file", "object", "schema"});
  CHECK(record["schema"] == "sifkit/sif-setprim/v1");
  CHECK(record["object"]["partition"] == "*System");
  CHECK(bench.refused({"sif", "setprim", "1", bench.image}) == 2);
  CHECK(bench.refused({"sif", "add", bench.image, bench.at("object"), "--datatype", "12"}) == 2);
  CHECK(bench.refused({"sif", "add", bench.image, bench.at("none"), "--datatype", "1"}) == 3);
  CHECK(bench.refused({"sif", "info", "9", bench.image}) == 3);
  CHECK(bench.refused({"sif", "dump", "9", bench.image}) == 3);
  CHECK(bench.refused({"sif", "list", bench.at("object")}) == 7);
}

TEST_CASE("whoever edits what a signature covers is told that it does not hold any more", "[cli][sif]") {
  const Bench bench;
  bench.add("first", {"--datatype", "7", "--groupid", "1"});
  bench.add("loose", {"--datatype", "7"});
  REQUIRE(
      run_process({"openssl", "genpkey", "-algorithm", "ed25519", "-out", bench.at("key.pem")}, {"PATH=/usr/bin:/bin"})
          .code == 0);
  REQUIRE(run_cli({"sign", "-q", "--key", bench.at("key.pem"), bench.image}).code == 0);
  write_file(bench.folder / "extra", "x");
  const std::string sound = read_file(bench.image);
  const std::string warning = "signature 3 of group 1 does not hold any more: ";
  const auto warned = [&](std::vector<std::string> arguments) {
    write_file(bench.image, sound);
    return run_cli(arguments).err;
  };
  CHECK_THAT(warned({"sif", "set", "1", bench.image, "--name", "x"}),
             ContainsSubstring(warning + "the descriptor of object 1 has changed"));
  CHECK_THAT(warned({"sif", "del", "1", bench.image}), ContainsSubstring(warning + "group 1 is gone"));
  CHECK_THAT(warned({"sif", "add", bench.image, bench.at("extra"), "--datatype", "7", "--groupid", "1"}),
             ContainsSubstring(warning + "it does not name object 4"));
  CHECK(warned({"sif", "set", "2", bench.image, "--name", "x"}).empty());
  CHECK(warned({"sif", "compact", bench.image}).empty());
  CHECK(warned({"sif", "del", "2", bench.image}).empty());
  // What has broken already is not said again.
  REQUIRE_FALSE(warned({"sif", "set", "1", bench.image, "--name", "x"}).empty());
  CHECK(run_cli({"sif", "set", "1", bench.image, "--name", "y"}).err.empty());
  write_file(bench.image, sound);
  REQUIRE(run_cli({"sif", "del", "2", bench.image}).code == 0);
  const auto loose = run_cli({"sif", "add", bench.image, bench.at("extra"), "--datatype", "7"});
  CHECK(loose.code == 0);
  CHECK_THAT(
      loose.err,
      ContainsSubstring(
          "object 2 is in no group, where nothing can sign it, so the image does not verify any more (see --groupid)"));
}

TEST_CASE("a terminal gets the text of objects, and no bytes that would steer it", "[cli][sif][hostile]") {
  const Bench bench;
  bench.add("bootstrap: docker\n\tfrom: \xc3\xbc\n", {"--datatype", "1"});
  bench.add("a\x1b[2J\r\n", {"--datatype", "7"});
  bench.add("innocent" + std::string(5000, ' ') + '\0', {"--datatype", "7"});
  const auto dump = [&](const char* id, bool terminal) {
    std::ostringstream out;
    std::ostringstream err;
    cli::Console io{.out = out, .err = err, .out_is_terminal = terminal};
    const int code = cli::run(std::vector<std::string>{"sif", "dump", id, bench.image}, io);
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
  Bench bench;
  std::filesystem::create_directories(bench.folder / "root");
  REQUIRE(run_cli({"build", "-q", "--format", "squashfs", bench.at("image"), "dir:" + bench.at("root")}).code == 0);
  const std::string image = read_file(bench.folder / "image");
  bench.add_partition(image.substr(0, 200), "2");
  bench.add(image, {"--datatype", "6"});
  const auto refused = run_cli({"ls", bench.image});
  CHECK(refused.code == exit_code(ErrorKind::malformed));
  CHECK_THAT(refused.err, ContainsSubstring("bytes, there are 200"));
}
