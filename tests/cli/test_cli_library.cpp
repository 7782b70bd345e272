// SPDX-License-Identifier: Apache-2.0
//
// `library://`: a container library, as Apptainer asks one, is a source of `pull` and of every other verb.
#include <sifkit/oci/remote_file.h>

#include "support/pull_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;

namespace {

/// A library in this process that has one SIF.
struct LibraryFixture : PullFixture {
  Environment library{{{"SIFKIT_LIBRARY", server.url("/")},
                       {"SIFKIT_DISABLE_CACHE", std::nullopt},
                       {"SIFKIT_CACHEDIR", (home / "cache").native()}}};

  explicit LibraryFixture(const std::string& name = "lab/tools/app:1", const std::string& architecture = "amd64") {
    put(name, architecture, record(sif));
  }

  static Json record(const std::string& bytes) {
    return {{"hash", "sha256." + sha256(bytes)}, {"size", bytes.size()}, {"arch", "amd64"}};
  }
  static std::string path(const std::string& what, const std::string& name, const std::string& architecture) {
    return "/v1/" + what + "/" + name + "?arch=" + architecture;
  }
  void put(const std::string& name, const std::string& architecture, const Json& data) {
    server.put(path("images", name, architecture), "application/json", Json{{"data", data}}.dump());
    server.put(path("imagefile", name, architecture), "application/octet-stream", sif);
  }
  CliResult pull_amd64(const std::string& uri, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--arch", "amd64"});
    return pull(uri, more);
  }
  void write_remotes(const std::string& text) const {
    std::filesystem::create_directories(home / ".apptainer");
    write_file(home / ".apptainer/remote.yaml", text);
  }
};

using Names = std::vector<std::string>;

constexpr std::size_t kArchitecture = 45;  ///< in the header of a SIF

}  // namespace

TEST_CASE("a container of a library is pulled, and read by every verb", "[cli][registry][library]") {
  LibraryFixture fixture;
  const auto pulled = fixture.pull_amd64("library://lab/tools/app:1", {"--json"});
  INFO(pulled.err);
  REQUIRE(pulled.code == 0);
  CHECK(fixture.there() == Names{"app_1.sif"});
  CHECK((read_file(fixture.home / "out/app_1.sif") == fixture.sif));
  CHECK(Json::parse(pulled.out)["digest"] == "sha256:" + sha256(fixture.sif));
  CHECK(fixture.server.lines() ==
        Names{"GET /v1/images/lab/tools/app:1?arch=amd64", "GET /v1/imagefile/lab/tools/app:1?arch=amd64"});
  // The cache has it: its record is asked for only.
  fixture.server.forget();
  const auto read = run_cli({"cat", "library:lab/tools/app:1", "/etc/new", "--arch", "amd64"});
  CHECK(read.out == "new");
  CHECK(fixture.server.lines() == Names{"GET /v1/images/lab/tools/app:1?arch=amd64"});
  CHECK(fixture.pull_amd64("library://lab/tools/app:1", {"-F"}).code == 0);
  CHECK(fixture.server.count("imagefile") == 0);
  fixture.server.forget();
  CHECK(run_cli({"digest", "library://lab/tools/app:1", "--arch", "amd64", "--disable-cache"}).code == 0);
  CHECK(fixture.server.count("imagefile") == 1);
  const auto built = run_cli(
      {"build", "-q", (fixture.home / "again.sif").native(), "library://lab/tools/app:1", "--platform", "linux/amd64"});
  INFO(built.err);
  CHECK(built.code == 0);
  CHECK(run_cli({"cat", (fixture.home / "again.sif").native(), "/etc/new"}).out == "new");
}

