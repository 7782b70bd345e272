// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/json.h>
#include <sifkit/sif/image_editor.h>

#include "support/cli_run.h"
#include "support/verify_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("verify says who has signed what, and its verdict last", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ada.asc"), "-g", "1", fixture.image}).code == 0);
  const auto all = run_cli({"verify", "--key", fixture.at("ada.pub"), fixture.image});
  CHECK(all.code == 13);
  CHECK_THAT(all.out, ContainsSubstring("\nNOT COVERED  3   2          2  JSON.Generic\n"));
  CHECK_THAT(all.out, ContainsSubstring("    \"ada <ada@example.org>\"\n"));
  CHECK_THAT(all.out,
             ContainsSubstring(
                 "\nFAILED: unsigned: signature not found for object group 2; only 2 of 3 objects were checked\n"));
  const auto part = run_cli({"verify", "--key", fixture.at("ada.pub"), "-g", "1", fixture.image});
  CHECK(part.code == 0);
  CHECK(part.out.ends_with("VERIFIED: only 2 of 3 objects were checked, signed by 1 key\n"));
  CHECK(run_cli({"verify", "-q", "--key", fixture.at("ada.pub"), "-g", "1", fixture.image}).out.empty());
  CHECK(run_cli({"verify", fixture.image, "-g", "1"}).code == 14);
}

TEST_CASE("verify --json prints what Apptainer prints, and --json=v1 everything", "[cli][verify]") {
  const VerifyFixture fixture;
  const std::string none = "{\n  \"Signatures\": 0,\n  \"SignerKeys\": null\n}\n";
  CHECK(run_cli({"verify", "--json", "--key", fixture.at("ada.pub"), fixture.image}).out == none);
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ada.asc"), "-g", "2", fixture.image}).code == 0);
  const auto old = run_cli({"verify", "-j", "--key", fixture.at("ada.pub"), "-g", "2", fixture.image});
  CHECK(old.code == 0);
  const Json record = parse_json(old.out, "old");
  CHECK_THAT(old.out, ContainsSubstring("        \"Name\": \"ada \\u003cada@example.org\\u003e\",\n"));
  CHECK(record["Signatures"] == 1);
  CHECK(record["SignerKeys"][0]["Signer"]["Partition"] == "JSON.Generic");
  CHECK(record["SignerKeys"][0]["Signer"]["DataCheck"] == true);

  const auto failed = run_cli({"verify", "--json=v1", "--key", fixture.at("ada.pub"), fixture.image, fixture.at("none.sif")});
  CHECK(failed.code == 13);
  const Json ours = parse_json(failed.out, "ours");
  CHECK(ours["schema"] == "sifkit/verify/v1");
  CHECK(ours["images"][0]["verified"] == false);
  CHECK(ours["images"][0]["covered"] == Json{3});
  CHECK(ours["images"][0]["not_covered"] == Json{1, 2});
  CHECK(ours["images"][0]["signatures"][0]["signers"][0]["valid"] == true);
  CHECK(ours["images"][1]["kind"] == "not_found");
  CHECK(ours["images"][1]["covered"].is_null());
  CHECK(run_cli({"verify", "--json=v2", fixture.image}).code == 2);
  // Printed whatever happens.
  CHECK(run_cli({"verify", "--json", "--key", fixture.at("ada.pub"), "-g", "9", fixture.image}).out == none);
  const auto missing = run_cli({"verify", "--json=v1", "--key", fixture.at("ada.pub"), fixture.at("none.sif")});
  CHECK(missing.code == 3);
  CHECK(parse_json(missing.out, "missing")["images"][0]["kind"] == "not_found");
}

