// SPDX-License-Identifier: Apache-2.0
//
// `du` and `history`: what takes the room, and which layer brought it.
#include <algorithm>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// Three layers: the second hides and moves some of the first, the third names a file twice.
struct Stack {
  TempDir directory;
  std::string archive = (directory / "app.tar").string();
  std::string sif = (directory / "app.sif").string();

  Stack() {
    TestImage image = small_image();
    image.layers = {TarBuilder()
                        .directory("data")
                        .file("data/gone", std::string(1000, 'a'))
                        .file("data/replaced", std::string(200, 'b'))
                        .hard_link("data/kept", "data/gone")
                        .directory("old")
                        .file("old/x", std::string(30, 'c'))
                        .symlink("old/l", "x")
                        .bytes(),
                    TarBuilder()
                        .file("data/.wh.gone", "")
                        .file("data/replaced", std::string(7, 'd'))
                        .file(".wh.old", "")
                        .file("data/twin", std::string(7, 'd'))
                        .bytes(),
                    TarBuilder().file("data/named", "first").file("data/named", "2nd").bytes()};
    write_file(archive, as_tar(docker_24(image)));
  }
};

}  // namespace

TEST_CASE("du counts each file once, directories behind what is in them", "[cli][du]") {
  const Stack stack;
  const auto du = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"du", stack.archive});
    return run_cli(words);
  };
  CHECK(du({}).out == "1017\t/data\n1017\t/\n");
  CHECK(du({"-s", "/data", "/data/twin"}).out == "1017\t/data\n7\t/data/twin\n");
  CHECK(du({"-a", "/data"}).out ==
        "1000\t/data/kept\n3\t/data/named\n7\t/data/replaced\n7\t/data/twin\n1017\t/data\n");
  CHECK(du({"-a", "-n", "2", "-h", "/data/"}).out == "1017\t/data/\n1000\t/data/kept\n");
  CHECK(du({"-d", "0"}).out == "1017\t/\n");
  // Each file once, as du -c has it, whatever the paths have in common.
  CHECK(du({"-s", "-c", "/data/kept", "/data/twin"}).out == "1000\t/data/kept\n7\t/data/twin\n1007\ttotal\n");
  CHECK(du({"-sch", "/data", "/data/twin"}).out == "1017\t/data\n7\t/data/twin\n1017\ttotal\n");
  CHECK(du({"-c", "-n", "1", "/data/twin", "/data/kept", "/data/kept"}).out == "1000\t/data/kept\n1007\ttotal\n");
  CHECK(Json::parse(du({"--json", "-c", "/data/twin", "/data"}).out)["total_bytes"] == 1017);
  CHECK(du({"--duplicates"}).out == "7\t/data/replaced, /data/twin\n");
  const auto none = du({"/none", "/data"});
  CHECK(none.code == exit_code(ErrorKind::not_found));
  CHECK(none.out == "1017\t/data\n");
  CHECK(du({"-d", "1", "-s"}).code == exit_code(ErrorKind::usage));
  for (const std::string how : {"--layers", "--duplicates"}) {
    for (const auto& ignored : {std::vector<std::string>{"-a"}, {"-s"}, {"-c"}, {"-d", "1"}}) {
      auto words = ignored;
      words.push_back(how);
      INFO(how << " " << ignored[0]);
      CHECK(du(words).code == exit_code(ErrorKind::usage));
    }
  }
  CHECK(du({"--duplicates", "-n", "1"}).out == "7\t/data/replaced, /data/twin\n");
  const Json record = Json::parse(du({"--json", "-s"}).out);
  CHECK(record == Json{{"schema", "sifkit/du/v1"}, {"files", {{{"path", "/"}, {"bytes", 1017}, {"names", 6}}}}});
}

