// SPDX-License-Identifier: Apache-2.0
//
// Images of a registry: what they are called, what is asked for, and which of them is taken.
#include "registry/challenge.h"
#include "registry/registry_name.h"
#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Catch::Matchers::StartsWith;
using oci::RegistryName;

namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

}  // namespace

TEST_CASE("names of images in registries", "[oci][registry]") {
  const auto parsed = [](const std::string& text) {
    const auto name = RegistryName::parse(text, "docker://" + text);
    return name.address() + " " + name.repository + " " + name.reference();
  };
  CHECK(parsed("alpine") == "registry-1.docker.io library/alpine latest");
  CHECK(parsed("user/app:1") == "registry-1.docker.io user/app 1");
  for (const std::string host : {"docker.io", "index.docker.io", "registry-1.docker.io"}) {
    CHECK(parsed(host + "/alpine") == "registry-1.docker.io library/alpine latest");
    CHECK(RegistryName::parse(host + "/a/b", "").text() == "docker.io/a/b:latest");
  }
  CHECK(parsed("localhost/app") == "localhost app latest");
  CHECK(parsed("quay.io/x") == "quay.io x latest");
  CHECK(parsed("h:5000/a/b:T") == "h:5000 a/b T");
  CHECK(parsed("[::1]:5000/app") == "[::1]:5000 app latest");
  CHECK(parsed("h.tld/a:tag@" + kDigest) == "h.tld a " + kDigest);
  CHECK(RegistryName::parse("h.tld/a:tag@" + kDigest, "").text() == "h.tld/a:tag@" + kDigest);
  const auto refused = [&](const std::string& text) {
    const auto error = error_of([&] { parsed(text); });
    REQUIRE(error);
    return std::string(to_string(error->kind())) + ": " + error->what() + " | " + error->hint().text();
  };
  CHECK(refused("h.tld/Team/App:V1") ==
        "usage: source 'docker://h.tld/Team/App:V1': a repository's name is in lower case | try h.tld/team/app:V1");
  CHECK_THAT(refused("app:" + std::string(129, 'x')), ContainsSubstring("is no tag: letters, digits"));
  CHECK_THAT(refused("app:a b"), StartsWith("usage: ") && ContainsSubstring("'a b' is no tag"));
  CHECK_THAT(refused("h.tld/"), ContainsSubstring("the name of a repository is missing"));
  CHECK_THAT(refused("a//b"), ContainsSubstring("expected [HOST[:PORT]/]NAME[:TAG][@DIGEST]"));
  CHECK_THAT(refused("app@sha256:zz"), StartsWith("malformed: ") && ContainsSubstring("docker://app@sha256:zz"));
  // Credentials are no part of a name, and are not told.
  const std::string of_no_name = "credentials do not belong into the name of an image";
  for (const auto& [text, shown] : {std::pair<std::string, std::string>{"u:s3cret@127.0.0.1:5000/base", "127.0.0.1:5000/base"},
                                    {"u:s3cret@h.tld/app:1", "h.tld/app:1"},
                                    {"u:s3/c@ret@h.tld/app@" + kDigest, "h.tld/app@" + kDigest},
                                    {"s3cret@h.tld/App", "h.tld/App"},
                                    {"u:s3cret@h.tld", "h.tld"},
                                    {"u:s3cret@h.tld:5000", "h.tld:5000"}}) {
    const auto why = refused(text);
    CHECK_THAT(why, StartsWith("usage: source 'docker://" + shown + "': " + of_no_name));
    CHECK_THAT(why, !ContainsSubstring("s3") && !ContainsSubstring("ret@"));
  }
  CHECK(error_of([&] { parsed("u:p@h.tld:5000/app"); })->hint().argument() == "h.tld:5000");
  for (const std::string text : {"app:1@sha256:12345", "app@latest", "h:5000/app@foo:bar"})
    CHECK_THAT(refused(text), !ContainsSubstring(of_no_name));
  CHECK_THAT(refused("app@md5:" + std::string(32, 'a')), StartsWith("unsupported: "));
}

