// SPDX-License-Identifier: Apache-2.0
//
// The same in layouts, where indexes are nested and state platforms.
#include <functional>

#include "support/neighbours.h"

using namespace sifkit;
using namespace sifkit::testing;
using oci::ImageState;

namespace {

/// A layout with a sound image and an entry that `add` makes.
struct NeighbourCase {
  std::string what;
  std::function<Json(LayoutBuilder&, const TestImage&)> add;
  ImageState state;
  std::string problem;
  bool platform_known = false;
  std::function<void(Members&)> after = {};
};

void drop(Members& members, const std::string& digest) {
  std::erase_if(members, [&](const Member& member) {
    return digest.ends_with(member.name.substr(member.name.rfind('/') + 1)) && member.name.starts_with("blobs/");
  });
}

Json named(Json entry) {
  entry["annotations"] = {{"org.opencontainers.image.ref.name", "other:1"}};
  return entry;
}

/// An index of layers and of what BuildKit knows of them.
Json cache_in(LayoutBuilder& layout) {
  const Json layer = layout.blob("application/vnd.oci.image.layer.v1.tar+gzip", "a layer");
  const Json cache = layout.blob("application/vnd.buildkit.cacheconfig.v0", "{}");
  return layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(Json::array({layer, cache})));
}

}  // namespace

TEST_CASE("a layout without any image is called what it is", "[oci][neighbours]") {
  const TempDir directory;
  LayoutBuilder of_cache;
  const Json cache = cache_in(of_cache);
  as_directory(of_cache.finish(Json::array({cache})), directory / "cache");
  const auto alone = open_source("oci:" + (directory / "cache").string());
  REQUIRE(alone.error);
  CHECK(alone.error->kind() == ErrorKind::unsupported);
  CHECK_THAT(alone.error->what(), ContainsSubstring("a BuildKit cache, not an image"));

  LayoutBuilder of_others;
  const Json one = of_others.blob("application/vnd.example.one+json", "{}");
  const Json two = of_others.blob("application/vnd.example.two+json", "[]");
  as_directory(of_others.finish(Json::array({one, two})), directory / "others");
  const auto several = open_source("oci:" + (directory / "others").string());
  REQUIRE(several.error);
  CHECK(several.error->kind() == ErrorKind::unsupported);
  CHECK_THAT(several.error->what(), ContainsSubstring("holds no image that is read") &&
                                        ContainsSubstring("'application/vnd.example.one+json' is no type of an image"));
}

