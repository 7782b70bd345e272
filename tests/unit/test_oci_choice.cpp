// SPDX-License-Identifier: Apache-2.0
//
// Sources that hold several images: how one is chosen, and what is said when none is.
#include <sifkit/oci/image.h>
#include <sifkit/oci/source.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/image_shapes.h"
#include "support/neighbours.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

TestImage tagged_image(const std::string& text, const std::string& tag, const std::string& architecture = kHost) {
  TestImage image;
  image.layers = {TarBuilder().file("which", text).bytes()};
  image.architecture = architecture;
  image.tag = tag;
  return image;
}

/// Two images, one of them with two names, and one without a name.
struct Three {
  TestImage one = tagged_image("1", "app:1");
  TestImage two = tagged_image("2", "registry.example:5000/team/app:2");
  TestImage none = tagged_image("3", "");

  std::string docker() const {
    TarBuilder out;
    Json list = Json::array();
    for (const auto* image : {&one, &two, &none}) {
      const std::string layer = sha256(image->layers[0]) + ".tar";
      out.file(layer, image->layers[0]).file(id_of(*image) + ".json", image->config_document());
      std::vector<std::string> tags;
      if (!image->tag.empty()) tags.push_back(image->tag);
      if (image == &one) tags.push_back("app:latest");
      list.push_back(docker_entry(id_of(*image) + ".json", tags, {layer}));
    }
    return out.file("manifest.json", list.dump()).bytes();
  }
};

/// What a choice comes to: the image's text, or kind and hint of the error.
struct Choice {
  std::string id;
  std::optional<Error> error;
};

Choice choose(const std::string& source, const std::string& platform = {}) {
  oci::SourceOptions options;
  if (!platform.empty()) options.platform = oci::Platform::parse(platform);
  WarningList warnings;
  Choice out;
  out.error = error_of([&] { out.id = oci::open_image(oci::Reference::parse(source), options, warnings)->config_digest()->hex(); });
  return out;
}

}  // namespace

TEST_CASE("one of several images of an archive is chosen by name, number, ID or digest", "[oci][choice]") {
  TempDir directory;
  const Three images;
  write_file(directory / "x.tar", images.docker());
  const std::string source = "docker-archive:" + (directory / "x.tar").string();
  const auto chosen = [&](const std::string& selector) { return choose(source + ":" + selector).id; };
  const std::string one = id_of(images.one);
  for (const auto& selector : {std::string("app:1"), std::string("app"), std::string("app:latest"), std::string("docker.io/library/app:1"), std::string("latest"), std::string("@0"), one,
                               one.substr(0, 12), "sha256:" + one, "@sha256:" + one, "app:1@sha256:" + one, "app@sha256:" + one}) {
    INFO(selector);
    CHECK(chosen(selector) == one);
  }
  for (const char* selector : {"registry.example:5000/team/app:2", "2", "@1"}) CHECK(chosen(selector) == id_of(images.two));
  CHECK(chosen("@2") == id_of(images.none));
  CHECK(chosen(id_of(images.none).substr(0, 8)) == id_of(images.none));

  for (const auto& selector : std::vector<std::string>{"", ":@3", ":app:3", ":team/app:2", ":@-1", ":@99999999999999999999", ":sha256:" + std::string(64, '0'), ":" + one.substr(0, 3), ":@", ":team/app@sha256:" + one, ":app:2@sha256:" + one}) {
    INFO(selector);
    const auto choice = choose(source + selector);
    REQUIRE(choice.error);
    CHECK(choice.error->kind() == (selector.empty() ? ErrorKind::usage : ErrorKind::not_found));
    for (const auto& part : {std::string("@0 app:1 app:latest linux/"), "@1 registry.example:5000/team/app:2 linux/" + kHost, "@2 linux/" + kHost + " " + id_of(images.none).substr(0, 12)}) {
      CHECK_THAT(choice.error->hint().text(), ContainsSubstring(part));
    }
  }
}

TEST_CASE("two manifests for one platform need a choice", "[oci][choice]") {
  TempDir directory;
  LayoutBuilder layout;
  const TestImage one = tagged_image("1", "one");
  const TestImage two = tagged_image("2", "two");
  const Json first = layout.entry(one, layout.manifest_of(one));
  const Json second = layout.entry(two, layout.manifest_of(two));
  as_directory(layout.finish(Json::array({first, second})), directory / "l");
  const std::string source = "oci:" + (directory / "l").string();
  const auto choice = choose(source);
  REQUIRE(choice.error);
  CHECK(choice.error->kind() == ErrorKind::usage);
  CHECK_THAT(choice.error->hint().text(), ContainsSubstring("@0 one linux/" + kHost) && ContainsSubstring("@1 two linux/" + kHost));
  CHECK(choose(source + ":one").id == id_of(one));
  CHECK(choose(source + "@" + second["digest"].get<std::string>()).id == id_of(two));
  CHECK(choose(source + ":@" + second["digest"].get<std::string>()).id == id_of(two));
  // The same image twice is no choice.
  Json again = first;
  again["annotations"] = {{"org.opencontainers.image.ref.name", "again"}};
  as_directory(layout.finish(Json::array({first, again})), directory / "l");
  CHECK(choose(source).id == id_of(one));
}

