// SPDX-License-Identifier: Apache-2.0
//
// Services that speak the Docker Engine API: where they are, how they answer, and what is said when they do not.
#include <sifkit/oci/image.h>

#include "engine_api.h"
#include "support/catch.h"
#include "support/engine_server.h"
#include "support/environment.h"
#include "support/errors.h"
#include "support/image_shapes.h"

using namespace sifkit;
using namespace sifkit::oci;
using namespace sifkit::testing;

namespace {

using Answer = std::optional<std::string>;

/// Only these variables of all that say where a service is.
class OnlyThese {
 public:
  explicit OnlyThese(const std::vector<Environment::Setting>& settings = {}) : environment_(with(settings)) {}

 private:
  static std::vector<Environment::Setting> with(const std::vector<Environment::Setting>& settings) {
    std::vector<Environment::Setting> all;
    for (const char* name : {"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "CONTAINER_HOST", "XDG_RUNTIME_DIR", "http_proxy", "HTTP_PROXY", "ALL_PROXY"}) {
      all.emplace_back(name, std::nullopt);
    }
    all.emplace_back("HOME", "/nonexistent");
    all.insert(all.end(), settings.begin(), settings.end());
    return all;
  }

  Environment environment_;
};

std::string details(const TestImage& image) {
  return Json{{"Id", "sha256:" + sha256(image.config_document())}, {"RepoTags", {image.tag}}, {"Os", "linux"}, {"Architecture", image.architecture},
              {"Created", image.created}, {"RootFS", {{"Layers", {"sha256:x"}}}}, {"Size", 7}}
      .dump();
}

/// A sound service with one image.
Answer serve(const std::string& path) {
  const TestImage image = small_image();
  if (path == "/images/json") return EngineServer::response(200, Json::array({Json::parse(details(image))}).dump());
  if (path.ends_with("/get")) return EngineServer::response(200, as_tar(docker_24(image)), "application/x-tar");
  return EngineServer::response(200, details(image));
}

std::optional<Error> failure(const std::string& reference, const std::string& host, std::chrono::seconds timeout = std::chrono::seconds(20)) {
  SourceOptions options;
  options.daemon_host = host;
  options.service_timeout = timeout;
  WarningList warnings;
  return error_of([&] { open_image(Reference::parse(reference), options, warnings); });
}

std::string opened(const std::string& reference, const std::string& host = {}) {
  SourceOptions options;
  options.daemon_host = host;
  WarningList warnings;
  std::string out;
  const auto error = error_of([&] { out = open_image(Reference::parse(reference), options, warnings)->config_digest()->hex(); });
  return error ? error->what() : out == sha256(small_image().config_document()) ? "" : "another image";
}

}  // namespace

TEST_CASE("a service is found where the caller or the environment says", "[oci][engine]") {
  TempDir directory;
  std::filesystem::create_directories(directory / "podman");
  EngineServer tcp(serve);
  EngineServer local(serve, directory / "podman/podman.sock");
  {
    const OnlyThese plain;
    for (const auto& host : {tcp.url(), tcp.url() + "/", "http://" + tcp.place(), local.url()}) {
      INFO(host);
      CHECK(opened("docker-daemon:app", host) == "");
      CHECK(opened("podman:app", host) == "");
    }
  }
  const auto found = [&](const char* service, const std::vector<Environment::Setting>& variables) {
    const OnlyThese environment(variables);
    return opened(std::string(service) + ":app");
  };
  CHECK(found("docker-daemon", {{"DOCKER_HOST", tcp.url()}}) == "");
  CHECK(found("docker-daemon", {{"DOCKER_HOST", local.url()}}) == "");
  CHECK(found("podman", {{"CONTAINER_HOST", local.url()}}) == "");
  CHECK(found("podman", {{"XDG_RUNTIME_DIR", directory.path().string()}}) == "");
  // Each has its own variable, and no proxy stands between.
  CHECK_THAT(found("podman", {{"DOCKER_HOST", tcp.url()}, {"CONTAINER_HOST", "unix://" + (directory / "none").string()}}), ContainsSubstring("No such file"));
  CHECK(found("docker-daemon", {{"DOCKER_HOST", tcp.url()}, {"http_proxy", "http://127.0.0.1:1"}, {"ALL_PROXY", "http://127.0.0.1:1"}}) == "");
  // Under a path, as behind a proxy of one's own.
  EngineServer below([](const std::string& path) { return path.starts_with("/docker/") ? serve(path.substr(7)) : EngineServer::response(404, "{}"); });
  CHECK(opened("docker-daemon:app", below.url() + "/docker") == "");
}

TEST_CASE("the context that the docker program uses says where its service is", "[oci][engine]") {
  TempDir home;
  EngineServer local(serve, home / "s");
  EngineServer other(serve);
  const auto directory = home / ".docker";
  const auto add = [&](const std::string& name, const Json& endpoint) {
    const auto place = directory / "contexts/meta" / sha256(name);
    std::filesystem::create_directories(place);
    write_file(place / "meta.json", Json{{"Name", name}, {"Metadata", Json::object()}, {"Endpoints", {{"docker", endpoint}}}}.dump());
  };
  add("rootless", {{"Host", local.url()}, {"SkipTLSVerify", false}});
  add("far", {{"Host", "ssh://far.example"}});
  add("odd", {{"Host", 5}});
  const auto found = [&](const std::string& current, std::vector<Environment::Setting> variables = {}) {
    write_file(directory / "config.json", current.empty() ? R"({"auths":{}})" : Json{{"currentContext", current}}.dump());
    variables.emplace_back("HOME", home.path().string());
    const OnlyThese environment(variables);
    return opened("docker-daemon:app");
  };
  CHECK(found("rootless") == "");
  CHECK(found("", {{"DOCKER_CONTEXT", "rootless"}}) == "");
  CHECK(found("far", {{"DOCKER_CONTEXT", "rootless"}}) == "");
  CHECK(found("", {{"DOCKER_CONTEXT", "rootless"}, {"DOCKER_CONFIG", directory.string()}, {"HOME", "/nonexistent"}}) == "");
  // An address goes before a context, and one context is that of no address.
  CHECK(found("far", {{"DOCKER_HOST", other.url()}}) == "");
  CHECK(found("far", {{"DOCKER_HOST", other.url()}, {"DOCKER_CONTEXT", "rootless"}}) == "");
  {
    const OnlyThese environment({{"HOME", home.path().string()}, {"DOCKER_CONTEXT", "default"}});
    CHECK(EngineApi(Transport::docker_daemon, {}).where() == "unix:///var/run/docker.sock");
  }
  CHECK_THAT(found("none"), ContainsSubstring("Docker context 'none' is not there"));
  CHECK_THAT(found("../x"), ContainsSubstring("Docker context '../x' is not there"));
  CHECK_THAT(found("far"), ContainsSubstring("service address 'ssh://far.example' (Docker context 'far'): expected unix://"));
  CHECK_THAT(found("odd"), ContainsSubstring("Endpoints.docker.Host: expected a string, got a number"));
  write_file(directory / "config.json", "{");
  const OnlyThese environment({{"HOME", home.path().string()}});
  CHECK_THAT(opened("docker-daemon:app"), ContainsSubstring("config.json: not valid JSON"));
  CHECK(opened("docker-daemon:app", local.url()) == "");
}

TEST_CASE("addresses of services that are none are refused", "[oci][engine]") {
  const OnlyThese plain;
  for (const auto& [host, part] : std::vector<std::pair<std::string, std::string>>{
           {"/var/run/docker.sock", "a socket is unix:///var/run/docker.sock"},
           {"ssh://host", "forward the socket"},
           {"127.0.0.1:2375", ""},
           {"npipe:////./pipe/docker_engine", ""},
           {"fd://", ""},
           {"unix://", ""},
           {"tcp://", ""},
           {"http://", ""},
           {"unix:/run/docker.sock", ""},
           {"x\x1b[2J", ""},
       }) {
    INFO(host);
    const auto error = failure("docker-daemon:app", host);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::unsupported);
    CHECK_THAT(error->what(), ContainsSubstring("expected unix://, tcp://, http:// or https://") && !ContainsSubstring("\x1b"));
    CHECK_THAT(error->hint().text(), ContainsSubstring(part));
  }
  const auto longest = failure("docker-daemon:app", "unix:///" + std::string(200, 'x'));
  REQUIRE(longest);
  CHECK(longest->kind() == ErrorKind::limit);
  // Docker's port stands in for one that is left out.
  for (const auto& [host, where] : std::vector<std::pair<std::string, std::string>>{{"tcp://127.0.0.2", "tcp://127.0.0.2:2375"},
                                                                                    {"tcp://127.0.0.2/x", "tcp://127.0.0.2:2375/x"},
                                                                                    {"tcp://[::1]", "tcp://[::1]:2375"},
                                                                                    {"tcp://[::1]:1", "tcp://[::1]:1"},
                                                                                    {"tcp://127.0.0.2:1/x", "tcp://127.0.0.2:1/x"}}) {
    SourceOptions options;
    options.daemon_host = host;
    CHECK(EngineApi(Transport::docker_daemon, options).where() == where);
  }
  const auto refused = failure("docker-daemon:app", "tcp://127.0.0.2:1");
  REQUIRE(refused);
  CHECK(refused->kind() == ErrorKind::network);
  CHECK_THAT(refused->what(), ContainsSubstring("cannot connect to tcp://127.0.0.2:1: Connection refused"));
}