TEST_CASE("challenges as servers send them", "[oci][registry]") {
  const auto parsed = [](std::string_view header) {
    std::string out;
    for (const auto& challenge : oci::parse_challenges(header)) {
      out += (out.empty() ? "" : " ") + challenge.scheme + "{";
      for (const auto& [name, value] : challenge.parameters) out += "[" + name + "=" + value + "]";
      out += "}";
    }
    return out;
  };
  CHECK(parsed(R"(Bearer realm="https://a/t",service="s",scope="repository:l/a:pull,push")") ==
        "bearer{[realm=https://a/t][service=s][scope=repository:l/a:pull,push]}");
  CHECK(parsed(R"(BASIC Realm = "a \"b\" c")") == R"(basic{[realm=a "b" c]})");
  CHECK(parsed(R"(Negotiate, Basic realm="x", Bearer realm=https://a/t,scope=repository:x:pull)") ==
        "negotiate{} basic{[realm=x]} bearer{[realm=https://a/t][scope=repository:x:pull]}");
  CHECK(parsed(R"(Basic realm="never ends)") == "basic{[realm=never ends]}");
  CHECK(parsed("") == "");
  CHECK(parsed(",, ,") == "");
  CHECK(parsed("\"x\"") == "");
}

TEST_CASE("an image of a registry is what an archive of it is", "[oci][registry]") {
  RegistryFixture registry;
  const auto image = small_image();
  const auto manifest = registry.put(image);
  const auto opened = registry.open("app:1");
  CHECK(opened->manifest_digest() == digest_of(as_bytes(manifest)));
  CHECK(opened->config().raw == image.config_document());
  CHECK(registry.layers(*opened) == std::vector<std::string>{image.layers[1], image.layers[0]});
  // Newest first, each document once, and no ping before.
  CHECK(registry.server.lines().front() == "GET /v2/app/manifests/1");
  CHECK(registry.server.requests().size() == 4);
  const auto asked = registry.server.requests().front();
  CHECK_THAT(asked.header("accept"), ContainsSubstring("application/vnd.oci.image.index.v1+json") &&
                                         ContainsSubstring(kDockerManifest) && ContainsSubstring("v1+prettyjws"));
  CHECK(asked.header("authorization").empty());
  CHECK(registry.server.requests().back().header("accept-encoding") == "identity");
  // A layer can be read once more.
  CHECK(read_all(*opened->open_layer(0), 1 << 20, "layer").size() == image.layers[0].size());
}

TEST_CASE("layers that are passed over are not fetched", "[oci][registry]") {
  RegistryFixture registry;
  const auto image = small_image();
  registry.put(image);
  const auto opened = registry.open("app:1");
  opened->pass_over(1);
  CHECK(read_all(*opened->open_layer(1), 1 << 20, "layer").size() == image.layers[1].size());
  for (const auto& line : registry.server.lines()) {
    CHECK_THAT(line, !ContainsSubstring(digest_of(as_bytes(image.layers[0])).text()));
  }
  CHECK(registry.server.requests().size() == 3);
}

TEST_CASE("a digest counts, a tag beside it does not", "[oci][registry]") {
  RegistryFixture registry;
  const auto digest = digest_of(as_bytes(registry.put(small_image(), "team/app", "")));
  CHECK(registry.open("team/app:gone@" + digest.text())->manifest_digest() == digest);
  CHECK(registry.server.lines().front() == "GET /v2/team/app/manifests/" + digest.text());
  CHECK_THAT(registry.failure("team/app:gone"),
             ContainsSubstring("not_found: ") && ContainsSubstring("status 404: manifest unknown: unknown here"));
  registry.server.put("/v2/team/app/manifests/" + digest.text(), LayoutBuilder::kManifest, "{}");
  registry.server.forget();
  CHECK_THAT(registry.failure("team/app@" + digest.text()),
             ContainsSubstring("integrity: ") && ContainsSubstring("expected " + digest.text()));
  CHECK(registry.server.requests().size() == 2);  // what a cache has cut may be whole the next time
}

TEST_CASE("only the manifest of the platform that is wanted is fetched", "[oci][registry]") {
  RegistryFixture registry;
  LayoutBuilder layout;
  Json entries = Json::array({layout.attestation()});
  std::map<std::string, std::string> manifests;
  for (const std::string architecture : {"s390x", "arm64", "amd64"}) {
    auto image = small_image();
    image.architecture = architecture;
    const auto manifest = layout.manifest_of(image);
    entries.push_back(layout.entry(image, manifest));
    manifests[architecture] = digest_of(as_bytes(manifest)).text();
    registry.server.put_manifest("app", "", LayoutBuilder::kManifest, manifest);
  }
  for (const auto& member : layout.members()) registry.server.put_blob("app", member.bytes);
  const auto index = LayoutBuilder::index_of(entries);
  registry.server.put_manifest("app", "1", LayoutBuilder::kIndex, index);
  registry.options.platform = oci::Platform::parse("arm64");
  CHECK(registry.open("app:1")->manifest_digest()->text() == manifests["arm64"]);
  CHECK(registry.server.count("/manifests/") == 2);
  registry.options.platform = oci::Platform::parse("linux/riscv64");
  CHECK_THAT(registry.failure("app:1"), ContainsSubstring("not_found: ") &&
                                            ContainsSubstring("no image for linux/riscv64") &&
                                            ContainsSubstring("there are: @0 ") && ContainsSubstring("linux/s390x"));
  registry.options.platform.reset();
  const auto listed =
      oci::list_images(oci::Reference::parse(registry.server.image("app:1")), registry.options, registry.warnings);
  REQUIRE(listed.size() == 3);
  CHECK(listed[1].platform->text() == "linux/arm64");
  CHECK(listed[1].tags == std::vector<std::string>{registry.server.place() + "/app:1"});
  CHECK(listed[1].layers == 2);
  CHECK(listed[1].problem.empty());
}

TEST_CASE("what is no image is refused by its name", "[oci][registry]") {
  RegistryFixture registry;
  const auto with = [&](const std::string& type, const std::string& text) {
    registry.server.put("/v2/app/manifests/1", type, text);
    return registry.failure("app:1");
  };
  CHECK_THAT(with("application/vnd.docker.distribution.manifest.v1+prettyjws", R"({"schemaVersion":1,"fsLayers":[]})"),
             StartsWith("unsupported: ") && ContainsSubstring("schema 1 manifests are not supported"));
  auto manifest = Json::parse(registry.put(small_image()));
  // Servers of plain files know no types; then the document says what it is.
  for (const char* type : {"text/plain", "application/json; charset=utf-8", "application/octet-stream"})
    CHECK(with(type, manifest.dump()) == "none");
  CHECK(with(std::string(LayoutBuilder::kManifest) + "; charset=utf-8", manifest.dump()) == "none");
  CHECK_THAT(with(kDockerManifest, manifest.dump()),
             StartsWith("malformed: ") && ContainsSubstring(fmt::format("its media type is '{}', the registry's Content-Type says '{}'",
                                                                          LayoutBuilder::kManifest, kDockerManifest)));
  auto artifact = manifest;
  artifact["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json";
  CHECK_THAT(with(LayoutBuilder::kManifest, artifact.dump()),
             StartsWith("unsupported: ") &&
                 ContainsSubstring("an artifact of type 'application/vnd.cncf.helm.config.v1+json'"));
  auto both = manifest;
  both["manifests"] = Json::array();
  CHECK_THAT(with("application/json", both.dump()), ContainsSubstring("has members of an index and of a manifest"));
  CHECK_THAT(with(LayoutBuilder::kManifest, "<html>"), StartsWith("malformed: "));
  registry.server.set_fault([&](const RegistryServer::Request& request) -> std::optional<std::string> {
    if (request.path.find("/manifests/") == std::string::npos) return std::nullopt;
    return RegistryServer::response(200, manifest.dump(), "Docker-Content-Digest: " + kDigest + "\r\n");
  });
  CHECK_THAT(registry.failure("app:1"), StartsWith("integrity: ") && ContainsSubstring("expected " + kDigest));
  // Hex digits are digits in any case.
  registry.server.set_fault([&](const RegistryServer::Request& request) -> std::optional<std::string> {
    if (request.path.find("/manifests/") == std::string::npos) return std::nullopt;
    auto digest = sha256(manifest.dump());
    for (auto& c : digest) c = c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    return RegistryServer::response(200, manifest.dump(), "Docker-Content-Digest: sha256:" + digest + "\r\n");
  });
  CHECK(registry.failure("app:1") == "none");
  registry.server.set_fault([&](const RegistryServer::Request&) -> std::optional<std::string> {
    return RegistryServer::response(200, std::string((8u << 20) + 1, ' '));
  });
  CHECK_THAT(registry.failure("app:1"), StartsWith("limit: "));
  // A document that is too large by what its descriptor says is not asked for, and the limit is named.
  registry.server.set_fault(nullptr);
  auto large = small_image();
  large.config["Env"] = {"A=" + std::string(5000, 'x')};
  registry.put(large, "large");
  registry.options.limits.json_bytes = 4000;
  registry.server.forget();
  const auto error = error_of([&] { registry.open("large:1"); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK_THAT(error->message(), ContainsSubstring(" bytes, the limit is 4000"));
  CHECK(error->hint().advice() == Advice::raise_limit);
  CHECK(error->hint().argument() == "json_bytes");
  CHECK(registry.server.count("/blobs/") == 0);
}
