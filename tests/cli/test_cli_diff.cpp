// SPDX-License-Identifier: Apache-2.0
//
// `diff`: two images are equal, or exactly what is not.
#include <random>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>

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

std::string archive(const TempDir& directory, const std::string& name, const TestImage& image) {
  write_file(directory / name, as_tar(docker_24(image)));
  return (directory / name).string();
}

TestImage image_of(const TarBuilder& layer) {
  TestImage image;
  image.layers = {layer.bytes()};
  image.config = Json{{"Cmd", {"/bin/tool"}}};
  return image;
}

std::string built(const std::string& source, const std::string& target, std::vector<std::string> options = {}) {
  options.insert(options.begin(), {"build", "-q"});
  options.insert(options.end(), {target, source});
  REQUIRE(run_cli(options).code == 0);
  return target;
}

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
  CHECK(Json::parse(run_cli({"diff", "--json", "dir:" + box, "dir:" + box}).out)["configuration"] == nullptr);
  CHECK(Json::parse(run_cli({"diff", "--json", a, a}).out)["configuration"] == Json::array());
  CHECK_THAT(run_cli({"diff", "--stat", "dir:" + box, "dir:" + box}).out,
             ContainsSubstring("; configuration not compared; "));
  const auto missing = run_cli({"diff", a, (pair.directory / "none").string()});
  CHECK(missing.code == exit_code(ErrorKind::not_found));
}

TEST_CASE("diff compares what containers run with, by variable and by member", "[cli][diff]") {
  TempDir directory;
  TestImage image = small_image();
  const auto a = archive(directory, "a.tar", image);
  image.config["Env"] = {"A=b d", "PATH=/bin"};
  image.config["Cmd"] = {"/bin/tool", "-x"};
  image.config["User"] = "1000";
  image.config["WorkingDir"] = "/etc";
  image.config["ExposedPorts"] = {{"80/tcp", Json::object()}};
  image.config["Volumes"] = {{"/data", Json::object()}};
  image.config["StopSignal"] = "SIGQUIT";
  image.config["Healthcheck"] = {{"Test", Json::array({"CMD", "true"})}};
  image.config["Labels"]["org.label-schema.version"] = "2.0";
  image.config["Labels"]["org.label-schema.build-date"] = "some day";
  // Of the making, not of the image.
  image.config["Hostname"] = "builder";
  const auto b = archive(directory, "b.tar", image);
  const std::string expected =
      "configuration Cmd: '[\"/bin/tool\"]' -> '[\"/bin/tool\",\"-x\"]'\n"
      "configuration ExposedPorts: nothing -> '{\"80/tcp\":{}}'\n"
      "configuration Healthcheck: nothing -> '{\"Test\":[\"CMD\",\"true\"]}'\n"
      "configuration StopSignal: nothing -> 'SIGQUIT'\n"
      "configuration User: nothing -> '1000'\n"
      "configuration Volumes: nothing -> '{\"/data\":{}}'\n"
      "configuration WorkingDir: nothing -> '/etc'\n"
      "configuration environment A: 'b c' -> 'b d'\n"
      "configuration label org.label-schema.version: nothing -> '2.0'\n";
  const auto a_sif = built(a, (directory / "a.sif").string());
  const auto b_sif = built(b, (directory / "b.sif").string());
  for (const auto& first : {a, a_sif}) {
    for (const auto& second : {b, b_sif}) {
      INFO(first << " " << second);
      const auto result = run_cli({"diff", first, second});
      CHECK(result.out == expected);
      CHECK(result.code == 1);
    }
  }
  CHECK(run_cli({"diff", b, b_sif}).out == "equal\n");
  // A variable of a container alone.
  const auto more = built(a, (directory / "more.sif").string(), {"--env", "X=1"});
  CHECK(run_cli({"diff", a_sif, more}).out == "configuration environment X: nothing -> '1'\n");
  write_file(directory / "run", "#!/bin/sh\n\n# Other words.\nexec /bin/tool one\n");
  write_file(directory / "run2", "#!/bin/sh\nexec /bin/tool two\n");
  for (const auto& [sif, script] : {std::pair(a_sif, "run"), {more, "run2"}}) {
    REQUIRE(run_cli({"edit", "-q", "--runscript", (directory / script).string(), sif}).code == 0);
  }
  CHECK_THAT(run_cli({"diff", a_sif, more}).out,
             ContainsSubstring("configuration runscript: line 4 and 2: 'exec /bin/tool one' -> 'exec /bin/tool two'\n"));
}

