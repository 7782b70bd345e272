// SPDX-License-Identifier: Apache-2.0
//
// The C interface and registries: whose credentials go where, what is kept of what was fetched, which library is asked.
#include <algorithm>
#include <filesystem>

#include <sifkit.h>

#include <sifkit/oci/registry_settings.h>

#include "support/catch.h"
#include "support/registry_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;
using Request = RegistryServer::Request;
using Answer = std::optional<std::string>;
using Settings = std::vector<std::pair<const char*, std::string>>;

namespace {

constexpr const char* kOne = "b25lOjE=";  ///< "one:1"
constexpr const char* kTwo = "dHdvOjI=";  ///< "two:2"

/// What a function gave: its code, its record, and what it said of a failure and as warnings.
struct Given {
  int code = 0;
  std::string record;
  std::string error;
  std::vector<std::string> warnings;  ///< "kind: hint"
};

/// A registry in this process, and calls of the interface with options.
struct Calls : RegistryFixture {
  Environment cache{{{"SIFKIT_DISABLE_CACHE", std::nullopt},
                     {"APPTAINER_DISABLE_CACHE", std::nullopt},
                     {"SINGULARITY_DISABLE_CACHE", std::nullopt},
                     {"SIFKIT_CACHE_SIZE", std::nullopt},
                     {"SIFKIT_SHARED_CACHE", std::nullopt},
                     {"SIFKIT_CACHEDIR", (home / "cache").native()}}};

  template <class Function>
  static Given call(Settings settings, const Function& function) {
    Given out;
    char* record = nullptr;
    sifkit_error* error = nullptr;
    sifkit_options* options = sifkit_options_new();
    settings.insert(settings.end(), {{"no-https", "true"}, {"retries", "0"}, {"platform", "linux/amd64"}});
    for (const auto& [name, value] : settings) {
      INFO(name);
      CHECK(sifkit_options_set(options, name, value.c_str(), nullptr) == 0);
    }
    sifkit_options_on_warning(
        options,
        [](void* user, const char* kind, const char* text, const char* hint) {
          CHECK(*text != '\0');
          static_cast<Given*>(user)->warnings.push_back(std::string(kind) + ": " + hint);
        },
        &out);
    std::string messages;  // who takes warnings is not told them again
    const auto keep = [](void* user, const char* level, const char*) { *static_cast<std::string*>(user) += level; };
    sifkit_options_on_message(options, keep, &messages);
    out.code = function(options, &record, &error);
    if (record != nullptr) out.record = record;
    out.error = sifkit_error_message(error);
    CHECK_THAT(messages, !ContainsSubstring("warning"));
    sifkit_free(record);
    sifkit_error_free(error);
    sifkit_options_free(options);
    return out;
  }
  static Given diff(const std::string& first, const std::string& second, const Settings& settings) {
    return call(settings, [&](auto* options, auto** record, auto** error) {
      return sifkit_diff(first.c_str(), second.c_str(), options, record, error);
    });
  }
  static Given copy(const std::string& source, const std::string& target, const Settings& settings) {
    return call(settings, [&](auto* options, auto** record, auto** error) {
      return sifkit_copy(source.c_str(), target.c_str(), options, record, error);
    });
  }
  std::string at(const std::string& name) const { return (home / name).native(); }
};

/// The registry has an image for one:1, the other takes and gives it for two:2.
struct TwoRegistries : Calls {
  RegistryServer other;
  std::string from = server.image("app:1");
  std::string to = other.image("app:1");

  TwoRegistries() {
    put(small_image());
    let_in(server, kOne);
    let_in(other, kTwo);
  }
  static void let_in(RegistryServer& server, const std::string& basic) {
    server.set_fault([basic](const Request& request) -> Answer {
      if (request.header("authorization") == "Basic " + basic) return std::nullopt;
      return RegistryServer::failure(401, "UNAUTHORIZED", "authentication required",
                                     "WWW-Authenticate: Basic realm=\"x\"\r\n");
    });
  }
};

}  // namespace