TEST_CASE("du --layers says what each layer brings, hides and loses", "[cli][du]") {
  const Stack stack;
  const Json record = Json::parse(run_cli({"du", "--json", "--layers", stack.archive}).out);
  REQUIRE(record["layers"].size() == 3);
  const auto numbers = [&](std::size_t layer) {
    const auto& of = record["layers"][layer];
    return std::vector<int>{of["files"], of["bytes"], of["hidden_files"], of["hidden_bytes"], of["lost_files"], of["lost_bytes"]};
  };
  CHECK(numbers(0) == std::vector{3, 1230, 0, 0, 2, 230});
  CHECK(numbers(1) == std::vector{2, 14, 2, 230, 0, 0});
  CHECK(numbers(2) == std::vector{2, 8, 1, 5, 1, 5});
  CHECK_THAT(run_cli({"du", "--layers", stack.archive}).out, ContainsSubstring("    1   1230        3      0    230  sha256:"));
  REQUIRE(run_cli({"build", "-q", stack.sif, stack.archive}).code == 0);
  const auto packed = run_cli({"du", "--layers", stack.sif});
  CHECK(packed.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(packed.err, ContainsSubstring("is one file system and has no layers"));
}

TEST_CASE("du --layers -n shows the largest layers", "[cli][du]") {
  const TempDir directory;
  TestImage image;
  for (const std::size_t size : {10u, 3000u, 0u, 200u}) {
    image.layers.push_back(TarBuilder().file(std::to_string(size), std::string(size, 'x')).bytes());
  }
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  const auto layers = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"du", "--json", "--layers", archive};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<int> out;
    const Json record = Json::parse(run_cli(words).out);
    for (const auto& layer : record["layers"]) out.push_back(layer["layer"]);
    return out;
  };
  CHECK(layers({"-n", "2"}) == std::vector{2, 4});
  CHECK(layers({"-n", "0"}).empty());
  CHECK(layers({"-n", "4"}) == std::vector{1, 2, 3, 4});
  CHECK(layers({}) == std::vector{1, 2, 3, 4});
  const auto text = run_cli({"du", "--layers", "-n", "1", archive}).out;
  CHECK_THAT(text, ContainsSubstring("    2   3000 "));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("history --files names what each layer hides", "[cli][history]") {
  const Stack stack;
  const auto text = run_cli({"history", "--files", stack.archive});
  INFO(text.err);
  CHECK(text.out == "2\treplaced\t200\t/data/replaced\n2\tremoved\t30\t/old/x\n3\treplaced\t5\t/data/named\n");
  const Json record = Json::parse(run_cli({"history", "--files", "--json", stack.archive}).out);
  CHECK(record["steps"].size() == 3);
  REQUIRE(record["hidden"].size() == 3);
  const auto hidden = [](int layer, int of_layer, const char* how, int bytes, const char* path) {
    return Json{{"layer", layer}, {"of_layer", of_layer}, {"how", how}, {"bytes", bytes}, {"path", path}};
  };
  CHECK(record["hidden"][1] == hidden(2, 1, "removed", 30, "/old/x"));
  CHECK(record["hidden"][2] == hidden(3, 3, "replaced", 5, "/data/named"));
  CHECK_FALSE(Json::parse(run_cli({"history", "--json", stack.archive}).out).contains("hidden"));
  CHECK(run_cli({"history", "--files", "--no-trunc", stack.archive}).code == exit_code(ErrorKind::usage));

  REQUIRE(run_cli({"build", "-q", stack.sif, stack.archive}).code == 0);
  const auto packed = run_cli({"history", "--files", stack.sif});
  CHECK(packed.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(packed.err, ContainsSubstring("is one file system and has no layers"));
}

TEST_CASE("records of hidden files are bounded, and names of any bytes are in them", "[cli][history]") {
  const TempDir directory;
  TestImage image;
  TarBuilder many;
  for (int i = 0; i < 3000; ++i) many.file("d/" + std::to_string(i), "");
  image.layers = {many.file("d/a\xff", "").bytes(), TarBuilder().file(".wh.d", "").bytes()};
  const std::string archive = (directory / "app.tar").string();
  write_file(archive, as_tar(docker_24(image)));
  const std::vector<std::string> words{"history", "--files", "--limit", "metadata_bytes=1M", archive};
  const auto text = run_cli(words);
  INFO(text.err);
  CHECK(std::count(text.out.begin(), text.out.end(), '\n') == 3001);
  auto recorded = words;
  recorded.push_back("--json");
  CHECK(run_cli(recorded).code == exit_code(ErrorKind::limit));
  recorded[3] = "metadata_bytes=8M";
  const Json hidden = Json::parse(run_cli(recorded).out)["hidden"];
  CHECK(std::any_of(hidden.begin(), hidden.end(), [](const Json& file) {
    return file.contains("path_hex") && file["path_hex"] == "2f642f61ff";
  }));
}

TEST_CASE("history pairs commands and layers, and says of a SIF what it was made of", "[cli][history]") {
  const Stack stack;
  TestImage image = small_image();
  image.layers.push_back(TarBuilder().file("more", "more").bytes());
  Json document = Json::parse(image.config_document());
  document["history"] = {{{"created_by", "ADD rootfs"}, {"created", "2024-01-01T00:00:00Z"}},
                         {{"created_by", "CMD [\"sh\"]"}, {"empty_layer", true}},
                         {{"created_by", "RUN make\n\tall"}, {"comment", 7}}};
  Members members = docker_24(image);
  const std::string name = sha256(document.dump()) + ".json";
  for (auto& member : members) {
    if (member.name == "manifest.json") {
      Json manifest = Json::parse(member.bytes);
      const std::string old = manifest[0]["Config"];
      manifest[0]["Config"] = name;
      member.bytes = manifest.dump();
      for (auto& other : members) {
        if (other.name == old) other = {name, document.dump()};
      }
    }
  }
  const std::string archive = (stack.directory / "told.tar").string();
  write_file(archive, as_tar(members));
  const auto text = run_cli({"history", archive});
  INFO(text.err);
  CHECK_THAT(text.out, ContainsSubstring("2024-01-01T00:00:00Z  ADD rootfs\n") &&
                           ContainsSubstring("    -       -      -      -  -                     CMD [\"sh\"]\n") &&
                           ContainsSubstring("    2       3      3      0  -                     RUN make\\n\\tall\n"));
  const Json record = Json::parse(run_cli({"history", "--json", archive}).out);
  REQUIRE(record["steps"].size() == 4);  // the last layer is one that no command tells of
  CHECK(record["steps"][1]["layer"] == nullptr);
  CHECK(record["steps"][2]["layer"]["layer"] == 2);
  CHECK(record["steps"][2]["created_by"] == "RUN make\n\tall");
  CHECK(record["steps"][2]["comment"] == "");
  CHECK(record["made_of"] == nullptr);

  REQUIRE(run_cli({"build", "-q", stack.sif, stack.archive}).code == 0);
  CHECK_THAT(run_cli({"history", stack.sif}).out, ContainsSubstring("one file system, without layers; made of docker-archive: "));
  CHECK(Json::parse(run_cli({"history", "--json", stack.sif}).out)["made_of"]["source"].get<std::string>().starts_with("docker-archive: "));
}