TEST_CASE("names of a library: what is left out, a host, a digest", "[cli][registry][library]") {
  LibraryFixture fixture("app:latest");
  CHECK(fixture.pull_amd64("library://app").code == 0);
  fixture.put("tools/app:2", "amd64", LibraryFixture::record(fixture.sif));
  CHECK(fixture.pull_amd64("library:///tools/app:2").code == 0);
  // A host in the name goes before the library that is set; another architecture is another image.
  const auto amd64 = fixture.sif;
  fixture.sif.replace(kArchitecture, 2, "04");
  fixture.put("lab/tools/app:3", "arm64", LibraryFixture::record(fixture.sif));
  fixture.sif = amd64;
  {
    const Environment elsewhere("SIFKIT_LIBRARY", "http://127.0.0.1:1");
    CHECK(fixture.pull("library://" + fixture.server.place() + "/lab/tools/app:3", {"--arch", "aarch64"}).code == 0);
    CHECK(fixture.pull_amd64("library://tools/app:2", {"-F", "--library", fixture.server.url("")}).code == 0);
  }
  const auto tag = "sha256." + sha256(fixture.sif);
  fixture.put("lab/tools/app:" + tag, "amd64", LibraryFixture::record(fixture.sif));
  CHECK(fixture.pull_amd64("library://lab/tools/app:" + tag).code == 0);
  auto names = fixture.there();
  std::sort(names.begin(), names.end());
  CHECK(names == Names{"app_2.sif", "app_3.sif", "app_latest.sif", "app_" + tag + ".sif"});
  const auto missing = fixture.pull_amd64("library://lab/tools/app:9");
  CHECK(missing.code == exit_code(ErrorKind::not_found));
  CHECK(missing.err == "sifkit: error: " + fixture.server.place() +
                           ": image does not exist in the library: lab/tools/app:9 (amd64)\n");
  for (const std::string bad : {"library://a/b/c/d/e", "library://a//c", "library://a/b/c:", "library://a/b/c:1,2",
                                "library://a/b/../c", "library://x@y/a/b/c", "library://a/b/c@sha256:1"}) {
    INFO(bad);
    const auto refused = fixture.pull_amd64(bad);
    CHECK(refused.code == exit_code(ErrorKind::usage));
    CHECK_THAT(refused.err, ContainsSubstring("hint: as in library://ENTITY/COLLECTION/NAME:TAG"));
  }
}

TEST_CASE("a library's answers are not believed", "[cli][registry][library][hostile]") {
  LibraryFixture fixture;
  const auto image = LibraryFixture::path("imagefile", "lab/tools/app:1", "amd64");
  const auto refused = [&](const std::string& uri, ErrorKind kind, const std::string& text) {
    const auto result = fixture.pull_amd64(uri, {"--disable-cache"});
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK(fixture.there().empty());
  };
  const std::string uri = "library://lab/tools/app:1";
  auto damaged = fixture.sif;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] + 1);
  fixture.server.put(image, "application/octet-stream", damaged);
  refused(uri, ErrorKind::integrity, "expected sha256:" + sha256(fixture.sif) + ", got sha256:" + sha256(damaged));
  for (const std::string& wrong : {fixture.sif + "x", fixture.sif.substr(1)}) {
    fixture.server.put(image, "application/octet-stream", wrong);
    refused(uri, ErrorKind::integrity, "expected " + std::to_string(fixture.sif.size()) + " bytes, got ");
  }
  // Another image than the one that was asked for, whole as it is.
  const auto pin = "lab/tools/app:sha256." + std::string(64, 'a');
  fixture.put(pin, "amd64", LibraryFixture::record(fixture.sif));
  refused("library://" + pin, ErrorKind::integrity, "asked for sha256:aaaa");
  const auto record = [&](const Json& data) {
    fixture.server.put(LibraryFixture::path("images", "lab/tools/app:1", "amd64"), "application/json", data.dump());
  };
  record({{"data", {{"hash", "sha256.xyz"}}}});
  refused(uri, ErrorKind::malformed, "hash");
  record({{"data", 1}});
  refused(uri, ErrorKind::malformed, "expected an object");
  record({{"data", {{"hash", "sha256." + sha256(fixture.sif)}, {"size", -1}}}});
  refused(uri, ErrorKind::malformed, "size");
  // A hash that says nothing of the bytes: they come, and that is told.
  fixture.server.put(image, "application/octet-stream", fixture.sif);
  record({{"data", {{"hash", "sif.b4c2"}, {"size", fixture.sif.size()}}}});
  const auto unverified = fixture.pull_amd64(uri);
  CHECK(unverified.code == 0);
  CHECK_THAT(unverified.err, ContainsSubstring("states no digest of the image: its bytes are not verified"));
  const auto pinned = fixture.pull_amd64(uri, {"-F", "--digest", "sha512:" + std::string(128, '0')});
  CHECK(pinned.code == exit_code(ErrorKind::integrity));
}

