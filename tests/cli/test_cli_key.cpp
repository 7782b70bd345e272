// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <filesystem>
#include <regex>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/file.h>
#include <sifkit/core/json.h>

#include "key_text.h"
#include "support/errors.h"
#include "support/key_home.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("a key pair is made, listed, exported, removed and imported again", "[cli][key]") {
  KeyHome home;
  const auto made = run_cli({"key", "newpair", "-N", "Ada", "-E", "ada@example.org"});
  CHECK(made.code == 0);
  std::smatch match;
  REQUIRE(std::regex_match(made.out, match, std::regex("([0-9A-F]{40})  Ada <ada@example.org>\n")));
  const std::string fingerprint = match[1];

  const auto listed = run_cli({"key", "list", "--json"});
  const auto record = Json::parse(listed.out);
  CHECK(record["schema"] == "sifkit/key-list/v1");
  CHECK(record["ring"] == home.at(".config/sifkit/keys/pgp-public"));
  CHECK(record["keys"][0]["fingerprint"] == fingerprint);
  CHECK(record["keys"][0]["security_bits"] == 128);
  CHECK_THAT(run_cli({"key", "list", "--secret"}).out, ContainsSubstring(fingerprint) && ContainsSubstring("locked"));

  CHECK(run_cli({"key", "export", "--secret", "--armor", "-o", home.at("secret.asc"), "Ada"}).code == 0);
  struct stat st {};
  REQUIRE(::stat(home.at("secret.asc").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
  CHECK_THAT(read_file(home.at("secret.asc")), ContainsSubstring("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
  CHECK_THAT(run_cli({"key", "export", "-a", fingerprint}).out, ContainsSubstring("-----BEGIN PGP PUBLIC KEY BLOCK-----"));

  const auto kept = run_cli({"key", "remove", "--secret", fingerprint, "--force"});
  CHECK(kept.code == 0);
  CHECK(run_cli({"key", "remove", fingerprint}).code == 0);
  CHECK(Json::parse(run_cli({"key", "list", "--json"}).out)["keys"].empty());

  const auto imported = run_cli({"key", "import", "--json", home.at("secret.asc")});
  CHECK(Json::parse(imported.out)["keys"][0]["change"] == "added");
  CHECK(Json::parse(run_cli({"key", "list", "--secret", "--json"}).out)["keys"][0]["fingerprint"] == fingerprint);
}

TEST_CASE("every verb of key prints one record with every field, and JSON errors", "[cli][key]") {
  KeyHome home;
  const auto record = [](const std::vector<std::string>& arguments, const std::string& verb) {
    const auto result = run_cli(arguments);
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto out = parse_json(result.out, verb);
    CHECK(out["schema"] == "sifkit/key-" + verb + "/v1");
    return out;
  };
  const auto members = [](const Json& object) {
    std::string names;
    for (const auto& [name, value] : object.items()) names += (names.empty() ? "" : " ") + name;
    return names;
  };
  const std::string of_key = "algorithm bits can_sign created curve expires fingerprint locked part problem revoked_user_ids security_bits subkeys user_ids";
  const std::string of_listed = "algorithm bits can_sign created curve expires fingerprint index locked part problem revoked_user_ids security_bits subkeys user_ids";
  const std::string of_import = "algorithm bits can_sign change created curve expires file fingerprint locked part problem revoked_user_ids security_bits subkeys user_ids";
  auto out = record({"key", "newpair", "--json", "-N", "Ada", "--expires", "never"}, "newpair");
  CHECK(members(out) == "directory key revocation schema");
  CHECK(members(out["key"]) == of_key);
  CHECK(out["key"]["expires"].is_null());
  CHECK(out["key"]["problem"].is_null());
  CHECK(out["key"]["locked"] == true);
  const std::string fingerprint = out["key"]["fingerprint"];
  out = record({"key", "list", "--json", "-s"}, "list");
  CHECK(members(out) == "keys ring schema");
  CHECK(members(out["keys"][0]) == of_listed);
  CHECK(out["keys"][0]["locked"] == true);
  CHECK(out["keys"][0]["part"] == "secret");
  out = record({"key", "export", "--json", "-a", "-o", home.at("ada.asc"), "Ada"}, "export");
  CHECK(members(out) == "armored keys output schema");
  CHECK(out["output"] == home.at("ada.asc"));
  out = record({"key", "remove", "--json", fingerprint}, "remove");
  CHECK(members(out) == "directory keys schema");
  CHECK(out["keys"][0]["fingerprint"] == fingerprint);
  out = record({"key", "import", "--json", home.at("ada.asc")}, "import");
  CHECK(members(out) == "directory keys schema");
  CHECK(members(out["keys"][0]) == of_import);
  CHECK(out["keys"][0]["change"] == "added");
  CHECK(out["keys"][0]["file"] == home.at("ada.asc"));

  write_file(home.directory / "junk", "junk");
  const auto fails = [](const std::vector<std::string>& arguments, const char* kind) {
    const auto result = run_cli(arguments);
    CHECK(result.out.empty());
    const auto error = parse_json(result.err, "error");
    CHECK(error["schema"] == "sifkit/error/v1");
    CHECK(error["kind"] == kind);
    CHECK(error["exit_code"] == result.code);
  };
  fails({"key", "export", "--json", "-o", home.at("x"), "Bob"}, "not_found");
  fails({"key", "export", "--json", "-a", "Ada"}, "usage");  // both to standard output
  fails({"key", "export", "--json", "-o", home.at("ada.asc"), "Ada"}, "exists");
  fails({"key", "remove", "--json", std::string(40, '0')}, "not_found");
  fails({"key", "import", "--json", home.at("junk")}, "malformed");
  fails({"key", "newpair", "--json", "-N", "Ada", "--expires", "soon"}, "usage");
  fails({"key", "pull", "--json", "--keyserver", "gopher://localhost", fingerprint}, "usage");
  fails({"key", "push", "--json", "Bob"}, "not_found");
}

TEST_CASE("keys are read from standard input", "[cli][key]") {
  KeyHome home;
  const auto fingerprint = home.make("Ada");
  write_file(home.directory / "key", run_cli({"key", "export", fingerprint}).out);
  const UniqueFd in(::open(home.at("key").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(run_cli({"key", "import", "--keydir", home.at("other"), "-"}, in.get()).code == 0);
  write_file(home.at("file"), "text");
  const auto no_directory = run_cli({"key", "list", "--keydir", home.at("file")});
  CHECK(no_directory.code == exit_code(ErrorKind::usage));
  CHECK_THAT(no_directory.err, ContainsSubstring("is no directory"));
  CHECK(Json::parse(run_cli({"key", "list", "--json", "--keydir", home.at("other")}).out)["keys"][0]["fingerprint"] == fingerprint);
}

TEST_CASE("a secret key goes to no terminal and to no file that others may open", "[cli][key]") {
  KeyHome home;
  const auto fingerprint = home.make("Ada");
  const auto run = [&](std::vector<std::string> args, bool terminal, bool others) {
    std::ostringstream out;
    std::ostringstream err;
    cli::Console io{.out = out, .err = err};
    io.out_is_terminal = terminal;
    io.out_is_for_others = others;
    const int code = cli::run(args, io);
    if (code != 0) CHECK(out.str().empty());
    return code;
  };
  CHECK(run({"key", "export", "--secret", "--armor", fingerprint}, true, false) == 2);
  CHECK(run({"key", "export", "--secret", fingerprint}, false, true) == 2);
  CHECK(run({"key", "export", "--secret", fingerprint}, false, false) == 0);
  CHECK(run({"key", "export", fingerprint}, true, false) == 2);
  CHECK(run({"key", "export", "--armor", fingerprint}, true, false) == 0);
  CHECK(run({"key", "export", fingerprint}, false, true) == 0);
}

TEST_CASE("an existing file is replaced by an export only when asked", "[cli][key]") {
  KeyHome home;
  const auto fingerprint = home.make("Ada");
  write_file(home.directory / "there", "mine");
  CHECK(run_cli({"key", "export", "-o", home.at("there"), fingerprint}).code == 4);
  CHECK(read_file(home.directory / "there") == "mine");
  CHECK(run_cli({"key", "export", "-s", "-o", home.at("there"), "--force", fingerprint}).code == 0);
  struct stat st {};
  REQUIRE(::stat(home.at("there").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777) == 0600);
}

TEST_CASE("without a terminal nothing is asked: a missing name or passphrase is an error at once", "[cli][key]") {
  KeyHome home;
  CHECK(run_cli({"key", "newpair"}).code == 2);
  const Environment none("SIFKIT_PASSPHRASE", "");
  const auto empty = run_cli({"key", "newpair", "-N", "Ada"});
  CHECK(empty.code == 2);
  CHECK_THAT(empty.err, ContainsSubstring("the variable SIFKIT_PASSPHRASE is empty where a passphrase was expected") && ContainsSubstring("--no-passphrase"));
  CHECK(run_cli({"key", "newpair", "-N", "Ada", "--no-passphrase"}).code == 0);
  CHECK_FALSE(Json::parse(run_cli({"key", "list", "-s", "--json"}).out)["keys"][0]["locked"]);
}

TEST_CASE("user ids are escaped on a terminal", "[cli][key]") {
  KeyHome home;
  CHECK(run_cli({"key", "newpair", "-N", "Ada \x1b[31m"}).code == 2);
  CHECK(run_cli({"key", "newpair", "-N", "Ada \x9b" "31m"}).code == 2);
  // The character 0x9b starts an escape sequence.
  CHECK(run_cli({"key", "newpair", "-N", "Ada \xc2\x9b" "31m"}).code == 0);
  const auto listed = run_cli({"key", "list"});
  CHECK(listed.out.find('\x9b') == std::string::npos);
  CHECK_THAT(listed.out, ContainsSubstring("Ada \\xc2\\x9b31m"));
}

TEST_CASE("names are shown as people write them", "[cli][key]") {
  KeyHome home;
  CHECK(run_cli({"key", "newpair", "-N", "Zo\xc3\xab M\xc3\xbcller \xe6\x9d\x8e \xe2\x80\xae"}).code == 0);  // the last one turns the direction
  CHECK_THAT(run_cli({"key", "list"}).out, ContainsSubstring("Zo\xc3\xab M\xc3\xbcller \xe6\x9d\x8e \\xe2\\x80\\xae"));
  CHECK_THAT(run_cli({"key", "list", "m\xc3\xbcller"}).out, ContainsSubstring("Zo\xc3\xab"));
}

TEST_CASE("keys are listed, exported and removed by the same names, and signing takes them, too", "[cli][key]") {
  KeyHome home;
  const auto ada = home.make("Ada");
  const auto grada = home.make("Grada");
  CHECK(Json::parse(run_cli({"key", "list", "--json", "da"}).out)["keys"].size() == 2);
  CHECK(Json::parse(run_cli({"key", "list", "--json", "grada"}).out)["keys"][0]["fingerprint"] == grada);
  CHECK(Json::parse(run_cli({"key", "list", "--json", "ADA"}).out)["keys"][0]["fingerprint"] == ada);
  const auto missing = run_cli({"key", "list", "carol"});
  CHECK(missing.code == 3);
  CHECK_THAT(missing.err, ContainsSubstring("no public key 'carol'"));
  CHECK(run_cli({"key", "export", "-a", "0x" + ada.substr(24)}).code == 0);
  const auto several = run_cli({"key", "remove", "da"});
  CHECK(several.code == 2);
  CHECK_THAT(several.err, ContainsSubstring("'da' means several public keys") && ContainsSubstring(ada) && ContainsSubstring(grada));
  CHECK(run_cli({"key", "remove", "Grada"}).code == 0);
  CHECK(Json::parse(run_cli({"key", "list", "--json"}).out)["keys"].size() == 1);
}

TEST_CASE("an empty variable for a passphrase is called empty, not wrong", "[cli][key]") {
  KeyHome home;
  home.make("Ada");
  write_file(home.directory / "tree", "");
  write_file(home.at("empty"), "");
  CHECK(run_cli({"sif", "new", home.at("image.sif")}).code == 0);
  const Environment none("SIFKIT_PASSPHRASE", "");
  const auto by_file = run_cli({"sign", "--passphrase-file", home.at("empty"), home.at("image.sif")});
  CHECK(by_file.code == 2);
  CHECK_THAT(by_file.err, ContainsSubstring("empty' is empty where a passphrase was expected"));
  const auto by_variable = run_cli({"sign", home.at("image.sif")});
  CHECK(by_variable.code == 2);
  CHECK_THAT(by_variable.err, ContainsSubstring("the variable SIFKIT_PASSPHRASE is empty where a passphrase was expected"));
}

TEST_CASE("the user ids that anybody has put onto a key are not shown, however many", "[cli][key][hostile]") {
  KeyHome home;
  home.make("Ada");
  std::string flooded = run_cli({"key", "export", "Ada"}).out;
  for (int i = 0; i < 80'000; ++i) {
    const std::string id = "Flood " + std::to_string(i);
    flooded += "\xcd" + std::string(1, static_cast<char>(id.size())) + id;
  }
  write_file(home.directory / "flooded", flooded);
  CHECK(run_cli({"key", "import", home.at("flooded")}).code == 0);
  const auto listed = run_cli({"key", "list"}).out;
  CHECK(std::count(listed.begin(), listed.end(), '\n') == 2);
  CHECK(Json::parse(run_cli({"key", "list", "--json"}).out)["keys"][0]["user_ids"] == Json({"Ada"}));
}

TEST_CASE("signing takes the user's own secret key, and verifying trusts the user's own ring", "[cli][key]") {
  KeyHome home;
  std::filesystem::create_directories(home.directory / "tree" / "etc");
  write_file(home.directory / "tree" / "etc" / "motd", "hello\n");
  REQUIRE(run_cli({"build", "-q", home.at("app.sif"), "dir:" + home.at("tree")}).code == 0);
  const auto nothing = run_cli({"sign", home.at("app.sif")});
  CHECK(nothing.code == 3);
  CHECK_THAT(nothing.err, ContainsSubstring("sifkit key newpair"));
  const auto ada = home.make("Ada");
  CHECK(run_cli({"sign", "-q", home.at("app.sif")}).code == 0);
  const auto verified = run_cli({"verify", "--json=v1", home.at("app.sif")});
  CHECK(verified.code == 0);
  CHECK_THAT(verified.out, ContainsSubstring(ada));
  CHECK(run_cli({"key", "remove", ada}).code == 0);
  CHECK(run_cli({"verify", "-q", home.at("app.sif")}).code == 14);
}

TEST_CASE("the rings of Apptainer and SingularityCE are looked at after the user's own", "[cli][key]") {
  KeyHome home;
  std::filesystem::create_directories(home.directory / "tree");
  write_file(home.directory / "tree" / "file", "hello\n");
  home.make("Ada");
  for (const std::string directory : {".apptainer/keys", ".singularity/sypgp"}) {
    REQUIRE(run_cli({"build", "-q", "--force", home.at("app.sif"), "dir:" + home.at("tree")}).code == 0);
    const auto theirs = run_cli({"key", "newpair", "--json", "-N", "Of " + directory, "--keydir", home.at(directory)});
    REQUIRE(theirs.code == 0);
    const std::string fingerprint = Json::parse(theirs.out)["key"]["fingerprint"];
    CHECK(run_cli({"sign", "-q", "--key-name", "Of " + directory, home.at("app.sif")}).code == 0);
    const auto verified = run_cli({"verify", "--json=v1", home.at("app.sif")});
    CHECK(verified.code == 0);
    CHECK_THAT(verified.out, ContainsSubstring(fingerprint) && ContainsSubstring(directory));
  }
}

TEST_CASE("a ring that others may write is not trusted", "[cli][key]") {
  KeyHome home;
  std::filesystem::create_directories(home.directory / "tree");
  REQUIRE(run_cli({"build", "-q", home.at("app.sif"), "dir:" + home.at("tree")}).code == 0);
  home.make("Ada");
  REQUIRE(run_cli({"sign", "-q", home.at("app.sif")}).code == 0);
  REQUIRE(::chmod(home.at(".config/sifkit/keys/pgp-public").c_str(), 0666) == 0);
  const auto refused = run_cli({"verify", home.at("app.sif")});
  CHECK(refused.code == 11);
  CHECK_THAT(refused.err, ContainsSubstring("chmod go-w"));
}

TEST_CASE("lifetimes are read strictly", "[cli][key]") {
  constexpr std::int64_t kNow = 1'800'000'000;  // 2027-01-15 08:00:00
  CHECK_FALSE(cli::lifetime_from("never", kNow));
  CHECK(cli::lifetime_from("90d", kNow) == 90u * 86400);
  CHECK(cli::lifetime_from("3w", kNow) == 21u * 86400);
  CHECK(cli::lifetime_from("6m", kNow) == 180u * 86400);
  CHECK(cli::lifetime_from("2y", kNow) == 730u * 86400);
  CHECK(cli::lifetime_from("2027-01-16", kNow) == 16u * 3600);
  for (const char* wrong : {"", "2", "y", "0d", "-1d", "1e3d", "0x10d", "2 y", "1.5y", "99999999999d", "200y", "2027-01-15", "2027-02-30", "2027-1-1", "soon"}) {
    INFO(wrong);
    const auto error = error_of([&] { cli::lifetime_from(wrong, kNow); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::usage);
  }
}

TEST_CASE("of a key with many user ids ten are listed, with how many more there are", "[cli][key]") {
  const auto lines_of = [](std::size_t good, std::size_t revoked) {
    trust::PgpKeyInfo key;
    key.fingerprint = std::string(40, 'A');
    for (std::size_t i = 1; i <= good; ++i) key.user_ids.push_back("user " + std::to_string(i));
    for (std::size_t i = 1; i <= revoked; ++i) key.revoked_user_ids.push_back("former " + std::to_string(i));
    std::ostringstream out, err;
    std::istringstream text(cli::table_of(std::vector{key}, std::vector<std::size_t>{0}, cli::Console{.out = out, .err = err, .stop = {}}));
    std::vector<std::string> lines;
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  };
  const auto all = lines_of(9, 1);
  REQUIRE(all.size() == 1 + 10);
  CHECK_THAT(all[1], ContainsSubstring("  user 1"));
  CHECK_THAT(all[10], ContainsSubstring("  [revoked] former 1"));
  const auto some = lines_of(12, 3);
  REQUIRE(some.size() == 1 + 10 + 1);
  CHECK_THAT(some[10], ContainsSubstring("  user 10"));
  CHECK_THAT(some[11], ContainsSubstring("  … and 5 more"));
}

TEST_CASE("a ring that is a link to nowhere is told as that", "[cli][key]") {
  const KeyHome home;
  std::filesystem::create_directories(home.at(".config/sifkit/keys"));
  std::filesystem::permissions(home.at(".config/sifkit/keys"), std::filesystem::perms::owner_all);
  std::filesystem::create_symlink("nowhere", home.at(".config/sifkit/keys/pgp-public"));
  const auto made = run_cli({"key", "newpair", "--no-passphrase", "-N", "Ada"});
  CHECK(made.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(made.err, ContainsSubstring("'" + home.at(".config/sifkit/keys/pgp-public") + "': no such file or directory") && !ContainsSubstring("threads"));
}
