// SPDX-License-Identifier: Apache-2.0
//
// registries.conf: which hosts are asked for an image, in which order, and which are not.
#include <filesystem>

#include <sifkit/core/base64.h>
#include <sifkit/oci/registry_login.h>
#include <sifkit/oci/remote_file.h>

#include "registry/registries_conf.h"
#include "registry/repository_writer.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct ConfigurationFile {
  TempDir directory;

  oci::RegistriesConf of(const std::string& text) const {
    write_file(directory / "registries.conf", text);
    oci::RegistriesConf out;
    out.add(directory / "registries.conf", silent_logger());
    return out;
  }
  /// "host/a:1, other/a:1 (insecure)"
  std::string places(const std::string& text, const std::string& name) const {
    std::string out;
    for (const auto& place : of(text).places(oci::RegistryName::parse(name, name)))
      out += (out.empty() ? "" : ", ") + place.name.text() + (place.insecure ? " (insecure)" : "");
    return out;
  }
  std::string refusal(const std::string& text, const std::string& name = "example.org/app") const {
    const auto error = error_of([&] { places(text, name); });
    return error ? error->what() : "none";
  }
};

const std::string kByDigest = "@sha256:" + std::string(64, 'a');

}  // namespace

TEST_CASE("the longest prefix that ends where a part of a name does counts", "[oci][registry]") {
  const ConfigurationFile file;
  const std::string text = R"(
    unqualified-search-registries = ["docker.io"]
    [[registry]]
    location = "example.org"
    [[registry]]
    prefix = "example.org/team"
    location = "inner.example:5000/mirror"
    insecure = true
    [[registry]]
    prefix = "*.example.net"
    location = "proxy.example:8080"
    [[registry]]
    prefix = "docker.io/library"
    location = "hub.example/library"
    [[registry]]
    prefix = "blocked.example"
    blocked = true
  )";
  CHECK(file.places(text, "example.org/app:1") == "example.org/app:1");
  CHECK(file.places(text, "example.org/team/app:1") == "inner.example:5000/mirror/app:1 (insecure)");
  CHECK(file.places(text, "example.org/team2/app:1") == "example.org/team2/app:1");
  CHECK(file.places(text, "example.org:5000/team/app:1") == "example.org:5000/team/app:1");
  CHECK(file.places(text, "a.b.example.net/app" + kByDigest) == "proxy.example:8080/app" + kByDigest);
  CHECK(file.places(text, "example.net/app:1") == "example.net/app:1");
  CHECK(file.places(text, "alpine") == "hub.example/library/alpine:latest");
  CHECK(file.places(text, "me/app:1") == "docker.io/me/app:1");
  CHECK(file.refusal(text, "blocked.example/a/b") ==
        "registry 'blocked.example' is blocked in '" + (file.directory / "registries.conf").native() + "'");
}

TEST_CASE("a prefix for all hosts of a domain is for their ports, too", "[oci][registry]") {
  const ConfigurationFile file;
  const std::string blocked = "[[registry]]\nprefix = \"*.example.test\"\nblocked = true\n";
  for (const std::string name : {"a.example.test/x", "a.example.test:5000/x", "a.b.example.test:5000/x:1"})
    CHECK_THAT(file.refusal(blocked, name), ContainsSubstring("registry '*.example.test' is blocked in"));
  for (const std::string name : {"example.test:5000/x", "a.example.test.org:5000/x", "a.org/b.example.test/x"})
    CHECK(file.refusal(blocked, name) == "none");
  // The port stays, as it does behind a host that is written out.
  CHECK(file.places("[[registry]]\nprefix = \"*.example.test\"\nlocation = \"proxy.example\"\n", "a.example.test:5000/x:1") ==
        "proxy.example:5000/x:1");
}

TEST_CASE("a location whose host has one label is refused", "[oci][registry][hostile]") {
  // It would be somebody's name in Docker's registry.
  const ConfigurationFile file;
  const auto with = [&](const std::string& location) {
    return file.refusal("[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\nlocation = \"" + location + "\"\n", "alpine");
  };
  const auto conf = in_quotes((file.directory / "registries.conf").native());
  for (const std::string location : {"harbor", "harbor/mirror"})
    CHECK(with(location) == conf + ": location: expected HOST[:PORT][/NAME], with a port or a dot in HOST or localhost, found '" + location + "'");
  for (const std::string location : {"harbor:80", "localhost", "localhost/mirror", "harbor.lan"}) CHECK(with(location) == "none");
  CHECK_THAT(file.refusal("[[registry]]\nprefix = \"example.org\"\nlocation = \"harbor\"\n"), ContainsSubstring("found 'harbor'"));
}