TEST_CASE("answers in pieces and in one are the same", "[oci][engine]") {
  const OnlyThese plain;
  const std::string archive = as_tar(docker_24(small_image()));
  for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{512}, std::size_t{777}}) {
    INFO(piece);
    EngineServer server([&](const std::string& path) { return path.ends_with("/get") ? Answer(EngineServer::chunked(archive, piece)) : EngineServer::chunked("{}", 1); });
    CHECK(opened("docker-daemon:app", server.url()) == "");
  }
  // As long as the connection lasts.
  EngineServer server([&](const std::string& path) { return Answer("HTTP/1.0 200 OK\r\n\r\n" + (path.ends_with("/get") ? archive : "{}")); });
  CHECK(opened("docker-daemon:app", server.url()) == "");
}

TEST_CASE("a name reaches the service as it is", "[oci][engine]") {
  const OnlyThese plain;
  const std::string digest = "sha256:" + std::string(64, 'a');
  for (const auto& [name, path] : std::vector<std::pair<std::string, std::string>>{
           {"app", "/images/app"},
           {"app:1", "/images/app:1"},
           {"reg.example:5000/team/app:1@" + digest, "/images/reg.example:5000/team/app:1@" + digest},
           {digest, "/images/" + digest},
           {std::string(64, 'c'), "/images/" + std::string(64, 'c')},
           {"a?b#c%d e", "/images/a%3Fb%23c%25d%20e"},
           {"../../info", "/images/../../info"},
           {"a\r\nHost: x", "/images/a%0D%0AHost:%20x"},
           {"\xc3\xa9", "/images/%C3%A9"},
       }) {
    INFO(name);
    EngineServer server(serve);
    CHECK(opened("docker-daemon:" + name, server.url()) == "");
    CHECK(server.requests() == std::vector<std::string>{path + "/json", path + "/get"});
  }
}