TEST_CASE("an image comes from where the library points, and goes on where it broke off", "[cli][registry][library]") {
  LibraryFixture fixture;
  RegistryServer store;
  store.put("/bucket/app?signature=s3cret", "application/octet-stream", fixture.sif);
  std::atomic<int> tries = 0;
  store.set_fault([&](const Request& request) -> Answer {
    if (tries++ != 0) return std::nullopt;
    const auto answer = store.answer(request);
    return answer.substr(0, answer.size() - 3000);
  });
  const auto image = LibraryFixture::path("imagefile", "lab/tools/app:1", "amd64");
  fixture.server.set_fault([&](const Request& request) -> Answer {
    if (request.path != image) return std::nullopt;
    return RegistryServer::redirect(store.url("/bucket/app?signature=s3cret"), 303);
  });
  fixture.write_remotes("Active: Lab\nRemotes:\n  Lab:\n    URI: " + fixture.server.place() +
                        "\n    Insecure: true\n    Token: t0ken\n    System: false\n");
  fixture.server.put("/assets/config/config.prod.json", "application/json",
                     Json{{"libraryAPI", {{"uri", fixture.server.url("")}}}, {"keystoreAPI", {{"uri", "x"}}}}.dump());
  const Environment unset({{"SIFKIT_LIBRARY", std::nullopt}});
  const auto pulled = fixture.pull_amd64("library://lab/tools/app:1", {"--debug"});
  INFO(pulled.err);
  REQUIRE(pulled.code == 0);
  CHECK((read_file(fixture.home / "out/app_1.sif") == fixture.sif));
  // The signed address is asked for anew, and the token stays with the library.
  CHECK(fixture.server.count("GET " + image) == 2);
  REQUIRE(store.requests().size() == 2);
  CHECK(store.requests()[1].header("range") == "bytes=" + std::to_string(fixture.sif.size() - 3000) + "-");
  CHECK_THAT(store.wire(), !ContainsSubstring("t0ken"));
  for (const auto& request : fixture.server.requests())
    CHECK(request.header("authorization") == (request.path.starts_with("/v1/") ? "Bearer t0ken" : ""));
  CHECK_THAT(pulled.out + pulled.err, !ContainsSubstring("t0ken") && !ContainsSubstring("s3cret"));
  // Nor is it told where the library repeats it.
  fixture.server.set_fault([](const Request& request) -> Answer {
    if (!request.path.starts_with("/v1/")) return std::nullopt;
    return RegistryServer::response(403, Json{{"error", {{"message", "no rights: " + request.header("authorization")}}}}.dump());
  });
  const auto refused = fixture.pull_amd64("library://lab/tools/app:1", {"-F"});
  CHECK(refused.code == exit_code(ErrorKind::denied));
  CHECK_THAT(refused.err, ContainsSubstring("status 403: no rights: Bearer ***") && !ContainsSubstring("t0ken"));
}

