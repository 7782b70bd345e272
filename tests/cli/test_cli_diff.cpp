// SPDX-License-Identifier: Apache-2.0
//
// `diff`: two images are equal, or exactly what is not.
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/fault_fixture.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

struct Pair {
  TempDir directory;
  std::string first = (directory / "a.tar").string();
  std::string second = (directory / "b.tar").string();

  /// Two images; the second has a layer more.
  explicit Pair(const std::string& layer = {}) {
    TestImage image = small_image();
    image.layers.push_back(TarBuilder().directory("data").file("data/moved", "the same bytes").file("data/edited", "before").file("data/gone", "gone").bytes());
    write_file(first, as_tar(docker_24(image)));
    if (!layer.empty()) image.layers.push_back(layer);
    write_file(second, as_tar(docker_24(image)));
  }

  CliResult diff(std::vector<std::string> words) const {
    words.insert(words.begin(), {"diff", first, second});
    return run_cli(words);
  }
};

const std::string kLayer = TarBuilder()
                               .file("data/.wh.moved", "")
                               .file("data/.wh.gone", "")
                               .file("data/here", "the same bytes")
                               .add({.name = "data/edited", .data = "after!", .mode = 0600, .uid = 7, .mtime = 9})
                               .file("data/fresh", "new")
                               .bytes();

}  // namespace

TEST_CASE("an image is equal to what was built of it, and diff says so", "[cli][diff]") {
  const Pair pair;
  const auto same = pair.diff({});
  CHECK(same.out == "equal\n");
  CHECK(same.code == 0);
  const std::string sif = (pair.directory / "a.sif").string();
  REQUIRE(run_cli({"build", "-q", sif, pair.first}).code == 0);
  const auto built = run_cli({"diff", pair.first, sif});
  INFO(built.err);
  CHECK(built.out == "equal\n");
  CHECK(built.code == 0);
  const auto with = run_cli({"diff", "--with-singularity", pair.first, sif});
  CHECK(with.code == 1);
  CHECK_THAT(with.out, ContainsSubstring("added /.singularity.d/runscript\n"));
  CHECK(with.out.find("removed") == std::string::npos);
}

TEST_CASE("diff says what was added, removed, renamed and changed, and how", "[cli][diff]") {
  const Pair pair(kLayer);
  const auto result = pair.diff({"--ignore", "/data/edited"});
  CHECK(result.code == 1);
  CHECK(result.out == "added /data/fresh\nremoved /data/gone\nrenamed /data/moved -> /data/here\n");
  CHECK_THAT(pair.diff({}).out,
             ContainsSubstring("changed /data/edited: content, mode, owner, time (0644 0:0 6 @0 -> 0600 7:0 6 @9)\n"));
  CHECK_THAT(pair.diff({"--ignore-times"}).out, ContainsSubstring("changed /data/edited: content, mode, owner ("));
  CHECK(pair.diff({"--stat"}).out == "1 added, 1 removed, 1 changed, 1 renamed; 0 of the configuration; 0 packages\n");
  const auto ignored = pair.diff({"--ignore", "/data"});
  CHECK(ignored.out == "equal\n");
  CHECK(ignored.code == 0);
  const auto record = Json::parse(pair.diff({"--json"}).out);
  CHECK(record["schema"] == "sifkit/diff/v1");
  CHECK(record["equal"] == false);
  REQUIRE(record["files"].size() == 4);
  CHECK(record["files"][0]["path"] == "/data/edited");
  CHECK(record["files"][0]["changed"] == Json{"content", "mode", "owner", "time"});
  CHECK(record["files"][0]["before"]["mode"] == "0644");
  CHECK(record["files"][0]["after"]["uid"] == 7);
  CHECK(record["files"][3]["kind"] == "renamed");
  CHECK(record["files"][3]["before"]["path"] == "/data/moved");
}