TEST_CASE("diff tells what was taken away from the values that are left", "[cli][diff][edit]") {
  TempDir directory;
  const auto source = archive(directory, "a.tar", small_image());
  const auto before = built(source, (directory / "a.sif").string(), {"--env", "FOO=new"});
  const auto after = built(source, (directory / "b.sif").string());
  REQUIRE(run_cli({"edit", "-q", "--env", "FOO=new", "--unset", "A", after}).code == 0);
  const auto result = run_cli({"diff", before, after});
  CHECK_THAT(result.out, ContainsSubstring("configuration environment A: 'b c' -> nothing\n"));
  CHECK_THAT(result.out, !ContainsSubstring("FOO") && !ContainsSubstring("90-environment.sh"));
  CHECK(result.code == 1);
}

TEST_CASE("diff shows long texts from where they differ", "[cli][diff]") {
  TempDir directory;
  TestImage image = small_image();
  const auto with = [&](const std::string& name, const std::string& value) {
    image.config["Env"] = Json::array({"LONG=" + std::string(300, 'x') + value});
    return archive(directory, name, image);
  };
  const auto result = run_cli({"diff", with("a.tar", "1"), with("b.tar", "2")});
  const std::string same = "..." + std::string(40, 'x');
  CHECK(result.out == "configuration environment LONG: '" + same + "1' -> '" + same + "2'\n");
}

TEST_CASE("diff leaves out what a build adds, and nothing of an image itself", "[cli][diff]") {
  TempDir directory;
  const auto a = archive(directory, "a.tar", image_of(TarBuilder()
                                                          .directory("etc")
                                                          .file("etc/hosts", "127.0.0.1 localhost\n")
                                                          .directory("root", 0700)
                                                          .directory("tmp", 01777)
                                                          .directory("var")
                                                          .directory("var/tmp")));
  const auto b = archive(directory, "b.tar", image_of(TarBuilder()
                                                          .directory("etc")
                                                          .file("etc/hosts", "6.6.6.6 github.com\n")
                                                          .add({.name = "tmp/", .type = '5', .mode = 0700, .uid = 99})));
  const std::string tmp = "changed /tmp: mode, owner (1777 0:0 0 @0 -> 0700 99:0 0 @0)\n";
  CHECK(run_cli({"diff", a, b}).out ==
        "changed /etc/hosts: size, content (0644 0:0 20 @0 -> 0644 0:0 19 @0)\nremoved /root\n" + tmp +
            "removed /var\nremoved /var/tmp\n");
  const auto a_sif = built(a, (directory / "a.sif").string());
  const auto b_sif = built(b, (directory / "b.sif").string());
  CHECK(run_cli({"diff", a, a_sif}).out == "equal\n");
  CHECK(run_cli({"diff", b_sif, b}).out == "equal\n");
  // The build empties the one file and makes the directories that one image has not.
  CHECK(run_cli({"diff", a_sif, b}).out == tmp);
  // Both have all of them, but not with the same modes.
  const auto containers = run_cli({"diff", a_sif, b_sif});
  CHECK_THAT(containers.out, ContainsSubstring(tmp) && ContainsSubstring("changed /root: mode"));
  CHECK_THAT(containers.out, !ContainsSubstring("singularity"));
}

TEST_CASE("diff says which target, device, type and attribute is another one", "[cli][diff]") {
  TempDir directory;
  const auto with = [&](const std::string& name, const std::string& number, unsigned minor, char type) {
    TarBuilder layer;
    layer.symlink("a", "target-" + number)
        .add({.name = "k", .type = type, .mode = 0755})
        .add({.name = "n", .type = '3', .mode = 0666, .major = 1, .minor = minor})
        .add({.name = "x", .data = "1", .pax = {{"SCHILY.xattr.user.k", number}, {"SCHILY.xattr.user.s", "s"}}});
    return archive(directory, name, image_of(layer));
  };
  CHECK(run_cli({"diff", with("a.tar", "one", 3, '0'), with("b.tar", "two", 5, '5')}).out ==
        "changed /a: target 'target-one' -> 'target-two'\n"
        "changed /k: type regular -> directory\n"
        "changed /n: device 1, 3 -> 1, 5\n"
        "changed /x: xattrs user.k\n");
}

