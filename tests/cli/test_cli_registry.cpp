// SPDX-License-Identifier: Apache-2.0
//
// Registries as users meet them: sources of verbs, options, messages; and no secret in anything that is said.
#include <filesystem>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/registry_fixture.h"
#include "support/run_process.h"
#include "support/tested_program.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

TEST_CASE("an image of a registry is a source of every verb", "[cli][registry]") {
  RegistryFixture registry;
  const auto manifest = registry.put(small_image());
  const auto source = registry.server.image("app:1");
  const auto target = (registry.home / "x.sif").native();
  const auto built = run_cli({"build", "--json", "--no-https", target, source});
  REQUIRE(built.code == 0);
  const auto record = Json::parse(built.out);
  CHECK(record["manifest_digest"] == digest_of(as_bytes(manifest)).text());
  CHECK(record["layers"] == 2);
  CHECK(run_cli({"cat", target, "/etc/new"}).out == "new");
  CHECK_THAT(run_cli({"inspect", "--deffile", target}).out,
             ContainsSubstring("bootstrap: docker\nfrom: " + registry.server.place() + "/app:1"));
  const auto listed = Json::parse(run_cli({"images", "--json", "--no-https", source}).out);
  CHECK(listed["images"][0]["manifest_digest"] == record["manifest_digest"]);
  CHECK_THAT(run_cli({"inspect", "--no-https", "--labels", source}).out, ContainsSubstring("k: v"));
  // Two builds, one with a layer that comes in parts, are the same.
  const auto layer = "/v2/app/blobs/sha256:" + sha256(small_image().layers[0]);
  std::atomic<int> tries = 0;
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.path != layer || tries++ != 0) return std::nullopt;
    const auto answer = registry.server.answer(request);
    return answer.substr(0, answer.size() - 5000);
  });
  const auto again = (registry.home / "y.sif").native();
  REQUIRE(run_cli({"build", "--no-https", again, source}).code == 0);
  CHECK(read_file(again) == read_file(target));
  CHECK(tries == 2);
}

TEST_CASE("what a registry refuses is told in its words, with what helps", "[cli][registry]") {
  RegistryFixture registry;
  registry.put(small_image());
  const auto target = (registry.home / "x.sif").native();
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> args{"build", target, registry.server.image("app:1"), "--retries", "0"};
    args.insert(args.end(), more.begin(), more.end());
    const auto result = run_cli(args);
    CHECK_FALSE(std::filesystem::exists(target));
    return result;
  };
  const auto tls = run({});
  CHECK(tls.code == exit_code(ErrorKind::network));
  CHECK_THAT(tls.err, ContainsSubstring("  hint: --no-https is for a registry without TLS"));
  registry.server.set_fault([](const Request&) -> Answer {
    return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                   "WWW-Authenticate: Basic realm=\"x\"\r\n");
  });
  const auto anonymous = run({"--no-https"});
  CHECK(anonymous.code == exit_code(ErrorKind::denied));
  CHECK_THAT(anonymous.err,
             ContainsSubstring(registry.server.place() + ": status 401: unauthorized: authentication required"));
  CHECK_THAT(anonymous.err, ContainsSubstring("names credentials"));
  const auto wrong = run({"--no-https", "--debug", "--creds", "alice:s3cret"});
  CHECK(wrong.code == exit_code(ErrorKind::denied));
  CHECK_THAT(wrong.err, ContainsSubstring("the credentials are from --creds") && !ContainsSubstring("s3cret"));
  CHECK_THAT(registry.server.wire(), ContainsSubstring("Basic YWxpY2U6czNjcmV0"));
  CHECK(run({"--no-https", "--creds", ":x"}).code == exit_code(ErrorKind::usage));
  registry.server.set_fault([](const Request&) -> Answer {
    return RegistryServer::failure(429, "TOOMANYREQUESTS", "You have reached your pull rate limit");
  });
  CHECK_THAT(run({"--no-https"}).err,
             ContainsSubstring("status 429: toomanyrequests: You have reached your pull rate limit"));
  registry.server.set_fault(nullptr);
  const auto absent = run_cli({"images", "--no-https", registry.server.image("gone:2")});
  CHECK(absent.code == exit_code(ErrorKind::not_found));
  CHECK(absent.err == "sifkit: error: '" + registry.server.place() + "/gone:2': " + registry.server.place() +
                          ": status 404: manifest unknown: unknown here\n  hint: 'sifkit images --tags docker://" +
                          registry.server.place() + "/gone' lists its tags\n");
  const auto no_tags = run_cli({"images", "--tags", "--no-https", registry.server.image("gone")});
  CHECK(no_tags.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(no_tags.err, ContainsSubstring("\n  hint: there is no such repository, or it is private\n"));
  // Nobody listens there.
  const auto closed = run_cli({"images", "--no-https", "--retries", "0", "docker://127.0.0.1:1/app"});
  CHECK(closed.code == exit_code(ErrorKind::network));
  CHECK_THAT(closed.err, ContainsSubstring("\n  hint: is 127.0.0.1:1 the address of a registry, and is it running?\n"));
}