TEST_CASE("slashes behind a prefix or a location count for nothing", "[oci][registry]") {
  const ConfigurationFile file;
  const std::string text = R"(
    [[registry]]
    location = "blocked.example:5000/"
    blocked = true
    [[registry]]
    prefix = "example.org/team//"
    location = "inner.example/store/"
    [[registry.mirror]]
    location = "mirror.example/"
  )";
  CHECK_THAT(file.refusal(text, "blocked.example:5000/app"),
             ContainsSubstring("registry 'blocked.example:5000' is blocked"));
  CHECK(file.places(text, "example.org/team/app:1") == "mirror.example/app:1, inner.example/store/app:1");
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"https://x.example\"\nblocked = true\n"),
             ContainsSubstring("line 2: location: expected HOST[:PORT][/NAME], found 'https://x.example'"));
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"/\"\n"),
             ContainsSubstring("a registry without prefix and location"));
}

TEST_CASE("mirrors come first, in their order, as far as they are for names of that kind", "[oci][registry]") {
  const ConfigurationFile file;
  const std::string mirrors = R"(
    [[registry.mirror]]
    location = "one.example"
    [[registry.mirror]]
    location = "two.example/x"
    insecure = true
    pull-from-mirror = "digest-only"
    [[registry.mirror]]
    location = "three.example"
    pull-from-mirror = "tag-only"
  )";
  const std::string text = "[[registry]]\nlocation = \"example.org\"\n";
  CHECK(file.places(text + mirrors, "example.org/app:1") == "one.example/app:1, three.example/app:1, example.org/app:1");
  CHECK(file.places(text + mirrors, "example.org/app" + kByDigest) ==
        "one.example/app" + kByDigest + ", two.example/x/app" + kByDigest + " (insecure), example.org/app" + kByDigest);
  const auto by_digest = text + "mirror-by-digest-only = true\n[[registry.mirror]]\nlocation = \"one.example\"\n";
  CHECK(file.places(by_digest, "example.org/app:1") == "example.org/app:1");
  CHECK(file.places(by_digest, "example.org/app" + kByDigest) == "one.example/app" + kByDigest + ", example.org/app" + kByDigest);
}

TEST_CASE("a file that says what it may not is refused with its line", "[oci][registry][hostile]") {
  const ConfigurationFile file;
  CHECK_THAT(file.refusal("[[registry]\n"), ContainsSubstring("registries.conf': line 1: "));
  CHECK_THAT(file.refusal("[registry]\nlocation = \"x.example\"\n"), ContainsSubstring("expected [[registry]]"));
  CHECK_THAT(file.refusal("\n[[registry]]\nlocation = 1\n"), ContainsSubstring("line 3: location is no text"));
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"x.example\"\nblocked = \"yes\"\n"),
             ContainsSubstring("line 3: blocked is neither true nor false"));
  CHECK_THAT(file.refusal("[[registry]]\nblocked = true\n"), ContainsSubstring("a registry without prefix and location"));
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"x.example\"\n[[registry.mirror]]\n"),
             ContainsSubstring("a mirror without location"));
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"x.example\"\n[[registry.mirror]]\nlocation = \"y.example\"\n"
                          "pull-from-mirror = \"some\"\n"),
             ContainsSubstring("found 'some'"));
  CHECK_THAT(file.refusal("[[registry]]\nlocation = \"example.org\"\n[[registry.mirror]]\nlocation = \"a b.example\"\n"),
             ContainsSubstring("no name of an image"));
  // Version 1 is passed over.
  CHECK(file.refusal("[registries.search]\nregistries = ['docker.io']\n") == "none");
  CHECK(file.refusal("") == "none");
}