TEST_CASE("diff takes files of one name in two directories for the renamed ones", "[cli][diff]") {
  TempDir directory;
  const auto a = archive(directory, "a.tar",
                         image_of(TarBuilder().directory("a").file("a/COPYING", "gpl").file("a/LICENSE", "gpl")));
  const auto b = archive(directory, "b.tar",
                         image_of(TarBuilder().directory("a").directory("b").file("b/LICENSE", "gpl")));
  CHECK(run_cli({"diff", a, b}).out == "removed /a/COPYING\nadded /b\nrenamed /a/LICENSE -> /b/LICENSE\n");
  CHECK(run_cli({"diff", b, a}).out == "added /a/COPYING\nrenamed /b/LICENSE -> /a/LICENSE\nremoved /b\n");
  // What has its name nowhere else takes what is left.
  const auto c = archive(directory, "c.tar",
                         image_of(TarBuilder().directory("b").file("b/ANY", "gpl").file("b/LICENSE", "gpl")));
  CHECK_THAT(run_cli({"diff", a, c}).out, ContainsSubstring("renamed /a/COPYING -> /b/ANY\n") &&
                                              ContainsSubstring("renamed /a/LICENSE -> /b/LICENSE\n"));
}

TEST_CASE("an overlay of a SIF is something that it has and another one has not", "[cli][diff][sif]") {
  const Pair pair;
  const auto with = [&](const std::string& name, char byte) {
    const auto sif = built(pair.first, (pair.directory / name).string());
    write_file(pair.directory / "overlay", std::string(4096, byte));
    REQUIRE(run_cli({"sif", "add", sif, (pair.directory / "overlay").string(), "--datatype", "4", "--parttype", "4",
                     "--partfs", "2", "--partarch", "2"})
                .code == 0);
    return sif;
  };
  const auto plain = built(pair.first, (pair.directory / "plain.sif").string());
  const auto a = with("a.sif", 'a');
  const auto b = with("b.sif", 'b');
  const auto added = run_cli({"diff", plain, a});
  CHECK(added.out == "configuration overlay: nothing -> 'Ext3, 4096 bytes'\n");
  CHECK(added.code == 1);
  CHECK(run_cli({"diff", a, a}).out == "equal\n");
  // Their sizes are the same, their bytes are not.
  const auto text = [](char byte) { return "'Ext3, 4096 bytes, sha256:" + sha256(std::string(4096, byte)) + "'"; };
  CHECK(run_cli({"diff", a, b}).out == "configuration overlay: " + text('a') + " -> " + text('b') + "\n");
}

TEST_CASE("of two images the one that is damaged is named", "[cli][diff][hostile]") {
  TempDir directory;
  const auto sif_of = [&](const std::string& name, char last) {
    std::string text;
    std::mt19937 random(1);
    for (unsigned i = 0; i < 200000; ++i) text += static_cast<char>('a' + random() % 16);
    text.back() = last;
    const auto source = archive(directory, name + ".tar", image_of(TarBuilder().file("big", text)));
    return built(source, (directory / name).string());
  };
  const auto a = sif_of("a.sif", 'x');
  const auto b = sif_of("b.sif", 'y');
  REQUIRE(run_cli({"diff", a, b}).code == 1);
  const auto offset = static_cast<std::size_t>(sif::Image::open(b).primary_partition()->offset);
  auto bytes = read_file(b);
  // Behind the superblock, in the first block of the file.
  for (std::size_t i = 0; i < 64; ++i) bytes[offset + 96 + 200 + i] = static_cast<char>(~bytes[offset + 96 + 200 + i]);
  write_file(b, bytes);
  for (const auto& words : {std::vector<std::string>{"diff", a, b}, {"diff", b, a}}) {
    const auto result = run_cli(words);
    CHECK(result.code == exit_code(ErrorKind::malformed));
    CHECK_THAT(result.err, ContainsSubstring("'" + b + "': the block at ") && !ContainsSubstring(a));
  }
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
