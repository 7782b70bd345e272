// SPDX-License-Identifier: Apache-2.0
//
// Where credentials for registries come from: options, variables, the files of other programs and their helpers.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/json.h>
#include <sifkit/oci/registry_login.h>

#include "registry/auth_file.h"
#include "registry/credential_helper.h"
#include "registry/credentials.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;
using oci::RegistryName;

namespace {

std::string auth(const std::string& user, const std::string& password) {
  return base64_encode(as_bytes(user + ":" + password));
}

class LineLogger : public Logger {
 public:
  void write(LogLevel, std::string_view text) override { out_ << text << "\n"; }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

/// What is found for an image, as "user/password/identity/registry <origin>".
struct Finder {
  TempDir home;
  Environment environment{RegistryFixture::variables(home)};
  oci::RegistryOptions options;
  LineLogger lines;

  std::string operator()(const std::string& name) {
    OperationContext operation;
    operation.logger = &lines;
    const auto found = oci::find_credentials(RegistryName::parse(name, name), options, operation);
    return fmt::format("{}/{}/{}/{} {}", found.user, found.password, found.identity_token, found.registry_token,
                       found.origin);
  }
  std::string file(const std::string& name, const Json& document) {
    const auto path = home / name;
    std::filesystem::create_directories(path.parent_path());
    write_file(path, document.dump());
    return in_quotes(path.native());
  }
};

}  // namespace

TEST_CASE("entries of a file, the longest part of the name first", "[oci][registry][credentials]") {
  const Json auths{
      {"h.tld", {{"auth", auth("host", "p:1")}}},
      {"h.tld/team", {{"auth", auth("team", "2")}}},
      {"h.tld/team/app", {{"username", "app"}, {"password", "3"}}},
      {"https://old.tld/v1/", {{"auth", auth("old", std::string("4\0", 2))}}},
      {"https://index.docker.io/v1/", {{"auth", auth("hub", "5")}}},
      {"acr.tld", {{"auth", auth("00000000-0000-0000-0000-000000000000", "")}, {"identitytoken", "refresh"}}},
      {"reg.tld/team/v1", {{"auth", auth("v1", "6")}}},
      {"slash.tld/v2/", {{"auth", auth("v2", "7")}}},
      {"bearer.tld", {{"registrytoken", "as-it-is"}}},
      {"empty.tld", Json::object()},
      {"bad.tld", {{"auth", "s3cret!"}}},
      {"colon.tld", {{"auth", base64_encode(as_bytes(std::string("s3cret")))}}}};
  const auto text = Json{{"auths", auths}}.dump();
  const auto found = [&](const std::string& name) -> std::string {
    const auto out = oci::credentials_in(text, "'f'", RegistryName::parse(name, name), {});
    return !out ? "none"
                : fmt::format("{}/{}/{}/{}", out->user, out->password, out->identity_token, out->registry_token);
  };
  CHECK(found("h.tld/other") == "host/p:1//");
  CHECK(found("h.tld/team/x") == "team/2//");
  CHECK(found("h.tld/team/app/deep") == "app/3//");
  CHECK(found("h.tld/teamx") == "host/p:1//");
  CHECK(found("old.tld/x") == "old/4//");
  // Behind a host it is the registry's path, in the name of a repository a part of that.
  CHECK(found("reg.tld/team/v1") == "v1/6//");
  CHECK(found("reg.tld/team/v1/deep") == "v1/6//");
  CHECK(found("reg.tld/team") == "none");
  CHECK(found("reg.tld/team/other") == "none");
  CHECK(found("slash.tld/any/thing") == "v2/7//");
  for (const char* name : {"alpine", "user/app", "docker.io/a/b", "registry-1.docker.io/a/b"})
    CHECK(found(name) == "hub/5//");
  CHECK(found("acr.tld/x") == "00000000-0000-0000-0000-000000000000//refresh/");
  CHECK(found("bearer.tld/x") == "///as-it-is");
  CHECK(found("empty.tld/x") == "none");
  CHECK(found("h.tld:5000/x") == "none");
  for (const auto& [name, why] : {std::pair{"bad.tld/x", "the auth of 'bad.tld' is no base64"},
                                  {"colon.tld/x", "the auth of 'colon.tld' has no colon"}}) {
    const auto error = error_of([&, name = name] { found(name); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::malformed);
    CHECK(error->message() == std::string("credentials in 'f': ") + why);
  }
  for (const std::string broken : {"s3cret", "[]", R"({"auths":[]})", ""}) {
    const auto error = error_of([&] { oci::credentials_in(broken, "'f'", RegistryName::parse("h.tld/x", ""), {}); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::malformed);
    CHECK_THAT(error->what(), !ContainsSubstring("s3cret"));
  }
}

TEST_CASE("places that credentials come from, in their order", "[oci][registry][credentials]") {
  Finder find;
  const auto entry = [](const std::string& user) { return Json{{"auths", {{"h.tld", {{"auth", auth(user, "p")}}}}}}; };
  CHECK(find("h.tld/x") == "/// ");
  const auto xdg = find.file(".config/containers/auth.json", entry("xdg"));
  CHECK(find("h.tld/x") == "xdg/p// " + xdg);
  const auto docker = find.file(".docker/config.json", entry("docker"));
  CHECK(find("h.tld/x") == "docker/p// " + docker);
  const auto singularity = find.file(".singularity/docker-config.json", entry("singularity"));
  CHECK(find("h.tld/x") == "singularity/p// " + singularity);
  const auto apptainer =
      find.file(".apptainer/docker-config.json", Json{{"auths", {{"other.tld", {{"auth", auth("other", "p")}}}}}});
  CHECK(find("h.tld/x") == "singularity/p// " + singularity);  // a file that has nothing is passed over
  CHECK(find("other.tld/x") == "other/p// " + apptainer);
  const auto named = find.file("named.json", entry("named"));
  const Environment file("REGISTRY_AUTH_FILE", (find.home / "named.json").native());
  CHECK(find("h.tld/x") == "named/p// " + named);
  const Environment content("DOCKER_AUTH_CONFIG", entry("content").dump());
  CHECK(find("h.tld/x") == "content/p// DOCKER_AUTH_CONFIG");
  find.options.auth_file = find.home / "named.json";
  CHECK(find("h.tld/x") == "named/p// " + named);
  CHECK(find("other.tld/x") == "/// ");  // no other file, then
  const Environment user({{"APPTAINER_DOCKER_USERNAME", "env"}, {"APPTAINER_DOCKER_PASSWORD", "q"}});
  CHECK(find("h.tld/x") == "env/q// APPTAINER_DOCKER_USERNAME");
  find.options.credentials = {
      {.user = "given", .password = "r", .identity_token = {}, .registry_token = {}, .origin = "--creds"}};
  CHECK(find("h.tld/x") == "given/r// --creds");
  find.options = {};
  find.options.auth_file = find.home / "none.json";
  const Environment none({{"APPTAINER_DOCKER_USERNAME", std::nullopt}});
  const auto error = error_of([&] { find("h.tld/x"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::not_found);
}

TEST_CASE("podman's file is where podman has it, in a session and without one", "[oci][registry][credentials]") {
  const TempDir home;
  const Environment environment(RegistryFixture::variables(home));
  const auto is_there = [](const std::filesystem::path& file) {
    const auto files = oci::usual_auth_files();
    return std::find(files.begin(), files.end(), file) != files.end();
  };
  const std::filesystem::path without_session = fmt::format("/run/containers/{}/auth.json", ::getuid());
  CHECK(is_there(without_session));
  const Environment session("XDG_RUNTIME_DIR", "/run/user/7");
  CHECK(is_there("/run/user/7/containers/auth.json"));
  CHECK_FALSE(is_there(without_session));
}

TEST_CASE("a helper keeps credentials and forgets them", "[oci][registry][credentials]") {
  const TempDir home;
  const Environment environment(RegistryFixture::variables(home));
  const auto bin = home / "bin";
  std::filesystem::create_directories(bin);
  const auto program = bin / "docker-credential-box";
  const auto helper = [&](const std::string& script) {
    write_file(program, "#!/bin/sh\n" + script);
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  };
  helper(R"(echo "$# $1" >>"$HOME/asked"; cat >>"$HOME/asked")");
  const Environment path("PATH", (home / "none").native() + ":" + bin.native() + ":/usr/bin:/bin");
  const auto config = home / "config.json";
  write_file(config, R"({"credsStore":"box","auths":{"o.tld":{"auth":"eDp5"}}})");
  CHECK(oci::expect_credential_store(config, "h.tld") == "box");
  const oci::RegistryCredentials known{
      .user = "u", .password = "s3\"cret", .identity_token = {}, .registry_token = {}, .origin = {}};
  CHECK(oci::store_credentials(config, "h.tld", known) == "box");
  // The secret goes to its standard input, and what the file gets is what Docker leaves beside a helper.
  const std::string stored = "1 store\n{\"Secret\":\"s3\\\"cret\",\"ServerURL\":\"h.tld\",\"Username\":\"u\"}\n";
  CHECK(read_file(home / "asked") == stored);
  CHECK(Json::parse(read_file(config)) ==
        Json{{"credsStore", "box"}, {"auths", {{"o.tld", {{"auth", "eDp5"}}}, {"h.tld", Json::object()}}}});
  CHECK(oci::remove_credentials(config, "h.tld"));
  CHECK(read_file(home / "asked") == stored + "1 erase\nh.tld\n");
  CHECK(Json::parse(read_file(config))["auths"].size() == 1);
  // One for a single host goes before the one for all.
  write_file(config, R"({"credsStore":"none","credHelpers":{"https://h.tld/v1/":"box"}})");
  CHECK(oci::expect_credential_store(config, "h.tld") == "box");
  CHECK(error_of([&] { oci::expect_credential_store(config, "o.tld"); })->message() ==
        "'docker-credential-none' is not there");
  helper("echo credentials not found in native keychain; exit 1");
  CHECK_FALSE(oci::remove_credentials(config, "h.tld"));
  helper("cat >/dev/null; echo the keychain is locked; exit 1");
  const auto locked = error_of([&] { oci::store_credentials(config, "h.tld", known); });
  REQUIRE(locked);
  CHECK(locked->kind() == ErrorKind::denied);
  CHECK(locked->message() == "error storing credentials: 'docker-credential-box': the keychain is locked");
  CHECK_FALSE(Json::parse(read_file(config)).contains("auths"));
  // Whatever a helper says, what it was told is in no message.
  for (const std::string words : {"cat; echo no; exit 1", "cat >/dev/null; echo 'no: s3\"cret'; exit 1", "kill -9 $$"}) {
    INFO(words);
    helper(words);
    const auto error = error_of([&] { oci::store_credentials(config, "h.tld", known); });
    REQUIRE(error);
    CHECK_THAT(error->message(), ContainsSubstring("error storing credentials: 'docker-credential-box': ") &&
                                     !ContainsSubstring("cret\"") && !ContainsSubstring("\"cret"));
    if (words.starts_with("kill")) CHECK_THAT(error->message(), ContainsSubstring("it was ended by signal 9"));
  }
  auto odd = known;
  odd.password = "\xff";
  CHECK(error_of([&] { oci::store_credentials(config, "h.tld", odd); })->kind() == ErrorKind::usage);
}

TEST_CASE("credential helpers are asked without a shell", "[oci][registry][credentials]") {
  Finder find;
  const auto bin = find.home / "bin";
  std::filesystem::create_directories(bin);
  const auto helper = [&](const std::string& name, const std::string& script) {
    write_file(bin / ("docker-credential-" + name), "#!/bin/sh\n" + script);
    std::filesystem::permissions(bin / ("docker-credential-" + name), std::filesystem::perms::owner_all);
  };
  helper("good",
         R"(read key; echo "$# $1 $key" >>"$HOME/asked"; echo '{"ServerURL":"x","Username":"u","Secret":"s3cret"}')");
  helper("token", R"(echo '{"Username":"<token>","Secret":"refresh"}')");
  helper("none", "echo credentials not found in native keychain; exit 1");
  helper("locked", "echo the keychain is locked; exit 1");
  helper("odd", "echo s3cret");
  const Environment path("PATH", bin.native() + ":/usr/bin:/bin");
  const auto file =
      find.file(".docker/config.json",
                Json{{"credHelpers",
                      {{"h.tld", "good"},
                       {"docker.io", "good"},
                       {"t.tld", "token"},
                       {"n.tld", "none"},
                       {"l.tld", "locked"},
                       {"o.tld", "odd"},
                       {"m.tld", "missing"},
                       {"e.tld", "../evil"}}},
                     {"auths", {{"h.tld", {{"auth", auth("file", "p")}}}, {"s.tld", {{"auth", auth("file", "p")}}}}}});
  CHECK(find("h.tld/team/app") == "u/s3cret// 'docker-credential-good' (" + file + ")");
  CHECK(find("alpine") == "u/s3cret// 'docker-credential-good' (" + file + ")");
  CHECK(read_file(find.home / "asked") == "1 get h.tld\n1 get https://index.docker.io/v1/\n");
  CHECK(find("t.tld/x") == "//refresh/ 'docker-credential-token' (" + file + ")");
  CHECK(find("n.tld/x") == "/// ");
  CHECK(find("s.tld/x") == "file/p// " + file);
  // An image may need none: what fails is a warning.
  CHECK(find("l.tld/x") == "/// ");
  CHECK_THAT(find.lines.text(),
             ContainsSubstring("error getting credentials: 'docker-credential-locked': the keychain is locked"));
  CHECK(find("o.tld/x") == "/// ");
  CHECK(find("m.tld/x") == "/// ");
  CHECK_THAT(find.lines.text(), ContainsSubstring("'docker-credential-missing' is not there"));
  CHECK(find("e.tld/x") == "/// ");
  CHECK_THAT(find.lines.text(), ContainsSubstring("'../evil' is no credential helper") && !ContainsSubstring("s3cret"));
  // One that says all and does not end, and one that says nothing.
  helper("stuck", "echo '{\"Username\":\"u\",\"Secret\":\"s\"}'; exec >/dev/null; exec sleep 60");
  helper("silent", "exec sleep 60");
  for (const auto& [name, what] : {std::pair{"stuck", "ended"}, {"silent", "answered"}}) {
    const auto error = error_of([&, name = name] { oci::ask_credential_helper(name, "h.tld", {}, std::chrono::milliseconds(200)); });
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::network);
    CHECK(error->message() == fmt::format("'docker-credential-{}' has not {} for 0.2 s", name, what));
  }
  find.file(".docker/config.json", Json{{"credsStore", "good"}});
  CHECK_THAT(find("z.tld/x"), StartsWith("u/s3cret// "));
  // Where whoever started us ignores SIGCHLD there is no status of a program: what it has said counts.
  struct Ignored {
    sighandler_t before = ::signal(SIGCHLD, SIG_IGN);
    ~Ignored() { ::signal(SIGCHLD, before); }
  };
  const auto ask = [](const std::string& name) {
    const Ignored ignored;
    return oci::ask_credential_helper(name, "h.tld", {}, std::chrono::seconds(10));
  };
  const auto good = ask("good");
  REQUIRE(good);
  CHECK(good->password == "s3cret");
  CHECK_FALSE(ask("none"));
  const auto odd = error_of([&] { ask("odd"); });
  REQUIRE(odd);
  CHECK(odd->message() == "'docker-credential-odd': the answer has no secret");
}

TEST_CASE("a helper gets the standard streams and nothing else that is open", "[oci][registry][credentials]") {
  const TempDir home;
  const Environment environment(RegistryFixture::variables(home));
  const Environment path("PATH", home.path().native() + ":/usr/bin:/bin");
  // As a library opens it, whose author thinks of no children.
  static constexpr int kAboveThoseOfShells = 50;
  const UniqueFd open(::fcntl(STDIN_FILENO, F_DUPFD, kAboveThoseOfShells));
  const UniqueFd other(::fcntl(STDERR_FILENO, F_DUPFD, kAboveThoseOfShells));
  REQUIRE((open && other));
  const auto program = home / "docker-credential-box";
  const auto descriptors = fmt::format("0 1 2 {} {}", open.get(), other.get());
  write_file(program, "#!/bin/sh\nfor fd in " + descriptors +
                          "; do [ -e /proc/$$/fd/$fd ] && echo $fd >>\"$HOME/open\"; done\n"
                          "echo '{\"Username\":\"u\",\"Secret\":\"s3cret\"}'\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const auto found = oci::ask_credential_helper("box", "h.tld", {}, std::chrono::seconds(10));
  REQUIRE(found);
  CHECK(found->password == "s3cret");
  CHECK(read_file(home / "open") == "0\n1\n2\n");
}

TEST_CASE("logins at once are all kept", "[oci][registry][credentials]") {
  static constexpr int kThreads = 6;
  static constexpr int kLogins = 4;
  const TempDir home;
  const auto file = home / "new/config.json";
  std::atomic<int> failed = 0;
  const auto all = [&](auto&& each) {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (int login = 0; login < kLogins; ++login) {
          if (error_of([&] { each(fmt::format("h{}-{}.tld", thread, login)); })) ++failed;
        }
      });
    }
  };
  const oci::RegistryCredentials known{
      .user = "u", .password = "p", .identity_token = {}, .registry_token = {}, .origin = {}};
  all([&](const std::string& host) { oci::store_credentials(file, host, known); });
  CHECK(failed == 0);
  CHECK(Json::parse(read_file(file))["auths"].size() == kThreads * kLogins);
  all([&](const std::string& host) { oci::remove_credentials(file, host); });
  CHECK(failed == 0);
  CHECK(Json::parse(read_file(file))["auths"].empty());
}