TEST_CASE("where the system gives no thread a registry is read and written all the same", "[cli][registry]") {
  RegistryFixture registry;
  registry.put(small_image());
  const auto run = [&](std::vector<std::string> args) {
    args.insert(args.begin(), tested_program());
    const auto home = registry.home.path().native();
    const auto result = run_process(args,
                                    {"PATH=/usr/bin:/bin", "HOME=" + home, "TMPDIR=" + home, "SIFKIT_NO_THREADS=1",
                                     "LD_PRELOAD=" SIFKIT_FAULT_SHIM, "ASAN_OPTIONS=verify_asan_link_order=0"},
                                    true);
    INFO(result.out);
    CHECK(result.code == 0);
  };
  const auto expected = (registry.home / "expected.sif").native();
  const auto source = registry.server.image("app:1");
  REQUIRE(run_cli({"build", "-q", "--no-https", "--disable-cache", expected, source}).code == 0);
  const auto target = (registry.home / "x.sif").native();
  for (const bool cached : {false, true}) {
    std::vector<std::string> args{"build", "-q", "--no-https", target, source};
    if (!cached) args.emplace_back("--disable-cache");
    run(args);
    CHECK(read_file(target) == read_file(expected));
    std::filesystem::remove(target);
  }
  run({"copy", "-q", "--no-https", source, registry.server.image("other:1")});
  CHECK(registry.server.bytes_of("/v2/other/blobs/sha256:" + sha256(small_image().layers[0])) ==
        small_image().layers[0]);
}

