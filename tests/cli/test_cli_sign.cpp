// SPDX-License-Identifier: Apache-2.0
#include <sstream>

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

TEST_CASE("of several files each is signed whatever becomes of the others, and the first error decides", "[cli][sign]") {
  const VerifyFixture fixture;
  const std::string key = fixture.at("ed25519.pem");
  const std::string other = fixture.at("other.sif");
  const std::string missing = fixture.at("missing.sif");
  write_file(other, read_file(fixture.image));
  const auto done = run_cli({"sign", "--json", "--key", key, fixture.image, missing, key, other});
  CHECK(done.code == 3);
  const auto record = parse_json(done.out, "done");
  CHECK(record["signed"] == Json{fixture.image, other});
  CHECK(record["images"][0]["file"] == fixture.image);
  CHECK(record["images"][1]["file"] == other);
  std::istringstream errors(done.err);
  std::vector<std::string> kinds;
  for (std::string line; std::getline(errors, line);) kinds.push_back(parse_json(line, "error")["kind"]);
  CHECK(kinds == std::vector<std::string>{"not_found", "unsupported"});
  for (const auto& file : {fixture.image, other}) CHECK(run_cli({"verify", "-q", "--key", fixture.at("ed25519.pub"), file}).code == 0);
  const auto none = run_cli({"sign", "--key", key, key, missing});
  CHECK(none.code == 9);
  CHECK_THAT(none.err, ContainsSubstring(key) && ContainsSubstring(missing));
}

TEST_CASE("a key of a ring is chosen in one way, and of a PEM key none", "[cli][sign]") {
  const VerifyFixture fixture;
  const auto before = read_file(fixture.image);
  const auto refused = [&](std::vector<std::string> options, const std::string& why) {
    options.insert(options.begin(), "sign");
    options.push_back(fixture.image);
    const auto result = run_cli(options);
    CHECK(result.code == 2);
    CHECK_THAT(result.err, ContainsSubstring(why));
    CHECK(read_file(fixture.image) == before);
  };
  const std::string pem = fixture.at("ed25519.pem");
  const std::string ring = fixture.at("ada.asc");
  const auto no_ring = [&](const std::string& choice) { return "'" + pem + "' is a PEM key, where a ring of OpenPGP keys was expected to choose " + choice + " from\n"; };
  refused({"--key", ring, "-k", "0", "--key-name", "ada"}, "excludes");
  refused({"--key", pem, "-k", "3"}, no_ring("number 3"));
  refused({"--key", pem, "--key", fixture.at("ecdsa.pem"), "--key-name", "ada"}, no_ring("'ada'"));
  {
    const Environment named("SIFKIT_SIGN_KEY", pem);
    refused({"--key-name", "ada"}, no_ring("'ada'"));
    CHECK(run_cli({"sign", "-q", "--key", ring, "--key-name", "ada", fixture.image}).code == 0);
  }
  // Of both kinds it is for the ring.
  CHECK(run_cli({"sign", "-q", "--key", pem, "--key", ring, "--key-name", "ada", fixture.image}).code == 0);
  const auto twice = run_cli({"sign", "--key", ring, "--passphrase-file", ring, "--passphrase-fd", "0", fixture.image});
  CHECK(twice.code == 2);
  CHECK_THAT(twice.err, ContainsSubstring("--passphrase-fd excludes --passphrase-file") || ContainsSubstring("--passphrase-file excludes --passphrase-fd"));
}

TEST_CASE("what is given in place of a private key is named", "[cli][sign]") {
  const VerifyFixture fixture;
  fixture.shell("openssl req -x509 -key ed25519.pem -subj /CN=ada -out ada.crt");
  const auto said = [&](const char* name) { return run_cli({"sign", "--key", fixture.at(name), fixture.image}).err; };
  CHECK_THAT(said("ed25519.pub"), ContainsSubstring(": this is a public key where a private key was expected\n"));
  CHECK_THAT(said("ada.crt"), ContainsSubstring(": this is a certificate where a private key was expected\n"));
}