TEST_CASE("verify refuses ids that are not there, and every error of --json=v1 is in its record", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  const auto record = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"verify", "--json=v1", "--key", fixture.at("ed25519.pub")});
    arguments.push_back(fixture.image);
    const auto result = run_cli(arguments);
    CHECK(result.err.empty());
    const auto image = parse_json(result.out, "record")["images"][0];
    std::vector<std::string> keys;
    for (const auto& [key, value] : image.items()) keys.push_back(key);
    CHECK(keys == std::vector<std::string>{"at", "changed", "covered", "cut_short", "digest", "failure", "file", "keys",
                                           "kind", "layout", "not_checked", "not_covered", "policy", "problems",
                                           "signatures", "unprotected", "verified"});
    CHECK(image["verified"] == (result.code == 0));
    CHECK(image["kind"].is_null() == (result.code == 0));
    return image;
  };
  const auto all = record({});
  CHECK(all["failure"].is_null());
  CHECK(all["not_covered"] == Json::array());
  std::vector<std::string> keys;
  for (const auto& [key, value] : all["signatures"][0].items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"created", "format", "group", "hash", "id", "ignored", "legacy", "object",
                                         "objects", "reason", "signers", "verdict"});
  CHECK(all["signatures"][0]["created"].is_null());  // DSSE says no time
  CHECK(all["signatures"][0]["signers"][0]["expires"].is_null());
  CHECK(record({"-i", "3"})["not_checked"] == Json{1, 2});
  CHECK(record({"-i", "9"})["kind"] == "not_found");
  CHECK(record({"-i", "0"})["kind"] == "usage");
  CHECK(record({"-i", "4"})["kind"] == "usage");
  CHECK(record({"-g", "9"})["kind"] == "not_found");
  CHECK(record({"--require-fingerprint", "12045C8C"})["kind"] == "usage");
  CHECK(record({"--legacy-insecure"})["kind"] == "unsigned");
  CHECK(record({"--legacy-insecure", "--all"})["kind"] == "unsigned");
}

TEST_CASE("one key is asked for, whoever else has signed", "[cli][verify]") {
  const VerifyFixture fixture;
  for (const char* key : {"ada.asc", "ecdsa.pem"})
    REQUIRE(run_cli({"sign", "-q", "--key", fixture.at(key), fixture.image}).code == 0);
  CHECK(run_cli({"verify", "--key", fixture.at("ada.pub"), fixture.image}).code == 14);
  const auto asked = run_cli({"verify", "--ignore-others", "--key", fixture.at("ada.pub"), fixture.image});
  CHECK(asked.code == 0);
  CHECK_THAT(asked.out,
             ContainsSubstring("\nsignature 6 of group 1: not asked for, untrusted: no PEM key to verify with\n") &&
                 ContainsSubstring("VERIFIED: all 3 objects were checked, signed by 1 key\n"));
  const auto record =
      parse_json(run_cli({"verify", "--ignore-others", "--json=v1", "--key", fixture.at("ada.pub"), fixture.image}).out,
                 "record")["images"][0];
  CHECK(record["verified"] == true);
  CHECK(record["signatures"][0]["ignored"] == false);
  CHECK(record["signatures"][2]["ignored"] == true);
  const auto other = run_cli({"verify", "--ignore-others", "--key", fixture.at("ed25519.pub"), fixture.image});
  CHECK(other.code == 14);
  CHECK_THAT(other.err, ContainsSubstring("no signature of group 1 is by a key that was asked for"));
}