TEST_CASE("services that fail are told apart", "[oci][engine]") {
  const OnlyThese plain;
  struct Case {
    std::string what;
    Answer json;
    Answer get;
    ErrorKind kind;
    std::string text;
  };
  const std::string archive = as_tar(docker_24(small_image()));
  const std::string ok = EngineServer::response(200, "{}");
  const auto failed = [](unsigned status, const std::string& message) { return EngineServer::response(status, Json{{"message", message}}.dump()); };
  std::string many_headers;
  while (many_headers.size() < 2 << 20) many_headers += "X: " + std::string(100, 'x') + "\r\n";
  const std::vector<Case> cases{
      {"no such image", failed(404, "no"), ok, ErrorKind::not_found, "has no image 'app'"},
      {"no login", failed(401, "log in"), ok, ErrorKind::denied, "status 401: log in"},
      {"not allowed", failed(403, "not you"), ok, ErrorKind::denied, "status 403: not you"},
      {"broken", failed(500, "oh \x1b[31m no"), ok, ErrorKind::network, "status 500: oh \\x1b[31m no"},
      {"broken at the second request", ok, failed(500, "no space"), ErrorKind::network, "status 500: no space"},
      {"gone at the second request", ok, failed(404, "gone"), ErrorKind::not_found, "status 404: gone"},
      {"an error without words", EngineServer::response(500, ""), ok, ErrorKind::network, "status 500: no message"},
      {"an error that is no JSON", EngineServer::response(502, "<html>Bad Gateway</html>"), ok, ErrorKind::network, "status 502: <html>Bad Gateway</html>"},
      {"an error whose message is none", EngineServer::response(500, R"({"message":{}})"), ok, ErrorKind::network, R"(status 500: {"message":{}})"},
      {"elsewhere", "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ok, ErrorKind::network, "status 301: it points to 'http://127.0.0.1:1/', which is not followed"},
      {"nothing to say", "HTTP/1.1 204 No Content\r\n\r\n", ok, ErrorKind::network, "status 204"},
      {"a long error", EngineServer::response(500, std::string(1 << 20, 'x')), ok, ErrorKind::network, "status 500: xxx"},
      {"an error without an end", "HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n" + std::string(1 << 20, 'x'), ok, ErrorKind::network, "status 500: xxx"},
      {"no JSON", EngineServer::response(200, "<html>"), ok, ErrorKind::malformed, "not valid JSON"},
      {"nothing", std::string(), ok, ErrorKind::network, "Empty reply"},
      {"another protocol", "220 mail.example.org ESMTP\r\n", ok, ErrorKind::network, ""},
      {"a header without an end", "HTTP/1.1 200 OK\r\nX: " + std::string(2 << 20, 'x'), ok, ErrorKind::network, ""},
      {"a header without an end, line by line", "HTTP/1.1 200 OK\r\n" + many_headers, ok, ErrorKind::limit, "the headers of the answer are over the limit of 262144 bytes"},
      {"a trailer without an end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + many_headers, ok, ErrorKind::limit, "the headers of the answer are over the limit of 262144 bytes"},
      {"a length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", ok, ErrorKind::network, ""},
      {"pieces of no length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", ok, ErrorKind::network, ""},
      {"a document without an end", EngineServer::response(200, "[" + std::string(9 << 20, ' ') + "]"), ok, ErrorKind::limit, "larger than the limit"},
      {"fewer bytes than said", ok, "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + archive, ErrorKind::network, "bytes remaining"},
      {"the last piece is missing", ok, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n" + archive.substr(0, 512) + "\r\n", ErrorKind::network, ""},
      {"an archive that is cut", ok, EngineServer::response(200, archive.substr(0, archive.size() / 2)), ErrorKind::malformed, "ends"},
      {"an archive of nothing", ok, EngineServer::response(200, ""), ErrorKind::network, "sent an empty archive"},
      {"an archive of zeros", ok, EngineServer::response(200, std::string(10240, '\0')), ErrorKind::malformed, "index.json"},
      {"no archive", ok, EngineServer::response(200, std::string(10240, 'x')), ErrorKind::malformed, ""},
      {"a message in place of the archive", ok, EngineServer::response(200, R"({"message":"the driver failed"})"), ErrorKind::network, "the driver failed"},
      {"silence", {}, ok, ErrorKind::network, "silent for 1 s"},
      {"silence at the second request", ok, {}, ErrorKind::network, "silent for 1 s"},
  };
  for (const auto& test : cases) {
    INFO(test.what);
    EngineServer server([&](const std::string& path) { return path.ends_with("/get") ? test.get : path == "/images/json" ? Answer("") : test.json; });
    const bool silent = !test.json || !test.get;
    const auto error = failure("docker-daemon:app", server.url(), std::chrono::seconds(silent ? 1 : 20));
    REQUIRE(error);
    CHECK(error->kind() == test.kind);
    CHECK_THAT(error->what(), ContainsSubstring(test.text) && !ContainsSubstring("\x1b"));
    CHECK(std::string(error->what()).size() < 2000);
  }
}

TEST_CASE("the images of a service are listed, one or all", "[oci][engine]") {
  const OnlyThese plain;
  const std::string id = sha256(small_image().config_document());
  EngineServer server([&](const std::string& path) -> Answer {
    if (path == "/images/json") return EngineServer::response(200, R"([{"Id":"sha256:)" + id + R"("},{"Id":"sha256:)" + std::string(64, '0') + R"("}])");
    if (path.find("0000") != std::string::npos || path.find("absent") != std::string::npos) return EngineServer::response(404, "{}");
    // Some leave the algorithm out of the ID.
    Json document = Json::parse(details(small_image()));
    document["Id"] = id;
    return EngineServer::response(200, document.dump());
  });
  SourceOptions options;
  options.daemon_host = server.url();
  WarningList warnings;
  for (const char* source : {"docker-daemon:", "podman:", "docker-daemon:app", "docker-daemon:docker.io/library/app:1"}) {
    INFO(source);
    const auto images = list_images(Reference::parse(source), options, warnings);  // the second has gone
    REQUIRE(images.size() == 1);
    CHECK(images[0].config_digest->hex() == id);
    CHECK(images[0].tags == std::vector<std::string>{"app:1"});
    CHECK(images[0].platform->text() == "linux/amd64");
    CHECK(images[0].compressed_bytes == 7);
  }
  const auto error = error_of([&] { list_images(Reference::parse("docker-daemon:absent"), options, warnings); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::not_found);
}

TEST_CASE("a container is its file system and the configuration it runs with", "[oci][engine]") {
  const OnlyThese plain;
  const std::string root = TarBuilder().file("etc/x", "1").bytes();
  bool image_gone = false;
  EngineServer server([&](const std::string& path) -> Answer {
    if (path == "/containers/web/json") {
      return EngineServer::response(200, Json{{"Created", "2024-05-01T10:20:30Z"}, {"Platform", "linux"}, {"Image", "sha256:x"}, {"Config", {{"Env", {"A=1"}}, {"Cmd", {"serve"}}}}}.dump());
    }
    if (path == "/containers/web/export") return EngineServer::chunked(root, 1000);
    if (path == "/images/sha256:x/json" && !image_gone) return EngineServer::response(200, details(small_image()));
    return EngineServer::response(404, R"({"message":"no such thing"})");
  });
  SourceOptions options;
  options.daemon_host = server.url();
  WarningList warnings;
  for (const bool gone : {false, true}) {
    image_gone = gone;
    const auto image = open_image(Reference::parse(gone ? "docker-container:web" : "docker-container:/web"), options, warnings);
    CHECK(image->config().config.env == std::vector<std::string>{"A=1"});
    CHECK(image->config().config.cmd == std::vector<std::string>{"serve"});
    CHECK(image->config().platform.architecture == (gone ? "" : "amd64"));
    REQUIRE(image->layers().size() == 1);
    CHECK(as_text(read_all(*image->open_layer(0), 1 << 20, "root")) == root);
  }
  const auto error = failure("docker-container:none", server.url());
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::not_found);
  CHECK_THAT(error->what(), ContainsSubstring("has no container 'none'"));
}