TEST_CASE("diff compares what images say of themselves", "[cli][diff]") {
  const Pair pair;
  const std::string a = (pair.directory / "a.sif").string();
  const std::string b = (pair.directory / "b.sif").string();
  REQUIRE(run_cli({"build", "-q", "--label", "k=1", a, pair.first}).code == 0);
  REQUIRE(run_cli({"build", "-q", "--label", "k=2", b, pair.first}).code == 0);
  const auto result = run_cli({"diff", a, b});
  CHECK(result.out == "configuration label k: '1' -> '2'\n");
  CHECK(result.code == 1);
  CHECK(Json::parse(run_cli({"diff", "--json", a, b}).out)["configuration"] ==
        Json::array({{{"name", "label k"}, {"before", "1"}, {"after", "2"}}}));
  // A root file system says nothing of itself.
  const std::string box = (pair.directory / "box").string();
  as_directory({{"bin/tool", "x"}, {"etc/os-release", "ID=x\n"}}, box);
  const auto root = run_cli({"diff", "dir:" + box, "dir:" + box});
  INFO(root.err);
  CHECK(root.out == "equal\n");
  CHECK_THAT(root.err, ContainsSubstring("configuration is not compared"));
  const auto missing = run_cli({"diff", a, (pair.directory / "none").string()});
  CHECK(missing.code == exit_code(ErrorKind::not_found));
}

TEST_CASE("diff names packages that came, went, or are of another version", "[cli][diff]") {
  const auto database = [](const std::string& packages) {
    return TarBuilder().directory("lib/apk/db").file("lib/apk/db/installed", packages).bytes();
  };
  TempDir directory;
  TestImage image = small_image();
  const auto with = [&](const std::string& name, const std::string& packages) {
    image.layers.back() = database(packages);
    write_file(directory / name, as_tar(docker_24(image)));
    return (directory / name).string();
  };
  const auto a = with("a.tar", "P:gone\nV:1\n\nP:kept\nV:2\n\nP:moved\nV:3-r0\n\n");
  const auto b = with("b.tar", "P:fresh\nV:9\n\nP:kept\nV:2\n\nP:moved\nV:3-r1\n\n");
  const auto result = run_cli({"diff", "--ignore", "/lib", a, b});
  CHECK(result.out == "equal\n");
  const auto changed = run_cli({"diff", "--ignore-times", a, b});
  CHECK(changed.code == 1);
  CHECK_THAT(changed.out, Catch::Matchers::StartsWith("package added apk fresh 9\npackage removed apk gone 1\npackage changed apk moved 3-r0 -> 3-r1\n"));
  CHECK_THAT(run_cli({"diff", "--stat", a, b}).out, Catch::Matchers::EndsWith("; 3 packages\n"));
  const auto record = Json::parse(run_cli({"diff", "--json", a, b}).out);
  REQUIRE(record["packages"].size() == 3);
  CHECK(record["packages"][2] == Json{{"kind", "apk"}, {"name", "moved"}, {"before", {"3-r0"}}, {"after", {"3-r1"}}});
  CHECK(Json::parse(run_cli({"diff", "--json", a, a}).out)["packages"] == Json::array());
}

TEST_CASE("a result that cannot be written is an error, whatever it says", "[cli][diff][check]") {
  if (::access("/dev/full", W_OK) != 0) SKIP_TEST("no /dev/full");
  const FaultFixture fixture;
  REQUIRE(fixture.shell("$SIFKIT build -q app.sif ../app.tar && $SIFKIT build -q --label a=b other.sif ../app.tar").code == 0);
  CHECK(fixture.shell("$SIFKIT diff app.sif other.sif").code == 1);
  CHECK(fixture.shell("$SIFKIT diff app.sif other.sif >/dev/full").code == exit_code(ErrorKind::no_space));
  CHECK(fixture.shell("$SIFKIT check --fail-on note app.sif").code == 1);
  CHECK(fixture.shell("$SIFKIT check --fail-on note app.sif >/dev/full").code == exit_code(ErrorKind::no_space));
}