TEST_CASE("a mirror that has the image serves it, whatever it lacks goes to the registry", "[oci][registry]") {
  RegistryFixture fixture;
  RegistryServer mirror;
  const auto image = small_image();
  fixture.put(image);
  write_file(fixture.home / "registries.conf", "[[registry]]\nlocation = \"" + fixture.server.place() +
                                                   "\"\n[[registry.mirror]]\nlocation = \"" + mirror.place() + "\"\n");
  const Environment configuration("CONTAINERS_REGISTRIES_CONF", (fixture.home / "registries.conf").native());
  fixture.options.registry.credentials = oci::RegistryCredentials{.user = "ada", .password = "secret-of-ada"};
  mirror.set_fault([](const RegistryServer::Request&) -> std::optional<std::string> {
    return RegistryServer::response(401, "{}", "WWW-Authenticate: Basic realm=\"mirror\"\r\n");
  });
  const auto layers = fixture.layers(*fixture.open("app:1"));
  mirror.set_fault({});
  CHECK(layers.size() == image.layers.size());
  CHECK(mirror.count("GET /v2/app/manifests/1") == 1);
  CHECK(fixture.server.count("GET /v2/app/manifests/1") == 1);
  const auto before = fixture.server.requests().size();
  LayoutBuilder layout;
  const auto manifest = layout.manifest_of(image);
  for (const auto& member : layout.members()) mirror.put_blob("app", member.bytes);
  mirror.put_manifest("app", "1", LayoutBuilder::kManifest, manifest);
  CHECK(fixture.layers(*fixture.open("app:1")) == layers);
  CHECK(fixture.server.requests().size() == before);
  CHECK(mirror.wire().find("secret-of-ada") == std::string::npos);
  CHECK(mirror.wire().find(base64_encode(as_bytes(std::string("ada:secret-of-ada")))) == std::string::npos);
  write_file(fixture.home / "registries.conf", "[[registry]]\nlocation = \"" + fixture.server.place() + "\"\nblocked = true\n");
  CHECK_THAT(fixture.failure("app:1"), ContainsSubstring("denied: ") && ContainsSubstring("is blocked in"));
}

TEST_CASE("what is pushed goes to the registry itself, and to a blocked one nothing does", "[oci][registry]") {
  RegistryFixture fixture;
  RegistryServer mirror;
  const Environment configuration("CONTAINERS_REGISTRIES_CONF", (fixture.home / "registries.conf").native());
  const auto configure = [&](const std::string& more) {
    write_file(fixture.home / "registries.conf", "[[registry]]\nprefix = \"push.example/team\"\nlocation = \"" +
                                                     fixture.server.place() + "/store\"\n" + more);
  };
  configure("insecure = true\n[[registry.mirror]]\nlocation = \"" + mirror.place() + "\"\n");
  const auto name = oci::RegistryName::parse("push.example/team/app:1", "app");
  // Whether there is TLS is asked first.
  fixture.options.registry.plain_http = false;
  fixture.options.registry.credentials = oci::RegistryCredentials{.user = "ada", .password = "secret-of-ada"};
  const std::string manifest = R"({"schemaVersion":2})";
  {
    oci::RepositoryWriter writer(name, fixture.options);
    writer.mount_from(oci::RegistryName::parse("push.example/team/base:1", "base"));
    writer.add_document("{}");
    writer.put_manifest(manifest, LayoutBuilder::kManifest, "1");
  }
  CHECK(fixture.server.bytes_of("/v2/store/app/manifests/1") == manifest);
  CHECK(fixture.server.count("from=store/base") == 1);
  CHECK(mirror.requests().empty());
  CHECK_THAT(fixture.server.wire(), !ContainsSubstring(base64_encode(as_bytes(std::string("ada:secret-of-ada")))));
  // A SIF file is read from a mirror.
  const Json sif{{"schemaVersion", 2},
                 {"layers", Json::array({{{"mediaType", "application/vnd.sylabs.sif.layer.v1.sif"},
                                          {"size", 3},
                                          {"digest", "sha256:" + sha256("abc")}}})}};
  mirror.put_manifest("app", "2", LayoutBuilder::kManifest, sif.dump());
  mirror.put_blob("app", "abc");
  fixture.options.registry.plain_http = true;
  auto file = oci::open_oras("push.example/team/app:2", "app", fixture.options);
  CHECK(as_text(read_all(*file.bytes, 10, "file")) == "abc");
  configure("blocked = true\n");
  fixture.server.forget();
  const auto blocked = [&](auto&& body) {
    const auto error = error_of(body);
    REQUIRE(error);
    CHECK(error->kind() == ErrorKind::denied);
    CHECK_THAT(error->what(), ContainsSubstring("registry 'push.example/team' is blocked in '"));
  };
  blocked([&] { oci::RepositoryWriter(name, fixture.options); });
  blocked([&] { oci::open_oras("push.example/team/app:2", "app", fixture.options); });
  write_file(fixture.home / "registries.conf", "[[registry]]\nprefix = \"push.example\"\nblocked = true\n");
  const auto login = error_of([&] { oci::check_registry_login("push.example", fixture.options); });
  REQUIRE(login);
  CHECK(login->kind() == ErrorKind::denied);
  CHECK(fixture.server.requests().empty());
}
