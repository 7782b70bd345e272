// SPDX-License-Identifier: Apache-2.0
//
// What is chosen of an archive is judged alone: whatever is wrong with another image is that image's problem.
#include <functional>

#include "support/neighbours.h"

using namespace sifkit;
using namespace sifkit::testing;
using oci::ImageState;

namespace {

/// What the other one of an archive is like.
struct ArchiveCase {
  std::string what;
  std::string entry;  ///< of manifest.json
  TarBuilder members;
  ImageState state;
  std::string problem;
  std::string names = "other:1";
  bool platform_known = false;
  Limits limits = {};
};

std::string archive_of(const Pair& pair, const ArchiveCase& test, bool other_first) {
  const std::string good = docker_entry("good.json", {"good:1"}, {"good.tar"}).dump();
  return TarBuilder(test.members)
      .file("good.json", pair.good.config_document())
      .file("good.tar", pair.good.layers[0])
      .file("manifest.json", "[" + (other_first ? test.entry + "," + good : good + "," + test.entry) + "]")
      .bytes();
}

Limits small_documents() {
  Limits limits;
  limits.json_bytes = 4096;
  return limits;
}

}  // namespace

TEST_CASE("an image of an archive does not depend on those beside it", "[oci][neighbours]") {
  const Pair pair;
  const std::string config = pair.other.config_document();
  const auto entry = [](const Json& config_name, const Json& tags, const Json& layers) {
    return Json{{"Config", config_name}, {"RepoTags", tags}, {"Layers", layers}}.dump();
  };
  const Json tags = Json::array({"other:1"});
  const Json layers = Json::array({"b.tar"});
  const std::string usual = entry("b.json", tags, layers);
  const auto with = [&](const std::string& document) {
    return TarBuilder().file("b.json", document).file("b.tar", pair.other.layers[0]);
  };
  const auto changed = [&](const std::function<void(Json&)>& change) {
    Json document = Json::parse(config);
    change(document);
    return with(document.dump());
  };
  const std::string hex = sha256("another");
  const std::vector<ArchiveCase> cases{
      {"another system's image", usual, changed([](Json& d) { d["os"] = "windows"; }), ImageState::unsupported,
       "'windows' images cannot be converted", "other:1", true},
      {"configuration that is no JSON", usual, with("x"), ImageState::broken,
       "b.json: image configuration: not valid JSON"},
      {"configuration of no bytes", usual, with(""), ImageState::broken, "not valid JSON"},
      {"configuration that is a list", usual, with("[]"), ImageState::broken, "expected an object, got a list"},
      {"configuration without rootfs", usual, with(R"({"architecture":")" + kHost + R"(","os":"linux"})"),
       ImageState::broken,
       "rootfs: expected an object, got nothing", "other:1", true},
      {"a member of it twice", usual, with(R"({"os":"linux","os":"linux"})"), ImageState::broken,
       "member 'os' is there twice"},
      {"a wrong type in it", usual, changed([](Json& d) { d["config"]["Env"] = 7; }), ImageState::broken,
       "Env: expected a list, got a number", "other:1", true},
      {"a platform of wrong types", usual, changed([](Json& d) {
         d["os"] = 7;
         d["architecture"] = Json::array();
       }),
       ImageState::broken, "os: expected a string, got a number"},
      {"a diff_id that is none", usual, changed([](Json& d) { d["rootfs"]["diff_ids"][0] = "md5:x"; }),
       ImageState::unsupported, "digest algorithm 'md5' cannot be verified", "other:1", true},
      {"configuration over the limit", usual, with(std::string(5000, ' ') + config), ImageState::broken,
       "the limit is 4096", "other:1", false, small_documents()},
      {"configuration nested too deep", usual, with(std::string(1000, '[')), ImageState::broken,
       "nested deeper than 64 levels"},
      {"no configuration", usual, TarBuilder().file("b.tar", "x"), ImageState::broken,
       "configuration 'b.json' is not in the archive"},
      {"configuration that is a directory", usual, TarBuilder().directory("b.json"), ImageState::broken,
       "member 'b.json' is a directory"},
      {"configuration that leaves the archive", usual, TarBuilder().symlink("b.json", "/etc/hostname"),
       ImageState::broken, "member 'b.json' is a link that leaves the archive"},
      {"configuration that is there twice", usual, TarBuilder().file("b.json", config).file("b.json", config),
       ImageState::broken, "member 'b.json' is there twice"},
      {"configuration of another digest", entry(hex + ".json", tags, layers), TarBuilder().file(hex + ".json", config),
       ImageState::broken, "expected sha256:" + hex + ", found sha256:" + sha256(config)},
      {"more layers than diff_ids", entry("b.json", tags, {"b.tar", "b.tar"}), with(config), ImageState::broken,
       "2 layers, the configuration has 1 diff_ids", "other:1", true},
      {"layers that are no list", entry("b.json", tags, 7), with(config), ImageState::broken,
       "Layers: expected a list, got a number", "other:1", true},
      {"layers that are null", entry("b.json", tags, nullptr), with(config), ImageState::broken,
       "Layers: expected a list, got nothing", "other:1", true},
      {"a layer that is not there", usual, TarBuilder().file("b.json", config), ImageState::absent,
       "layer 1 of 1: member 'b.tar' is not in the archive", "other:1", true},
      {"a layer that is there twice", usual, TarBuilder().file("b.json", config).file("b.tar", "x").file("b.tar", "y"),
       ImageState::broken, "member 'b.tar' is there twice", "other:1", true},
      {"a layer that leaves the archive", usual, TarBuilder().file("b.json", config).symlink("b.tar", "../x"),
       ImageState::broken, "member 'b.tar' is a link that leaves the archive", "other:1", true},
      {"a layer that is a FIFO", usual, TarBuilder().file("b.json", config).add({.name = "b.tar", .type = '6'}),
       ImageState::broken, "member 'b.tar' is a FIFO", "other:1", true},
      {"tags that are null", entry("b.json", nullptr, layers), with(config), ImageState::complete, "", "", true},
      {"tags that are no list", entry("b.json", "other:1", layers), with(config), ImageState::broken,
       "RepoTags: expected a list, got a string", "", true},
      {"one tag that is none", entry("b.json", Json::array({"other:1", 7}), layers), with(config), ImageState::broken,
       "RepoTags[1]: expected a string, got a number", "other:1", true},
      {"an entry that is no object", "7", TarBuilder(), ImageState::broken, "expected an object, got a number", ""},
      {"an entry without members", "{}", TarBuilder(), ImageState::broken, "Config: expected a string, got nothing",
       ""},
      {"an entry with a member in another case",
       R"({"Config":"b.json","RepoTags":["other:1"],"Layers":["b.tar"],"layers":[]})", with(config), ImageState::broken,
       "differs from 'Layers' in case only"},
      {"a name that leaves the archive", entry("../b.json", tags, layers), TarBuilder(), ImageState::broken,
       "'../b.json' names no member"},
  };
  TempDir directory;
  const std::string file = (directory / "x.tar").string();
  for (const auto& test : cases) {
    for (const bool first : {true, false}) {
      INFO(test.what << (first ? " in front" : " behind"));
      write_file(file, archive_of(pair, test, first));
      const std::string good_number = first ? ":@1" : ":@0";
      const std::string other_number = first ? ":@0" : ":@1";
      for (const std::string& platform : {kHost, std::string()}) {
        for (const auto& selector : {std::string(":good:1"), good_number, ":" + id_of(pair.good).substr(0, 12),
                                     ":sha256:" + id_of(pair.good)}) {
          INFO(selector << " for '" << platform << "'");
          check_good(open_source(file + selector, platform, test.limits), pair);
        }
      }
      const auto images = list_source(file, test.limits);
      REQUIRE(images.size() == 2);
      const auto& good = images[first ? 1 : 0];
      CHECK(good.state == ImageState::complete);
      CHECK(good.problem.empty());
      CHECK(good.tags == std::vector<std::string>{"good:1"});
      const auto& other = images[first ? 0 : 1];
      CHECK(other.index == (first ? 0u : 1u));
      CHECK(other.state == test.state);
      CHECK_THAT(other.problem, ContainsSubstring(test.problem));
      CHECK(other.problem.empty() == (test.state == ImageState::complete));
      CHECK(other.tags == (test.names.empty() ? std::vector<std::string>{} : std::vector<std::string>{test.names}));
      CHECK(other.platform.has_value() == test.platform_known);
      const auto chosen = open_source(file + other_number, "", test.limits);
      CHECK(chosen.error.has_value() == (test.state != ImageState::complete));
      if (chosen.error) CHECK_THAT(chosen.error->what(), ContainsSubstring(test.problem));
      // Without a choice what is not for us, or not there, is passed over. What is broken might be what is meant.
      const auto any = open_source(file, kHost, test.limits);
      if (test.state == ImageState::unsupported || test.state == ImageState::absent) {
        check_good(any, pair);
      } else {
        REQUIRE(any.error);
        CHECK(any.error->kind() == ErrorKind::usage);
        CHECK_THAT(any.error->hint().text(),
                   ContainsSubstring("@0 ") && ContainsSubstring("@1 ") && ContainsSubstring("good:1 linux/" + kHost));
        CHECK((any.error->hint().text().find("(broken)") != std::string::npos) == (test.state == ImageState::broken));
      }
    }
  }
}