TEST_CASE("of several platforms this machine's or the one asked for is taken, whatever is absent besides", "[oci][choice]") {
  TempDir directory;
  LayoutBuilder layout;
  const std::string other = kHost == "arm64" ? "amd64" : "arm64";
  const TestImage host = tagged_image("host", "");
  const TestImage foreign = tagged_image("other", "", other);
  const TestImage third = tagged_image("third", "", "s390x");
  const Json absent = LayoutBuilder().entry(third, LayoutBuilder().manifest_of(third));
  const Json inner = layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(Json::array(
      {layout.entry(host, layout.manifest_of(host)), layout.entry(foreign, layout.manifest_of(foreign)), absent, layout.attestation()})));
  as_directory(layout.finish(Json::array({inner})), directory / "l");
  const std::string source = "oci:" + (directory / "l").string();
  CHECK(choose(source).id == id_of(host));
  CHECK(choose(source, other).id == id_of(foreign));
  CHECK(choose(source, "linux/" + other).id == id_of(foreign));
  // Digests of the outer index choose, too.
  CHECK(choose(source + "@" + inner["digest"].get<std::string>(), other).id == id_of(foreign));
  const auto broken = choose(source, "s390x");
  REQUIRE(broken.error);
  CHECK_THAT(broken.error->what(), ContainsSubstring("is not there"));
  const auto none = choose(source, "riscv64");
  REQUIRE(none.error);
  CHECK(none.error->kind() == ErrorKind::not_found);
  CHECK_THAT(none.error->hint().text(), ContainsSubstring("linux/" + kHost) && ContainsSubstring("linux/" + other) && ContainsSubstring("linux/s390x"));
  CHECK_THAT(none.error->hint().text(), !ContainsSubstring("unknown"));
}

TEST_CASE("a source chooses by the options that it was opened with, whatever becomes of them", "[oci][choice]") {
  TempDir directory;
  LayoutBuilder layout;
  const TestImage host = tagged_image("host", "");
  const TestImage foreign = tagged_image("other", "", kHost == "arm64" ? "amd64" : "arm64");
  as_directory(layout.finish(Json::array({layout.entry(host, layout.manifest_of(host)),
                                          layout.entry(foreign, layout.manifest_of(foreign))})),
               directory / "l");
  WarningList warnings;
  auto options = std::make_optional<oci::SourceOptions>();
  options->platform = oci::Platform::parse(foreign.architecture);
  const auto source = oci::open_source(oci::Reference::parse("oci:" + (directory / "l").string()), *options, warnings);
  options->platform = oci::Platform::parse(host.architecture);
  options.reset();
  CHECK(source->open_image()->config_digest()->hex() == id_of(foreign));
}

TEST_CASE("an index of another machine's image names the option that builds it", "[oci][choice]") {
  TempDir directory;
  const auto hint_of = [&](const Json& platform) {
    LayoutBuilder layout;
    const TestImage image = tagged_image("1", "", platform["architecture"]);
    Json entry = layout.entry(image, layout.manifest_of(image));
    entry["platform"] = platform;
    as_directory(layout.finish(Json::array({entry})), directory / "l");
    const auto choice = choose("oci:" + (directory / "l").string());
    REQUIRE(choice.error);
    CHECK(choice.error->kind() == ErrorKind::not_found);
    return choice.error->hint().text();
  };
  CHECK_THAT(hint_of({{"os", "linux"}, {"architecture", "s390x"}}), ContainsSubstring("choose the platform linux/s390x"));
  CHECK_THAT(hint_of({{"os", "linux"}, {"architecture", "arm"}, {"variant", "v7"}}), ContainsSubstring("choose the platform linux/arm/v7"));
}

TEST_CASE("a platform that Docker 25.0.0's manifest.json has not is not there, whatever its broken half says", "[oci][choice]") {
  TempDir directory;
  write_file(directory / "x.tar", as_tar(docker_25(tagged_image("1", "app:1"), true)));
  const auto choice = choose("docker-archive:" + (directory / "x.tar").string(), "s390x");
  REQUIRE(choice.error);
  CHECK(choice.error->kind() == ErrorKind::not_found);
  CHECK_THAT(choice.error->what(), ContainsSubstring("no image for linux/s390x"));
}

TEST_CASE("layers that are not to be distributed must be there", "[oci][choice]") {
  TempDir directory;
  const TestImage image = tagged_image("1", "");
  auto members = oci_layout(image, {.layer_type = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"});
  as_directory(members, directory / "l");
  CHECK(choose("oci:" + (directory / "l").string()).id == id_of(image));
  std::filesystem::remove(directory / "l/blobs/sha256" / sha256(image.layers[0]));
  const auto choice = choose("oci:" + (directory / "l").string());
  REQUIRE(choice.error);
  CHECK_THAT(choice.error->what(), ContainsSubstring("layer 1 of 1") && ContainsSubstring("is not there"));
}