TEST_CASE("verify says what is not protected, and what more is asked for is in the record, too", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  const auto checked = [&](std::vector<std::string> arguments, int code) {
    arguments.insert(arguments.begin(), {"verify", "--key", fixture.at("ed25519.pub"), fixture.image});
    const auto text = run_cli(arguments);
    CHECK(text.code == code);
    arguments.emplace_back("--json=v1");
    const auto record = run_cli(arguments);
    CHECK(record.code == code);
    return std::pair(text.out, record.out.empty() ? Json() : parse_json(record.out, "record")["images"][0]);
  };
  const std::string digest = digest_of(as_bytes(read_file(fixture.image))).text();
  auto [text, record] = checked({"--print-digest", "--strict-layout"}, 0);
  CHECK_THAT(text, ContainsSubstring(" bytes, " + digest + "\n"));
  CHECK_THAT(text, ContainsSubstring("the header's architecture (amd64, as the partition's), times of change, places, "));
  CHECK(text.ends_with("VERIFIED: all 3 objects were checked, signed by 1 key\n"));
  CHECK(record["digest"] == digest);
  CHECK(record["layout"] == Json::array());
  CHECK(record["keys"][0]["objects"] == Json{1, 2, 3});
  CHECK(record["unprotected"]["architecture"] == "amd64");
  CHECK(record["unprotected"]["architecture_agrees"] == true);
  CHECK(record["unprotected"]["bytes_behind"] == 0);
  CHECK(record["at"].is_null());
  CHECK(checked({"--require-digest", digest}, 0).second["digest"] == digest);
  CHECK(checked({"--require-digest", "sha256:" + std::string(64, '0')}, 15).second["kind"] == "tampered");
  CHECK(checked({"--require-digest", digest.substr(0, 20)}, 2).second.is_null());
  CHECK(checked({"--at", "2026-01-31"}, 0).second["at"] == 1769817600);
  CHECK_THAT(checked({"--at", "2026-01-31T01:00:00+01:00"}, 0).first, ContainsSubstring("judged as of 2026-01-31 00:00:00 +0000 UTC\n"));
  for (const char* time : {"", "yesterday", "2026-13-01", "1960-01-01", "2200-01-01"}) CHECK(run_cli({"verify", "--at", time, fixture.image}).code == 2);

  write_file(fixture.image, read_file(fixture.image) + "hidden");
  CHECK_THAT(checked({}, 0).first, ContainsSubstring(", 6 behind the last one\n"));
  std::tie(text, record) = checked({"--strict-layout"}, 13);
  CHECK_THAT(text, ContainsSubstring("\nlayout: 6 bytes lie behind the last object\n"));
  CHECK(record["layout"] == Json{"6 bytes lie behind the last object"});
  CHECK(record["unprotected"]["bytes_behind"] == 6);
}

TEST_CASE("the environment names keys where the command line names none", "[cli][verify]") {
  const VerifyFixture fixture;
  {
    const Environment key("APPTAINER_SIGN_KEY", fixture.at("ed25519.pem"));
    REQUIRE(run_cli({"sign", "-q", fixture.image}).code == 0);
  }
  {
    const Environment key("SIFKIT_VERIFY_KEY", fixture.at("ed25519.pub"));
    CHECK(run_cli({"verify", "-q", fixture.image}).code == 0);
    CHECK(run_cli({"verify", "-q", "--key", fixture.at("ecdsa.pub"), fixture.image}).code == 14);
  }
  CHECK(run_cli({"verify", "-q", fixture.image}).code == 14);
}

TEST_CASE("a signature that is later than the time of an audit is called that, and its key is not sought", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ada.asc"), fixture.image}).code == 0);
  const auto early = run_cli({"verify", "--at", "2020-01-01", "--key", fixture.at("ada.pub"), fixture.image});
  CHECK(early.code == 14);
  CHECK_THAT(early.err, ContainsSubstring(": the signature is from the future: made ") && ContainsSubstring(", the time is 2020-01-01 00:00:00 UTC"));
  CHECK_THAT(early.err, !ContainsSubstring("key import"));
  CHECK_THAT(early.out, !ContainsSubstring("not known here"));
  fixture.make_pgp("bob");
  CHECK_THAT(run_cli({"verify", "--at", "2020-01-01", "--key", fixture.at("bob.pub"), fixture.image}).err,
             ContainsSubstring(": made by a key that is not there") && ContainsSubstring("key import"));
}

TEST_CASE("what is asked of a certificate's chain needs a certificate, of the command line or the environment", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  fixture.shell("openssl req -x509 -key ed25519.pem -subj /CN=ada -addext keyUsage=digitalSignature -addext extendedKeyUsage=codeSigning -out ada.crt");
  const std::string key = fixture.at("ed25519.pub");
  const std::string certificate = fixture.at("ada.crt");
  using Options = std::vector<std::string>;
  const auto verify = [&](Options options) {
    options.insert(options.begin(), {"verify", "-q", fixture.image});
    return run_cli(options);
  };
  for (const auto& chain : {Options{"--ocsp-verify"}, {"--certificate-roots", certificate}, {"--certificate-intermediates", certificate}}) {
    for (const auto& keys : {Options{}, {"--key", key}}) {
      auto options = keys;
      options.insert(options.end(), chain.begin(), chain.end());
      const auto refused = verify(options);
      CHECK(refused.code == 2);
      CHECK_THAT(refused.err, ContainsSubstring("error: " + chain[0] + " requires --certificate\n"));
    }
  }
  CHECK(verify({"--key", key, "--ocsp-verify=false"}).code == 0);
  {
    const Environment named("SIFKIT_VERIFY_CERTIFICATE", certificate);
    CHECK(verify({"--certificate-roots", certificate}).code == 0);
    CHECK(verify({"--key", key, "--certificate-roots", certificate}).code == 2);
  }
  // What is not used is no error.
  const Environment unused({{"SIFKIT_VERIFY_OCSP", "on"}, {"SIFKIT_VERIFY_ROOTS", certificate}, {"SIFKIT_VERIFY_INTERMEDIATES", "none"}});
  CHECK(verify({"--key", key}).code == 0);
}