TEST_CASE("what is odd in another image is not said of the chosen one", "[oci][neighbours]") {
  const Pair pair;
  Json document = Json::parse(pair.other.config_document());
  document["created"] = "yesterday";
  TempDir directory;
  const std::string file = (directory / "x.tar").string();
  write_file(file, archive_of(pair,
                              {"odd", docker_entry("b.json", {"other:1"}, {"b.tar"}).dump(),
                               TarBuilder().file("b.json", document.dump()).file("b.tar", pair.other.layers[0]),
                               ImageState::complete, ""},
                              true));
  check_good(open_source(file + ":good:1"), pair);
  const auto other = open_source(file + ":other:1");
  CHECK_FALSE(other.error);
  REQUIRE(other.warnings.size() == 1);
  CHECK(other.warnings[0].kind == "date-odd");
}

TEST_CASE("the documents of other images do not use up the bound of the chosen one", "[oci][neighbours]") {
  const Pair pair;
  Json document = Json::parse(pair.other.config_document());
  document["x"] = std::string(3000, 'x');
  std::string entries;
  for (int i = 0; i < 10; ++i)
    entries += docker_entry("b.json", {"other:" + std::to_string(i)}, {"b.tar"}).dump() + (i == 9 ? "" : ",");
  TempDir directory;
  const std::string file = (directory / "x.tar").string();
  write_file(file, archive_of(pair,
                              {"many", entries,
                               TarBuilder().file("b.json", document.dump()).file("b.tar", pair.other.layers[0]),
                               ImageState::complete, ""},
                              true));
  Limits limits;
  limits.documents_bytes = 10'000;
  check_good(open_source(file + ":good:1", "", limits), pair);
  check_good(open_source(file + ":@10", "", limits), pair);
  check_good(open_source(file + ":good:1", kHost, limits), pair);
  REQUIRE(open_source(file + ":good:1", "s390x", limits).error);
  CHECK(open_source(file + ":good:1", "s390x", limits).error->kind() == ErrorKind::not_found);
  CHECK_FALSE(open_source(file + ":@9", "", limits).error);
  const auto images = list_source(file, limits);
  REQUIRE(images.size() == 11);
  CHECK(images[0].problem.empty());
  CHECK(images[9].state == ImageState::broken);
  CHECK_THAT(images[9].problem, ContainsSubstring("the documents of all images take more than 10000 bytes"));
}