TEST_CASE("an image of a layout does not depend on those beside it", "[oci][neighbours]") {
  const Pair pair;
  const auto manifest_with = [](const std::function<void(Json&)>& change) {
    return [change](LayoutBuilder& layout, const TestImage& other) {
      Json manifest = Json::parse(layout.manifest_of(other));
      change(manifest);
      return named(layout.blob(LayoutBuilder::kManifest, manifest.dump()));
    };
  };
  const auto entry_with = [](const std::function<void(Json&)>& change) {
    return [change](LayoutBuilder& layout, const TestImage& other) {
      Json entry = layout.entry(other, layout.manifest_of(other));
      change(entry);
      return entry;
    };
  };
  const auto blob_of = [](const std::string& type, const std::string& bytes) {
    return [=](LayoutBuilder& layout, const TestImage&) { return named(layout.blob(type, bytes)); };
  };
  const auto nothing = [](Json&) {};
  const std::string other_id = id_of(pair.other);
  const auto without = [](const std::string& hex) { return [hex](Members& members) { drop(members, hex); }; };
  const std::vector<NeighbourCase> cases{
      {"manifest that is no JSON", blob_of(LayoutBuilder::kManifest, "x"), ImageState::broken, "not valid JSON"},
      {"manifest that is a list", blob_of(LayoutBuilder::kManifest, "[]"), ImageState::broken,
       "expected an object, got a list"},
      {"manifest without a config", manifest_with([](Json& m) { m.erase("config"); }), ImageState::broken, "no config"},
      {"manifest that is an index, too", manifest_with([](Json& m) { m["manifests"] = Json::array(); }),
       ImageState::broken, "has members of an index and of a manifest"},
      {"manifest of schema 1", manifest_with([](Json& m) { m["schemaVersion"] = 1; }), ImageState::unsupported,
       "schema 1"},
      {"fewer layers than diff_ids", manifest_with([](Json& m) { m["layers"] = Json::array(); }), ImageState::broken,
       "0 layers, the configuration has 1 diff_ids", true},
      {"layers that are no list", manifest_with([](Json& m) { m["layers"] = 7; }), ImageState::broken,
       "layers: expected a list, got a number", true},
      {"a layer of an unknown type", manifest_with([](Json& m) { m["layers"][0]["mediaType"] = "text/plain"; }),
       ImageState::unsupported, "'text/plain' is no layer of an image", true},
      {"a layer of another size", manifest_with([](Json& m) { m["layers"][0]["size"] = 1; }), ImageState::broken,
       "layer 1 of 1: expected 1 bytes", true},
      {"a digest that is none", manifest_with([](Json& m) { m["layers"][0]["digest"] = "sha256:../x"; }),
       ImageState::broken, "expected 64 lower-case hex digits", true},
      {"a configuration of an unknown type", manifest_with([](Json& m) { m["config"]["mediaType"] = "text/plain"; }),
       ImageState::unsupported, "an artifact of type 'text/plain', not an image"},
      {"no manifest",
       [](LayoutBuilder& layout, const TestImage&) {
         LayoutBuilder elsewhere;
         (void)layout;
         return named(elsewhere.blob(LayoutBuilder::kManifest, "{}"));
       },
       ImageState::absent, "is not there"},
      {"no configuration", manifest_with(nothing), ImageState::absent, "blobs/sha256/" + other_id + " is not there",
       false, without(other_id)},
      {"no layer", manifest_with(nothing), ImageState::absent, "layer 1 of 1: blobs/sha256/", true,
       without(sha256(pair.other.layers[0]))},
      {"a configuration that is changed", manifest_with(nothing), ImageState::broken,
       "config: expected sha256:" + other_id, false,
       [other_id](Members& members) {
         for (auto& m : members)
           if (m.name.ends_with(other_id)) m.bytes[0] = ' ';
       }},
      {"a media type that is not known", blob_of("application/vnd.example+json", "{}"), ImageState::unsupported,
       "'application/vnd.example+json' is no type of an image"},
      {"a layer, which is no document", blob_of("application/vnd.oci.image.layer.v1.tar", std::string(1000, 'x')),
       ImageState::unsupported, "'application/vnd.oci.image.layer.v1.tar' is no type of an image"},
      {"a layer that is not there, which nobody asks for",
       [](LayoutBuilder&, const TestImage&) {
         LayoutBuilder elsewhere;
         return named(elsewhere.blob("application/vnd.oci.image.layer.v1.tar+gzip", "x"));
       },
       ImageState::unsupported, "'application/vnd.oci.image.layer.v1.tar+gzip' is no type of an image"},
      {"a cache of BuildKit", [](LayoutBuilder& layout, const TestImage&) { return named(cache_in(layout)); },
       ImageState::unsupported, "a BuildKit cache, not an image"},
      {"an index that is no JSON", blob_of(LayoutBuilder::kIndex, "{"), ImageState::broken, "not valid JSON"},
      {"an index without manifests", blob_of(LayoutBuilder::kIndex, "{}"), ImageState::broken,
       "manifests: expected a list, got nothing"},
      {"an index that is not there",
       [](LayoutBuilder&, const TestImage&) {
         LayoutBuilder elsewhere;
         return named(elsewhere.blob(LayoutBuilder::kIndex, "{}"));
       },
       ImageState::absent, "is not there"},
      {"indexes nested too deep",
       [](LayoutBuilder& layout, const TestImage& other) {
         Json entry = layout.entry(other, layout.manifest_of(other));
         for (int i = 0; i < 9; ++i)
           entry = layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(Json::array({entry})));
         return named(entry);
       },
       ImageState::broken, "indexes are nested more than 8 deep"},
      {"a broken manifest in an index",
       [](LayoutBuilder& layout, const TestImage&) {
         return named(layout.blob(LayoutBuilder::kIndex,
                                  LayoutBuilder::index_of(Json::array({layout.blob(LayoutBuilder::kManifest, "x")}))));
       },
       ImageState::broken, "not valid JSON"},
      {"an entry that is no object", [](LayoutBuilder&, const TestImage&) { return Json(7); }, ImageState::broken,
       "manifests[0]: expected an object, got a number"},
      {"an entry without a digest", entry_with([](Json& e) { e.erase("digest"); }), ImageState::broken,
       "digest: expected a string, got nothing", true},
      {"an entry of another size", entry_with([](Json& e) { e["size"] = 7; }), ImageState::broken, "expected 7 bytes",
       true},
      {"an entry with a platform of a wrong type", entry_with([](Json& e) { e["platform"] = 7; }), ImageState::broken,
       "platform: expected an object, got a number"},
      {"an entry with an annotation of a wrong type", entry_with([](Json& e) { e["annotations"]["\x1b[2J"] = 7; }),
       ImageState::broken, "annotations.\\x1b[2J: expected a string, got a number", true},
  };
  TempDir directory;
  for (const auto& test : cases) {
    INFO(test.what);
    LayoutBuilder layout({.platform = true});
    const Json other = test.add(layout, pair.other);
    Members members = layout.finish(Json::array({other, layout.entry(pair.good, layout.manifest_of(pair.good))}));
    if (test.after) test.after(members);
    std::filesystem::remove_all(directory / "l");
    as_directory(members, directory / "l");
    write_file(directory / "l.tar", as_tar(members));
    for (const auto& source : {"oci:" + (directory / "l").string(), "oci-archive:" + (directory / "l.tar").string(),
                               (directory / "l.tar").string()}) {
      INFO(source);
      for (const std::string& platform : {kHost, std::string()}) {
        for (const auto& selector :
             {std::string(":good:1"), std::string(":@1"), ":" + id_of(pair.good), ":@sha256:" + id_of(pair.good)}) {
          INFO(selector);
          check_good(open_source(source + selector, platform), pair);
        }
      }
      const auto images = list_source(source);
      REQUIRE(images.size() == 2);
      CHECK(images[0].state == test.state);
      CHECK_THAT(images[0].problem, ContainsSubstring(test.problem));
      CHECK(images[0].tags.size() == (other.is_object() ? 1u : 0u));
      const bool has_digest = other.is_object() && other.contains("digest") && other["digest"].is_string();
      CHECK((images[0].manifest_digest.has_value() || !has_digest || test.state == ImageState::broken));
      CHECK((has_digest || !images[0].manifest_digest));
      CHECK(images[0].platform.has_value() == test.platform_known);
      CHECK(images[1].problem.empty());
      CHECK(images[1].config_digest->hex() == id_of(pair.good));
      const auto chosen = open_source(source + ":@0", "");
      REQUIRE(chosen.error);
      CHECK_THAT(chosen.error->what(), ContainsSubstring(test.problem));
      const auto any = open_source(source);
      if (test.state == ImageState::broken) {
        REQUIRE(any.error);
        CHECK(any.error->kind() == ErrorKind::usage);
        CHECK_THAT(any.error->hint().text(), ContainsSubstring("(broken)"));
      } else {
        check_good(any, pair);
      }
    }
  }
}