TEST_CASE("a login is checked, and kept where Docker and podman read it", "[cli][registry]") {
  RegistryFixture registry;
  registry.put(small_image());
  const std::string authorization = "Basic YWxpY2U6czNjcmV0";
  registry.server.set_fault([&](const Request& request) -> Answer {
    if (request.header("authorization") != authorization) {
      return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                     "WWW-Authenticate: Basic realm=\"x\"\r\n");
    }
    return request.path == "/v2/" ? Answer(RegistryServer::response(200, "{}")) : std::nullopt;
  });
  const auto file = registry.home / ".docker/config.json";
  write_file(registry.home / "password", "s3cret\n");
  write_file(registry.home / "wrong", "wr0ng");
  const auto host = registry.server.place();
  const auto log_in = [&](const std::string& password, const std::string& name) {
    const File input = File::open_read(registry.home / password);
    return run_cli({"registry", "login", "-u", "alice", "--password-stdin", "--no-https", name}, input.fd());
  };
  const auto refused = log_in("wrong", host);
  CHECK(refused.code == exit_code(ErrorKind::denied));
  CHECK_THAT(refused.err, ContainsSubstring("status 401: unauthorized") && !ContainsSubstring("wr0ng"));
  CHECK_FALSE(std::filesystem::exists(file));
  const auto done = log_in("password", "docker://" + host);
  REQUIRE(done.code == 0);
  CHECK_THAT(done.err, ContainsSubstring(host + ": logged in as alice") && !ContainsSubstring("s3cret"));
  const auto mode = std::filesystem::status(file).permissions();
  CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  CHECK(Json::parse(read_file(file)) == Json{{"auths", {{host, {{"auth", "YWxpY2U6czNjcmV0"}}}}}});
  CHECK(run_cli({"images", "--no-https", registry.server.image("app:1")}).code == 0);
  // What else the file has stays as it is.
  write_file(file, R"({"HttpHeaders":{"a":"b"},"auths":{"https://)" + host +
                       R"(/v1/":{"auth":"eDp5"},"o.tld":{"auth":"eDp5"}}})");
  REQUIRE(log_in("password", host).code == 0);
  CHECK(read_file(file) ==
        "{\n\t\"HttpHeaders\": {\n\t\t\"a\": \"b\"\n\t},\n\t\"auths\": {\n\t\t\"o.tld\": {\n\t\t\t\"auth\": "
        "\"eDp5\"\n\t\t},\n\t\t\"" +
            host + "\": {\n\t\t\t\"auth\": \"YWxpY2U6czNjcmV0\"\n\t\t}\n\t}\n}\n");
  const auto listed = run_cli({"registry", "list"});
  CHECK_THAT(listed.out, ContainsSubstring("o.tld") && ContainsSubstring("alice") && !ContainsSubstring("eDp5"));
  CHECK(run_cli({"registry", "logout", host}).code == 0);
  CHECK(Json::parse(read_file(file))["auths"].size() == 1);
  CHECK(run_cli({"registry", "logout", host}).code == exit_code(ErrorKind::not_found));
  CHECK(run_cli({"registry", "login", "a/b", "-u", "x"}).code == exit_code(ErrorKind::usage));
  // A link stays one; one that leads nowhere, and a place where no directory can be made, are told as what they are.
  const auto linked = registry.home / "linked.json";
  std::filesystem::create_symlink(file, linked);
  const auto log_in_to = [&](const std::string& name) {
    const File input = File::open_read(registry.home / "password");
    return run_cli({"registry", "login", "-u", "alice", "--password-stdin", "--no-https", "--authfile", name, host}, input.fd());
  };
  CHECK(log_in_to(linked.native()).code == 0);
  CHECK(std::filesystem::is_symlink(linked));
  CHECK(Json::parse(read_file(file))["auths"].contains(host));
  const auto dangling = (registry.home / "dangling.json").native();
  std::filesystem::create_symlink("nowhere", dangling);
  const auto nowhere = log_in_to(dangling);
  CHECK(nowhere.code == exit_code(ErrorKind::not_found));
  CHECK(nowhere.err == "sifkit: error: follow the link '" + dangling + "': no such file or directory\n");
  const auto below = log_in_to((registry.home / "password/below/auth.json").native());
  CHECK(below.code != 0);
  CHECK_THAT(below.err, ContainsSubstring("not a directory") && !ContainsSubstring("threads"));
  write_file(file, R"({"credsStore":"desktop"})");
  // Whether there is a place for a password is known before it is sent.
  const Environment path("PATH", (registry.home / "bin").native() + ":/usr/bin:/bin");
  registry.server.forget();
  const auto helper = log_in("password", host);
  CHECK(helper.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(helper.err, ContainsSubstring("'docker-credential-desktop' is not there"));
  CHECK(read_file(file) == R"({"credsStore":"desktop"})");
  CHECK(registry.server.requests().empty());
  const auto program = registry.home / "bin/docker-credential-desktop";
  std::filesystem::create_directories(program.parent_path());
  write_file(program, "#!/bin/sh\ncat >\"$HOME/kept\"\n");
  std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  const auto kept = log_in("password", host);
  CHECK(kept.code == 0);
  CHECK_THAT(kept.err, ContainsSubstring("logged in as alice; 'docker-credential-desktop' has the password"));
  CHECK_THAT(read_file(registry.home / "kept"), ContainsSubstring(R"("Secret":"s3cret")"));
  CHECK_THAT(read_file(file), !ContainsSubstring("YWxpY2U6czNjcmV0"));
}