TEST_CASE("credentials of the options or the environment do not go to two registries", "[capi][registry]") {
  TwoRegistries fixture;
  const std::string both = "'" + fixture.server.place() + "' and '" + fixture.other.place() + "'";
  const auto refused = [&](const Settings& settings, const std::string& what) {
    const auto found = fixture.diff(fixture.from, fixture.to, settings);
    CHECK(found.code == exit_code(ErrorKind::usage));
    CHECK(found.error == what + " is for one registry, and two are asked: " + both);
    CHECK(fixture.server.requests().empty());
    CHECK(fixture.other.requests().empty());
  };
  refused({{"creds", "one:1"}}, "the option creds");
  const Environment variables{{{"SIFKIT_DOCKER_USERNAME", "one"}, {"SIFKIT_DOCKER_PASSWORD", "1"}}};
  refused({}, "SIFKIT_DOCKER_USERNAME");
  // One host may be both.
  const auto same = fixture.diff(fixture.from, fixture.from, {});
  INFO(same.error);
  CHECK(same.code == 0);
}

TEST_CASE("who has files with credentials, or none, may ask two registries", "[capi][registry]") {
  oci::RegistryOptions options;
  const TempDir home;
  const Environment none{RegistryFixture::variables(home)};
  CHECK_NOTHROW(oci::expect_one_registry(options, "a.tld", "b.tld", ""));
  const Environment variables{{{"APPTAINER_DOCKER_USERNAME", "one"}, {"APPTAINER_DOCKER_PASSWORD", "1"}}};
  CHECK_THROWS_AS(oci::expect_one_registry(options, "a.tld", "b.tld", ""), Error);
  CHECK_NOTHROW(oci::expect_one_registry(options, "a.tld", "a.tld", ""));
  CHECK_NOTHROW(oci::expect_one_registry(options, "", "b.tld", ""));
  options.credentials_of_files_only = true;
  CHECK_NOTHROW(oci::expect_one_registry(options, "a.tld", "b.tld", ""));
}

TEST_CASE("either registry of a copy has credentials of its own", "[capi][registry]") {
  TwoRegistries fixture;
  const auto copied = fixture.copy(fixture.from, fixture.to, {{"src-creds", "one:1"}, {"dest-creds", "two:2"}});
  INFO(copied.error);
  CHECK(copied.code == 0);
  CHECK(fixture.other.bytes_of("/v2/app/manifests/1") == fixture.server.bytes_of("/v2/app/manifests/1"));
  CHECK_THAT(fixture.server.wire(), ContainsSubstring(kOne) && !ContainsSubstring(kTwo));
  CHECK_THAT(fixture.other.wire(), ContainsSubstring(kTwo) && !ContainsSubstring(kOne));

  fixture.other.forget();
  const auto refused = fixture.copy(fixture.from, fixture.to, {{"creds", "one:1"}, {"dest-no-https", "true"}});
  CHECK(refused.code == exit_code(ErrorKind::usage));
  CHECK(fixture.other.requests().empty());
  const auto elsewhere = fixture.copy(fixture.from, "oci:" + fixture.at("layout"), {{"dest-creds", "two:2"}});
  CHECK(elsewhere.code == exit_code(ErrorKind::usage));
  CHECK(elsewhere.error == "dest-creds is for what goes into a registry, not for 'oci:" + fixture.at("layout") + "'");
}

