// SPDX-License-Identifier: Apache-2.0
//
// Which library is asked, with whose token: what the two files of remotes say of one name.
#include <filesystem>

#include <sifkit/core/json.h>

#include "remote/library_remote.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Two remotes in this process, each with a library of its own; none of them speaks TLS.
struct Remotes : RegistryFixture {
  RegistryServer other;

  Remotes() {
    options.registry.retries = 0;
    options.registry.plain_http = false;
    for (auto* const remote : {&server, &other}) {
      remote->put("/assets/config/config.prod.json", "application/json",
                  Json{{"libraryAPI", {{"uri", remote->url("/library")}}}}.dump());
    }
  }

  static std::string entry(const RegistryServer& remote, const std::string& more) {
    return "Active: Lab\nRemotes:\n  Lab:\n    URI: " + remote.place() + "\n" + more;
  }
  oci::LibraryPlace find(const std::string& user, const std::string& system) {
    write_file(home / "user.yaml", user);
    write_file(home / "system.yaml", system);
    return oci::find_library("", options, {{home / "user.yaml", home / "system.yaml"}});
  }
};

}  // namespace

TEST_CASE("switches of a remote are what YAML takes for true and false", "[oci][library]") {
  Remotes remotes;
  for (const std::string yes : {"true", "True", "yes", "on", "Y"}) {
    INFO(yes);
    const auto place = remotes.find(Remotes::entry(remotes.server, "    Insecure: " + yes + "\n"), "");
    CHECK(place.url == remotes.server.url("/library"));
  }
  remotes.server.forget();
  for (const std::string no : {"false", "No", "off", "~"}) {
    INFO(no);
    const auto error =
        error_of([&] { remotes.find(Remotes::entry(remotes.server, "    Insecure: " + no + "\n"), ""); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::network);
  }
  const auto odd = error_of([&] { remotes.find(Remotes::entry(remotes.server, "    Exclusive: maybe\n"), ""); });
  REQUIRE(odd);
  CHECK(odd->kind() == ErrorKind::malformed);
  CHECK_THAT(odd->what(), ContainsSubstring("Exclusive: expected true or false, found 'maybe'"));
  CHECK(remotes.server.requests().empty());
  // An administrator's word counts however it is spelled.
  remotes.options.registry.library = remotes.other.url("");
  const auto denied = error_of(
      [&] { remotes.find("", Remotes::entry(remotes.server, "    Insecure: On\n    Exclusive: Yes\n")); });
  REQUIRE(denied);
  CHECK(denied->kind() == ErrorKind::denied);
}

TEST_CASE("a token goes to the remote of its own file", "[oci][library][hostile]") {
  Remotes remotes;
  const std::string token = "    Token: t0ken\n";
  const std::string insecure = "    Insecure: true\n";
  // One remote, of which both files speak.
  const auto same = remotes.find(Remotes::entry(remotes.server, token), Remotes::entry(remotes.server, insecure));
  CHECK(same.url == remotes.server.url("/library"));
  CHECK(same.token == "t0ken");
  // Another one of that name, which an administrator allows only.
  const auto exclusive = remotes.find(Remotes::entry(remotes.other, token + insecure),
                                      Remotes::entry(remotes.server, insecure + "    Exclusive: true\n"));
  CHECK(exclusive.url == remotes.server.url("/library"));
  CHECK(exclusive.token.empty());
  // The user's own, with what the user says of it.
  const auto own = remotes.find(Remotes::entry(remotes.other, token + insecure), Remotes::entry(remotes.server, ""));
  CHECK(own.url == remotes.other.url("/library"));
  CHECK(own.token == "t0ken");
  remotes.other.forget();
  const auto error = error_of(
      [&] { remotes.find(Remotes::entry(remotes.other, token), Remotes::entry(remotes.server, insecure)); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::network);
  CHECK(remotes.other.requests().empty());
}

TEST_CASE("a remote with TLS has no library without", "[oci][library][hostile]") {
  CHECK_FALSE(error_of([] { oci::expect_tls("https://library.example", "lab.example"); }).has_value());
  const auto error = error_of([] { oci::expect_tls("http://user:s3cret@library.example", "lab.example"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::denied);
  CHECK(error->message() ==
        "lab.example: its library is 'http://library.example': credentials are not sent without TLS");
}