TEST_CASE("which library is asked where none is named", "[cli][registry][library]") {
  LibraryFixture fixture;
  const Environment unset({{"SIFKIT_LIBRARY", std::nullopt}});
  const auto fails = [&](ErrorKind kind, const std::string& text) {
    const auto result = fixture.pull_amd64("library://lab/tools/app:1");
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
  };
  fails(ErrorKind::usage,
        "no library is set\n  hint: Apptainer's own remote has none; --library, SIFKIT_LIBRARY or "
        "'apptainer remote add' names one, as in --library https://library.sylabs.io\n");
  fixture.write_remotes("Active: DefaultRemote\nRemotes:\n  DefaultRemote:\n    URI: cloud.apptainer.org\n");
  fails(ErrorKind::usage, "no library is set");
  const std::string lab =
      "Active: Lab\nRemotes:\n  Lab:\n    Insecure: true\n    URI: " + fixture.server.place() + "\n";
  fixture.write_remotes(lab);
  fails(ErrorKind::not_found, fixture.server.place() + ": status 404 where it names its services");
  fixture.server.put("/assets/config/config.prod.json", "application/json", "{}");
  fails(ErrorKind::usage, "no library is set");
  fixture.server.put("/assets/config/config.prod.json", "application/json", R"({"libraryAPI":{"uri":"ftp://x"}})");
  fails(ErrorKind::usage, "library 'ftp://x': expected https://HOST");
  fixture.write_remotes(lab + "    Token: \"a\\nb\"\n");
  fails(ErrorKind::malformed, "remote.yaml': a token that is none");
  for (const auto& [text, why] :
       std::vector<std::pair<std::string, std::string>>{{"Remotes: [", "line 2: did not find expected node content"},
                                                        {"a: &x 1\nb: *x\n", "line 2: an alias"},
                                                        {"a: 1\na: 2\n", "line 2: 'a' stands there twice"},
                                                        {"--- 1\n--- 2\n", "line 2: more than one document"},
                                                        {"? [a]\n: 1\n", "line 1: a key that is no text"},
                                                        {"Remotes: 1", "expected an object"},
                                                        {std::string(40, '['), "nested more than 32 deep"}}) {
    INFO(text);
    fixture.write_remotes(text);
    fails(ErrorKind::malformed, why);
  }
}

TEST_CASE("a URL's file goes on where it broke off, if it is the same one", "[cli][registry][pull]") {
  PullFixture fixture;
  fixture.server.put("/some.sif", "application/octet-stream", fixture.sif);
  const auto url = fixture.server.url("/some.sif");
  const auto half = fixture.sif.size() / 2;
  std::atomic<int> tries = 0;
  /// The first answer breaks off; the others are as `more` says.
  const auto trouble = [&](const std::string& headers, std::function<Answer(const Request&)> more) {
    tries = 0;
    fixture.server.forget();
    fixture.server.set_fault([&fixture, &tries, half, headers, more](const Request& request) -> Answer {
      if (tries++ != 0) return more(request);
      const auto whole = RegistryServer::response(200, fixture.sif, headers);
      return whole.substr(0, whole.size() - half);
    });
  };
  const auto rest = [&](const Request&) -> Answer {
    const auto start = fixture.sif.size() - half;
    return RegistryServer::response(206, fixture.sif.substr(start),
                                    fmt::format("ETag: \"v1\"\r\nContent-Range: bytes {}-{}/{}\r\n", start,
                                                fixture.sif.size() - 1, fixture.sif.size()));
  };
  const auto sound = [&](const std::vector<std::string>& more = {}) {
    auto arguments = more;
    arguments.push_back("-F");
    const auto result = fixture.pull(url, arguments);
    INFO(result.err);
    return result.code == 0 && read_file(fixture.home / "out/some.sif") == fixture.sif;
  };
  trouble("ETag: \"v1\"\r\n", rest);
  CHECK(sound());
  REQUIRE(fixture.server.requests().size() == 2);
  CHECK(fixture.server.requests()[1].header("if-range") == "\"v1\"");
  CHECK(fixture.server.requests()[1].header("range") == "bytes=" + std::to_string(fixture.sif.size() - half) + "-");
  // All of it again, as it was.
  const auto again = [&](const std::string& headers) {
    return
        [&fixture, headers](const Request&) -> Answer { return RegistryServer::response(200, fixture.sif, headers); };
  };
  trouble("Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n",
          again("Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\n"));
  CHECK(sound());
  // Another one, or one that nobody knows.
  trouble("ETag: \"v1\"\r\n", again("ETag: \"v2\"\r\n"));
  const auto changed = fixture.pull(url, {"-F"});
  CHECK(changed.code == exit_code(ErrorKind::integrity));
  CHECK_THAT(changed.err, ContainsSubstring("/some.sif: the file has changed while it was fetched"));
  trouble("", again(""));
  const auto unknown = fixture.pull(url, {"-F"});
  CHECK(unknown.code == exit_code(ErrorKind::network));
  CHECK_THAT(unknown.err, ContainsSubstring("and its server names no version of it to go on with"));
  CHECK(tries == 1);
  trouble("", rest);
  CHECK(sound({"--digest", "sha256:" + sha256(fixture.sif)}));
  // A status that may heal; and none that does.
  trouble("", again(""));
  fixture.server.set_fault(
      [&](const Request&) -> Answer { return tries++ < 2 ? Answer(RegistryServer::response(503, "")) : std::nullopt; });
  CHECK(sound({"--retries", "2"}));
  tries = 0;
  CHECK(fixture.pull(url, {"-F", "--retries", "1"}).code == exit_code(ErrorKind::network));
  CHECK(tries == 2);
}