TEST_CASE("a copy writes the manifest that is asked for, or all as it is", "[capi][registry]") {
  Calls fixture;
  constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
  LayoutBuilder layout({.packer = "gzip -n", .layer_type = "application/vnd.docker.image.rootfs.diff.tar.gzip"});
  Json document = Json::parse(layout.manifest_of(small_image()));
  document["mediaType"] = kDockerManifest;
  document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json";
  for (const auto& member : layout.members()) fixture.server.put_blob("app", member.bytes);
  fixture.server.put_manifest("app", "1", kDockerManifest, document.dump());
  const auto from = fixture.server.image("app:1");

  const auto same = fixture.copy(from, "oci:" + fixture.at("same"), {});
  INFO(same.error);
  CHECK(same.code == 0);
  const auto docker_manifest = [](const std::string& warning) { return warning.starts_with("docker-manifest: "); };
  const auto told = std::find_if(same.warnings.begin(), same.warnings.end(), docker_manifest);
  REQUIRE(told != same.warnings.end());
  CHECK_FALSE(told->ends_with(": "));
  const auto oci = fixture.copy(from, "oci:" + fixture.at("oci"), {{"format", "oci"}});
  CHECK(oci.code == 0);
  CHECK(std::none_of(oci.warnings.begin(), oci.warnings.end(), docker_manifest));
  const Json index = Json::parse(read_file(fixture.home / "oci/index.json"));
  CHECK(index["manifests"][0]["mediaType"] == LayoutBuilder::kManifest);
  const auto other_format = fixture.copy(from, "oci:" + fixture.at("sbom"), {{"format", "spdx"}});
  CHECK(other_format.code == exit_code(ErrorKind::usage));
  CHECK(other_format.error == "option 'format': expected oci or docker, got 'spdx'");
  const auto changed = fixture.copy(from, "oci:" + fixture.at("all"), {{"all", "true"}, {"format", "oci"}});
  CHECK(changed.code == exit_code(ErrorKind::usage));
  CHECK_FALSE(std::filesystem::exists(fixture.home / "all"));
}

TEST_CASE("what was fetched is kept in the cache, unless none is wanted", "[capi][registry]") {
  Calls fixture;
  fixture.put(small_image());
  const auto from = fixture.server.image("app:1");
  const auto fetched = [&](const Settings& settings) {
    const auto before = fixture.server.count("/blobs/");
    const auto built = Calls::call(settings, [&](auto* options, auto** record, auto** error) {
      CHECK(sifkit_options_set(options, "force", nullptr, nullptr) == 0);
      CHECK(sifkit_options_set(options, "no-base", nullptr, nullptr) == 0);
      return sifkit_build(fixture.at("app.sif").c_str(), from.c_str(), options, record, error);
    });
    INFO(built.error);
    CHECK(built.code == 0);
    return fixture.server.count("/blobs/") - before;
  };
  const auto all = fetched({{"disable-cache", "true"}});
  CHECK(all > 1);
  CHECK_FALSE(std::filesystem::exists(fixture.home / "cache"));
  CHECK(fetched({}) == all);
  CHECK(fetched({{"connections", "1"}, {"retry-delay", "0.01"}}) == 0);
  CHECK(fetched({{"disable-cache", "true"}}) == all);
  const Environment disabled("APPTAINER_DISABLE_CACHE", "1");
  CHECK(fetched({}) == all);
}

TEST_CASE("the environment names the library where the options do not", "[capi][registry][library]") {
  Calls fixture;
  RegistryServer other;
  const Environment library("APPTAINER_LIBRARY", fixture.server.url("/"));
  const auto pull = [&](const Settings& settings) {
    return Calls::call(settings, [&](auto* options, auto** record, auto** error) {
      return sifkit_pull(fixture.at("x.sif").c_str(), "library://lab/tools/app:1", options, record, error);
    });
  };
  const std::vector<std::string> asked{"GET /v1/images/lab/tools/app:1?arch=amd64"};
  CHECK(pull({}).code != 0);
  CHECK(fixture.server.lines() == asked);
  CHECK(pull({{"library", other.url("/")}}).code != 0);
  CHECK(fixture.server.lines() == asked);
  CHECK(other.lines() == asked);
}

TEST_CASE("a SIF file of a registry is verified where it is", "[capi][registry]") {
  Calls fixture;
  const auto verified = Calls::call({}, [&](auto* options, auto** record, auto** error) {
    const auto place = "oras://" + fixture.server.place() + "/app:1";
    return sifkit_verify(place.c_str(), options, record, error);
  });
  CHECK(verified.code == exit_code(ErrorKind::not_found));
  CHECK(fixture.server.count("/v2/app/manifests/1") != 0);
}
