// SPDX-License-Identifier: Apache-2.0
//
// What the verbs of keys do with several keys, and with both rings of one.
#include <filesystem>
#include <sstream>

#include <sifkit/core/error.h>

#include "support/key_home.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("a key that is revoked by its certificate signs nothing any more", "[cli][key]") {
  const KeyHome home;
  REQUIRE(run_cli({"sif", "new", home.at("image.sif")}).code == 0);
  write_file(home.directory / "data", "data");
  REQUIRE(run_cli({"sif", "add", "--datatype", "7", "--groupid", "1", home.at("image.sif"), home.at("data")}).code == 0);
  for (const auto& keydir : {std::vector<std::string>{}, {"--keydir", home.at(".apptainer/keys")}}) {
    const auto key = [&](std::vector<std::string> arguments) {
      arguments.insert(arguments.begin(), "key");
      arguments.insert(arguments.end(), keydir.begin(), keydir.end());
      return run_cli(arguments);
    };
    const auto made = Json::parse(key({"newpair", "--json", "-N", "Ada"}).out);
    const std::string fingerprint = made["key"]["fingerprint"];
    const std::vector<std::string> sign{"sign", "-q", "--key-name", fingerprint, home.at("image.sif")};
    CHECK(run_cli(sign).code == 0);
    const auto revoked = key({"import", made["revocation"]});
    CHECK(revoked.code == 0);
    CHECK_THAT(revoked.err, ContainsSubstring("updated public key " + fingerprint));
    for (const char* part : {"--secret=false", "--secret"}) CHECK_THAT(key({"list", part}).out, ContainsSubstring("is revoked since "));
    const auto refused = run_cli(sign);
    CHECK(refused.code == exit_code(ErrorKind::denied));
    CHECK_THAT(refused.err, ContainsSubstring("the key is revoked since "));
  }
}

TEST_CASE("a key is listed with its number in the ring, by which signing chooses it", "[cli][key]") {
  const KeyHome home;
  home.make("Ada");
  const auto bob = home.make("Bob");
  const auto record = Json::parse(run_cli({"key", "list", "-s", "--json", "Bob"}).out);
  REQUIRE(record["keys"].size() == 1);
  CHECK(record["keys"][0]["index"] == 1);
  const auto text = run_cli({"key", "list", "-s", "Bob"}).out;
  CHECK(text.substr(text.find('\n') + 1).starts_with("1  " + bob));
  const auto all = Json::parse(run_cli({"key", "list", "-s", "--json"}).out)["keys"];
  REQUIRE(all.size() == 2);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i]["index"] == i);
}

TEST_CASE("of several files or keys each is taken whatever becomes of the others, and the first error decides", "[cli][key]") {
  const KeyHome home;
  const auto ada = home.make("Ada");
  const auto bob = home.make("Bob");
  for (const auto& name : {ada, bob}) REQUIRE(run_cli({"key", "export", "-o", home.at(name), name}).code == 0);
  write_file(home.directory / "junk", "junk");
  const auto imported = run_cli({"key", "import", "--json", "--keydir", home.at("other"), home.at(ada), home.at("junk"), home.at("missing"), home.at(bob)});
  CHECK(imported.code == exit_code(ErrorKind::malformed));
  const auto fingerprints_of = [](const std::string& text) {
    std::vector<std::string> out;
    const Json record = Json::parse(text);
    for (const auto& key : record["keys"]) out.push_back(key["fingerprint"]);
    return out;
  };
  const auto kinds_of = [](const std::string& text) {
    std::istringstream lines(text);
    std::vector<std::string> out;
    for (std::string line; std::getline(lines, line);) out.push_back(parse_json(line, "error")["kind"]);
    return out;
  };
  CHECK(fingerprints_of(imported.out) == std::vector{ada, bob});
  CHECK(kinds_of(imported.err) == std::vector<std::string>{"malformed", "not_found"});
  CHECK(fingerprints_of(run_cli({"key", "list", "--json", "--keydir", home.at("other")}).out) == std::vector{ada, bob});

  const auto removed = run_cli({"key", "remove", "--json", "--keydir", home.at("other"), ada, "Carol", bob});
  CHECK(removed.code == exit_code(ErrorKind::not_found));
  CHECK(fingerprints_of(removed.out) == std::vector{ada, bob});
  CHECK(kinds_of(removed.err) == std::vector<std::string>{"not_found"});
}

TEST_CASE("a new key has one passphrase or none, and an algorithm that there is", "[cli][key]") {
  const KeyHome home;
  write_file(home.directory / "word", "word\n");
  const auto refused = [&](std::vector<std::string> options, const std::string& why) {
    options.insert(options.begin(), {"key", "newpair", "-N", "Ada"});
    const auto result = run_cli(options);
    CHECK(result.code == 2);
    CHECK_THAT(result.err, ContainsSubstring(why));
    CHECK_FALSE(std::filesystem::exists(home.at(".config")));
  };
  refused({"--passphrase-file", home.at("word"), "--no-passphrase"}, "excludes");
  refused({"--passphrase-fd", "0", "--no-passphrase"}, "excludes");
  refused({"--passphrase-fd", "0", "--passphrase-file", home.at("word")}, "excludes");
  refused({"--algorithm", "foo"}, "expected ed25519 or rsa4096, got 'foo'");
  // The variable is not used, so it contradicts nothing.
  CHECK(run_cli({"key", "newpair", "-N", "Ada", "--no-passphrase", "--algorithm", "ED25519"}).code == 0);
  CHECK(Json::parse(run_cli({"key", "list", "-s", "--json"}).out)["keys"][0]["locked"] == false);
}

TEST_CASE("a secret that was left out comes to its key later, and only then has no passphrase", "[cli][key]") {
  const KeyHome home;
  const auto made = run_cli({"key", "newpair", "--json", "-N", "Ada", "--no-passphrase"});
  REQUIRE(made.code == 0);
  const std::string fingerprint = Json::parse(made.out)["key"]["fingerprint"];
  REQUIRE(run_cli({"key", "export", "-s", "-o", home.at("whole"), fingerprint}).code == 0);
  // Behind the public numbers GnuPG's mark for a secret that is elsewhere.
  const auto whole = read_file(home.directory / "whole");
  constexpr std::size_t kPublicNumbers = 1 + 4 + 1 + 1 + 9 + 2 + 33;
  const auto body = whole.substr(2, kPublicNumbers) + std::string("\xff\0\x65\0GNU\1", 8);
  const auto rest = whole.substr(2 + static_cast<unsigned char>(whole.at(1)));
  write_file(home.directory / "stub", whole.substr(0, 1) + static_cast<char>(body.size()) + body + rest);

  const auto import = [&](const std::string& file) {
    const auto done = run_cli({"key", "import", "--keydir", home.at("other"), home.at(file)});
    CHECK(done.code == 0);
    return done.err;
  };
  CHECK_THAT(import("stub"), ContainsSubstring("added secret key " + fingerprint) && ContainsSubstring("has its secret left out") && !ContainsSubstring("passphrase"));
  CHECK_THAT(import("whole"), ContainsSubstring("updated secret key " + fingerprint) && !ContainsSubstring("left out") && ContainsSubstring("has no passphrase"));
  CHECK_THAT(import("stub"), ContainsSubstring("unchanged secret key " + fingerprint));
  REQUIRE(run_cli({"key", "export", "-s", "--keydir", home.at("other"), "-o", home.at("back"), fingerprint}).code == 0);
  CHECK(read_file(home.directory / "back") == whole);
}
