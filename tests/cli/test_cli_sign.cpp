// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>
#include <sifkit/sif/image_editor.h>

#include "support/cli_run.h"
#include "support/verify_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("sign --json says what was signed, and errors are JSON then", "[cli][sign]") {
  const VerifyFixture fixture;
  const auto done = run_cli({"sign", "--json", "--key", fixture.at("ed25519.pem"), fixture.image});
  CHECK(done.code == 0);
  CHECK(done.err.empty());
  const Json image{{"file", fixture.image},
                   {"added", {4, 5}},
                   {"replaced", Json::array()},
                   {"stale", Json::array()},
                   {"without_group", Json::array()}};
  CHECK(parse_json(done.out, "done") ==
        Json{{"schema", "sifkit/sign/v1"}, {"signed", {fixture.image}}, {"images", Json::array({image})}});
  const auto before = read_file(fixture.image);
  const auto fails = [&](std::vector<std::string> arguments, int code, const char* kind) {
    arguments.insert(arguments.begin(), {"sign", "--json"});
    const auto result = run_cli(arguments);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    const auto record = parse_json(result.err, "error");
    std::vector<std::string> keys;
    for (const auto& [key, value] : record.items()) keys.push_back(key);
    CHECK(keys == std::vector<std::string>{"context", "exit_code", "hint", "kind", "message", "schema"});
    CHECK(record["schema"] == "sifkit/error/v1");
    CHECK(record["kind"] == kind);
    CHECK(record["exit_code"] == code);
    CHECK(read_file(fixture.image) == before);
  };
  const std::string key = fixture.at("ed25519.pem");
  fails({"--key", key, fixture.at("none.sif")}, 3, "not_found");
  fails({"--key", fixture.at("none.pem"), fixture.image}, 3, "not_found");
  fails({"--key", key, "-g", "9", fixture.image}, 3, "not_found");
  fails({"--key", key, "-i", "9", fixture.image}, 3, "not_found");
  fails({"--key", key, "-g", "0", fixture.image}, 2, "usage");
  fails({"--key", key, "-i", "0", fixture.image}, 2, "usage");
  fails({"--key", key, "-i", "4", fixture.image}, 2, "usage");  // a signature
  fails({"--key", fixture.at("ed25519.pub"), fixture.image}, 7, "malformed");
  fails({"--key", key, key}, 9, "unsupported");
  fails({"--key", key}, 2, "usage");
  fails({fixture.image}, 3, "not_found");  // empty rings
}

TEST_CASE("sign names what keeps an image from being verified, and replaces it when asked", "[cli][sign]") {
  const VerifyFixture fixture;
  write_file(fixture.directory / "more", "more");
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  const auto loose = run_cli({"sif", "add", "--datatype", "7", fixture.image, fixture.at("more")});
  CHECK_THAT(
      loose.err,
      ContainsSubstring(
          "object 6 is in no group, where nothing can sign it, so the image does not verify any more (see --groupid)"));
  CHECK_THAT(
      run_cli({"sif", "set", "2", fixture.image, "--arch", "arm64"}).err,
      ContainsSubstring("signature 4 of group 1 does not hold any more: the descriptor of object 2 has changed"));
  const auto again = run_cli({"sign", "--key", fixture.at("ed25519.pem"), fixture.image});
  CHECK(again.code == 0);
  CHECK_THAT(again.err,
             ContainsSubstring("signature 4 of group 1 does not hold, so the image does not verify: the descriptor of "
                               "object 2 has changed (--replace drops old signatures)") &&
                 ContainsSubstring("object 6 is in no group, where nothing can sign it, so the image does not verify"));
  REQUIRE(run_cli({"sif", "del", "--zero", "6", fixture.image}).code == 0);
  CHECK(run_cli({"verify", "--key", fixture.at("ed25519.pub"), fixture.image}).code == 15);
  const auto replaced = run_cli({"sign", "--replace", "--key", fixture.at("ed25519.pem"), fixture.image});
  CHECK(replaced.code == 0);
  CHECK_THAT(replaced.err, ContainsSubstring("signed, 4 old signatures replaced") && !ContainsSubstring("warning"));
  const auto verified = run_cli({"verify", "--strict-layout", "--key", fixture.at("ed25519.pub"), fixture.image});
  CHECK(verified.code == 0);
  CHECK(sif::Image::open(fixture.image).objects_of(sif::DataType::signature).size() == 2);
}