TEST_CASE("a hostile user id cannot steer the terminal", "[cli][verify]") {
  const VerifyFixture fixture;
  fixture.make_pgp("eve\x1b[2J\nVERIFIED");
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("eve\x1b[2J\nVERIFIED.asc"), fixture.image}).code == 0);
  const auto result = run_cli({"verify", "--key", fixture.at("eve\x1b[2J\nVERIFIED.pub"), fixture.image});
  CHECK(result.code == 0);
  CHECK(result.out.find('\x1b') == std::string::npos);
  CHECK(result.out.find("\nVERIFIED <") == std::string::npos);
}

TEST_CASE("verify --policy says which rule was for an image, and fails where one or the policy is missing", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ada.asc"), fixture.image}).code == 0);
  const std::string site = fixture.at("site.json");
  const auto with = [&](const std::string& members) {
    write_file(site, R"({"schema": "sifkit/verify-policy/v1", )" + members + "}");
    std::filesystem::permissions(site, std::filesystem::perms(0644));
  };
  const auto verify = [&](std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"verify", "--key", fixture.at("ada.pub"), "--policy", site});
    more.push_back(fixture.image);
    return run_cli(more);
  };
  const std::string rule = R"("rules": [{"path": ")" + fixture.directory.path().string() + "\"";

  CHECK(verify().code == 3);
  with(rule + "}]");
  const auto good = verify();
  CHECK(good.code == 0);
  CHECK_THAT(good.out, ContainsSubstring("\npolicy '" + site + "': rules[0] ('" + fixture.directory.path().string() + "') is for '" + fixture.image + "'\n"));
  with(R"("default": {"threshold": 2})");
  const auto few = verify();
  CHECK(few.code == 14);
  CHECK_THAT(few.out, ContainsSubstring("\npolicy '" + site + "': default is for '" + fixture.image + "'\n"));
  CHECK_THAT(few.out, ContainsSubstring("\nFAILED: untrusted: policy '" + site + "', default: 1 of 2 keys needed have signed all that is checked; "));
  with(R"("rules": [{"path": "/nowhere"}])");
  const auto none = verify();
  CHECK(none.code == 14);
  CHECK_THAT(none.out, ContainsSubstring("': NO RULE is for '"));
  with(R"("default": {"keys": [7]})");
  const auto broken = verify();
  CHECK(broken.code == 7);
  CHECK(broken.out.empty());
  CHECK_THAT(broken.err, ContainsSubstring("default.keys[0]: expected a string, got a number"));
  write_file(site, R"({"schema": "sifkit/verify-policy/v2"})");
  CHECK(verify().code == 9);

  with(rule + R"(, "legacy": false}])");
  CHECK(verify({"--legacy-insecure"}).code == 14);
  const auto record = parse_json(verify({"--json=v1"}).out, "record")["images"][0]["policy"];
  CHECK(record == Json{{"policy", site}, {"image", fixture.image}, {"rule", "rules[0]"}, {"path", fixture.directory.path().string()}, {"links", Json::array()}});
  const auto plain = run_cli({"verify", "--json=v1", "--key", fixture.at("ada.pub"), fixture.image});
  CHECK(parse_json(plain.out, "plain")["images"][0]["policy"].is_null());
  // A link in another directory: both rules must hold.
  const TempDir other;
  const auto link = (other / "link.sif").string();
  std::filesystem::create_symlink(fixture.image, link);
  with(rule + R"(}, {"path": ")" + other.path().string() + R"(", "threshold": 2}])");
  const auto linked = run_cli({"verify", "--key", fixture.at("ada.pub"), "--policy", site, link});
  CHECK(linked.code == 14);
  CHECK_THAT(linked.out, ContainsSubstring("rules[1] ('" + other.path().string() + "') is for '" + link + "'\n"));
  CHECK_THAT(linked.err, ContainsSubstring("hint: it is for '" + link + "', which the image's name leads over\n"));
  const auto links = parse_json(run_cli({"verify", "--json=v1", "--key", fixture.at("ada.pub"), "--policy", site, link}).out, "record")["images"][0]["policy"]["links"];
  CHECK(links == Json::array({{{"link", link}, {"rule", "rules[1]"}, {"path", other.path().string()}}}));
  with(rule + "}]");
  const std::string from_nowhere = "cd '" + fixture.directory.path().string() + "' && mkdir gone && cd gone && rmdir ../gone && exec '" + tested_program() + "' verify --key '" + fixture.at("ada.pub") + "' --policy '" + site + "' ../image.sif";
  const auto nowhere = run_process({"sh", "-c", from_nowhere}, {"PATH=/usr/bin:/bin"}, true);
  CHECK(nowhere.code == 14);
  CHECK_THAT(nowhere.out, ContainsSubstring("'../image.sif' begins at a directory that has been removed"));
  // Apptainer's form has no place for it.
  CHECK(verify({"--json"}).out == run_cli({"verify", "--json", "--key", fixture.at("ada.pub"), fixture.image}).out);
}