TEST_CASE("a login that is hidden by another place is told so", "[cli][registry]") {
  RegistryFixture registry;
  registry.server.set_fault([&](const Request& request) -> Answer {
    return request.path == "/v2/" ? Answer(RegistryServer::response(200, "{}")) : std::nullopt;
  });
  const auto host = registry.server.place();
  write_file(registry.home / "password", "s3cret");
  const auto log_in = [&](const std::vector<std::string>& more = {}) {
    const File input = File::open_read(registry.home / "password");
    std::vector<std::string> args{"registry", "login", "-u", "alice", "--password-stdin", "--no-https", host};
    args.insert(args.end(), more.begin(), more.end());
    const auto result = run_cli(args, input.fd());
    CHECK(result.code == 0);
    return result.err;
  };
  const auto earlier = registry.home / ".apptainer/docker-config.json";
  const auto own = in_quotes((registry.home / ".docker/config.json").native());
  std::filesystem::create_directories(earlier.parent_path());
  write_file(earlier, R"({"auths":{"other.tld":{"auth":"eDp5"}}})");
  CHECK_THAT(log_in(), !ContainsSubstring("warning"));
  write_file(earlier, R"({"auths":{")" + host + R"(":{"auth":"eDp5"}}})");
  const auto hidden = host + ": " + in_quotes(earlier.native()) + " is asked before " + own + ", and has credentials that are used in place of these";
  CHECK_THAT(log_in(), ContainsSubstring("sifkit: warning: " + hidden));
  // A file that is named is asked alone.
  CHECK_THAT(log_in({"--authfile", (registry.home / "named.json").native()}), !ContainsSubstring("warning"));
  {
    const Environment user({{"SIFKIT_DOCKER_USERNAME", "bob"}, {"SIFKIT_DOCKER_PASSWORD", "wr0ng"}});
    CHECK_THAT(log_in(), ContainsSubstring(": SIFKIT_DOCKER_USERNAME is asked before ") && !ContainsSubstring("wr0ng"));
  }
  const auto out = run_cli({"registry", "logout", host});
  CHECK(out.code == 0);
  CHECK_THAT(out.err, ContainsSubstring("warning: " + host + ": " + in_quotes(earlier.native()) + " has credentials for it, which are used now"));
  std::filesystem::remove(earlier);
  log_in();
  CHECK_THAT(run_cli({"registry", "logout", host}).err, !ContainsSubstring("warning"));
}

TEST_CASE("a list of logins has all places that are read", "[cli][registry]") {
  const TempDir home;
  const Environment environment(RegistryFixture::variables(home));
  const Environment user({{"SIFKIT_DOCKER_USERNAME", "bob"}, {"SIFKIT_DOCKER_PASSWORD", "wr0ng"}, {"XDG_RUNTIME_DIR", (home / "run").native()}});
  const auto file = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories((home / name).parent_path());
    write_file(home / name, text);
    return (home / name).native();
  };
  const auto apptainer = file(".apptainer/docker-config.json", R"({"auths":{"a.tld":{"auth":"eDp5"}}})");
  const auto docker = file(".docker/config.json", R"({"credHelpers":{"h.tld":"box"},"auths":{"h.tld":{},"d.tld":{"username":"u","password":"s3cret"}}})");
  const auto podman = file("run/containers/auth.json", R"({"credsStore":"desktop","auths":{"e.tld":{}}})");
  const auto listed = run_cli({"registry", "list", "--json"});
  REQUIRE(listed.code == 0);
  const auto row = [](const std::string& host, const Json& name, const Json& helper, const std::string& place) {
    return Json{{"host", host}, {"user", name}, {"helper", helper}, {"place", place}};
  };
  CHECK(Json::parse(listed.out) ==
        Json{{"schema", "sifkit/registry-list/v1"},
             {"file", docker},
             {"logins",
              {row("*", "bob", nullptr, "SIFKIT_DOCKER_USERNAME"), row("a.tld", "x", nullptr, apptainer),
               row("h.tld", nullptr, "box", docker), row("d.tld", "u", nullptr, docker), row("*", nullptr, "desktop", podman),
               row("e.tld", nullptr, "desktop", podman)}}});
  const auto text = run_cli({"registry", "list"}).out;
  CHECK_THAT(text, ContainsSubstring("HOST") && ContainsSubstring("PLACE") && ContainsSubstring(podman));
  CHECK_THAT(text + listed.out, !ContainsSubstring("s3cret") && !ContainsSubstring("wr0ng") && !ContainsSubstring("eDp5"));
  const auto one = run_cli({"registry", "list", "--authfile", apptainer});
  CHECK_THAT(one.out, ContainsSubstring("a.tld") && !ContainsSubstring("h.tld") && !ContainsSubstring("bob"));
}