TEST_CASE("within an index what is broken for another platform does not count", "[oci][neighbours]") {
  const Pair pair;
  TempDir directory;
  LayoutBuilder layout;
  Json broken = layout.blob(LayoutBuilder::kManifest, "x");
  const Json unknown = broken;
  broken["platform"] = {{"os", "linux"}, {"architecture", "s390x"}};
  Json good = layout.entry(pair.good, layout.manifest_of(pair.good));
  good.erase("annotations");
  Json index = layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(Json::array({broken, unknown, good})));
  index["annotations"] = {{"org.opencontainers.image.ref.name", "app:1"}};
  as_directory(layout.finish(Json::array({index})), directory / "l");
  const std::string source = "oci:" + (directory / "l").string();
  for (const std::string selector : {"", ":app:1"}) check_good(open_source(source + selector), pair);
  const auto other = open_source(source, "s390x");
  REQUIRE(other.error);
  CHECK(other.error->kind() == ErrorKind::malformed);
  CHECK_THAT(other.error->what(), ContainsSubstring("not valid JSON"));
  CHECK(open_source(source, "riscv64").error->kind() == ErrorKind::not_found);
}

TEST_CASE("of two manifests for one platform in an index the first counts", "[oci][neighbours]") {
  TempDir directory;
  const TestImage first = image_of("first", "");
  const TestImage second = image_of("second", "");
  const auto check_first = [&](const std::string& source, const std::string& number) {
    INFO(source);
    const auto opened = open_source(source);
    CHECK_FALSE(opened.error);
    CHECK(opened.id == id_of(first));
    REQUIRE(opened.warnings.size() == 1);
    CHECK(opened.warnings[0].kind == "platform-twice");
    CHECK(opened.warnings[0].text ==
          "the index lists 2 manifests for linux/" + kHost + "; the first, " + number + ", is taken");
    CHECK(open_source(source + ":@1").id == id_of(second));
    CHECK(open_source(source + ":@1").warnings.empty());
    CHECK(list_source(source).size() == 2);
  };
  for (const bool stated : {true, false}) {
    LayoutBuilder layout({.platform = stated});
    const Json entries =
        Json::array({layout.entry(first, layout.manifest_of(first)), layout.entry(second, layout.manifest_of(second))});
    const Json inner = layout.blob(LayoutBuilder::kIndex, LayoutBuilder::index_of(entries));
    const std::string name = stated ? "stated" : "not";
    as_directory(layout.finish(Json::array({inner})), directory / name);
    check_first("oci:" + (directory / name).string(), "@0");
    as_directory(layout.finish(entries), directory / (name + "-top"));
    const std::string top = "oci:" + (directory / (name + "-top")).string();
    if (stated) {
      check_first(top, "@0");
    } else {  // two images, not one for two machines
      REQUIRE(open_source(top).error);
      CHECK(open_source(top).error->kind() == ErrorKind::usage);
    }
  }
}