TEST_CASE("verify takes the empty name of a file for no absence", "[cli][verify]") {
  // As of a variable that is not set: --policy "$POLICY".
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ada.asc"), fixture.image}).code == 0);
  for (const char* option : {"--policy", "--certificate-roots", "--certificate-intermediates"}) {
    for (const auto& arguments : {std::vector<std::string>{option, ""}, {std::string(option) + "="}}) {
      auto line = arguments;
      line.insert(line.begin(), {"verify", "--key", fixture.at("ada.pub"), fixture.image});
      const auto result = run_cli(line);
      INFO(option << " " << arguments.size());
      CHECK(result.code == 2);
    }
  }
  CHECK(run_cli({"verify", "--certificate", "", fixture.image}).code == 2);
  CHECK(run_cli({"verify", "--key", "", fixture.image}).code == 3);
  // A place where no SIF file is read from.
  const auto layers = run_cli({"verify", "docker://example.org/app:1"});
  CHECK(layers.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(layers.err, ContainsSubstring("'docker://example.org/app:1' is no SIF file"));
  CHECK_THAT(run_cli({"sif", "list", "https://example.org/app.sif"}).err, ContainsSubstring("'sifkit pull' fetches the file"));
}

TEST_CASE("a variable that asks for OCSP in any of Go's words is heard, and one that says something else refused", "[cli][verify]") {
  const VerifyFixture fixture;
  REQUIRE(run_cli({"sign", "-q", "--key", fixture.at("ed25519.pem"), fixture.image}).code == 0);
  fixture.shell("openssl req -x509 -key ed25519.pem -subj /CN=ada -addext keyUsage=digitalSignature -addext extendedKeyUsage=codeSigning -out ada.crt");
  const auto code = [&](const char* name, const char* word) {
    const Environment asked(name, word);
    return run_cli({"verify", "-q", "--certificate", fixture.at("ada.crt"), "--certificate-roots", fixture.at("ada.crt"), fixture.image}).code;
  };
  for (const char* name : {"SIFKIT_VERIFY_OCSP", "APPTAINER_VERIFY_OCSP"}) {
    for (const char* word : {"", "0", "false", "FALSE", "no"}) CHECK(code(name, word) == 0);
    for (const char* word : {"1", "t", "true", "True", "TRUE", "yes"}) CHECK(code(name, word) == 14);  // nobody can be asked of a root
    for (const char* word : {"on", "tRUE", "2", "true "}) CHECK(code(name, word) == 2);
  }
}
