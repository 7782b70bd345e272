// SPDX-License-Identifier: Apache-2.0
//
// `du` and `history`: what takes the room, and which layer brought it.
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
  CHECK(du({"--duplicates"}).out == "7\t/data/replaced, /data/twin\n");
  const auto none = du({"/none", "/data"});
  CHECK(none.code == exit_code(ErrorKind::not_found));
  CHECK(none.out == "1017\t/data\n");
  CHECK(du({"-d", "1", "-s"}).code == exit_code(ErrorKind::usage));
  for (const std::string how : {"--layers", "--duplicates"}) {
    for (const auto& ignored : {std::vector<std::string>{"-a"}, {"-s"}, {"-d", "1"}, {"-n", "1"}}) {
      if (how == "--duplicates" && ignored[0] == "-n") continue;
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