TEST_CASE("what one image of a layout from Docker 25.0.0 lacks is taken from manifest.json, the others are as they are",
          "[oci][neighbours]") {
  const Pair pair;
  TempDir directory;
  LayoutBuilder layout;
  Json broken = Json::parse(layout.manifest_of(pair.good));
  broken["layers"] = nullptr;
  const Json entries =
      Json::array({layout.entry(pair.other, layout.manifest_of(pair.other)), layout.entry(pair.good, broken.dump())});
  Members members = layout.finish(entries);
  const auto blob = [](const std::string& bytes) { return "blobs/sha256/" + sha256(bytes); };
  members.push_back(
      {"manifest.json",
       Json::array({docker_entry(blob(pair.good.config_document()), {"good:1"}, {blob(pair.good.layers[0])})}).dump()});
  write_file(directory / "x.tar", as_tar(members));
  const std::string source = "oci-archive:" + (directory / "x.tar").string();
  const auto other = open_source(source + ":other:1");
  CHECK(other.id == id_of(pair.other));
  CHECK(other.warnings.empty());
  for (const std::string selector : {":good:1", ":@1"}) {
    const auto good = open_source(source + selector);
    CHECK_FALSE(good.error);
    CHECK(good.id == id_of(pair.good));
    REQUIRE(good.warnings.size() == 1);
    CHECK(good.warnings[0].kind == "oci-half-broken");
  }
}
