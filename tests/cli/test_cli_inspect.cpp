// SPDX-License-Identifier: Apache-2.0
//
// `inspect` of images by other people's hands, of several at once, and its summary.
#include <array>
#include <sstream>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image_editor.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/image_shapes.h"
#include "support/squashfs_pack.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// Images whose files a test chooses, with no metadata of a build beside them.
struct InspectFixture {
  TempDir directory;
  Environment keys{keys_below(directory.path().string())};

  std::string at(const std::string& name) const { return (directory / name).string(); }

  /// A sandbox with files in /.singularity.d, and NAME.sqfs with the same.
  void make(const std::string& name, const std::vector<std::pair<std::string, std::string>>& files) const {
    fs::create_directories(directory / (name + "/.singularity.d"));
    fs::create_directories(directory / (name + "/bin"));
    for (const auto& [file, text] : files) write_file(directory / (name + "/.singularity.d/" + file), text);
    Pack pack;
    const auto parent = pack.directory(layers::Tree::kRoot, ".singularity.d");
    for (const auto& [file, text] : files) pack.file(parent, file, text);
    pack.finish();
    write_file(directory / (name + ".sqfs"), as_text(pack.region.bytes));
  }

  void build() const {
    write_file(directory / "app.tar", as_tar(docker_24(small_image())));
    REQUIRE(run_cli({"build", "-q", at("app.sif"), at("app.tar")}).code == 0);
  }

  /// The SIF with other bytes in place of the object that `inspect` reads.
  void replace_metadata(const std::string& text) const {
    sif::ImageEditor editor(directory / "app.sif");
    const auto id = editor.image().find(sif::DataType::generic_json, "inspect-metadata.json")->id;
    editor.remove(id, sif::Erase::no);
    MemorySource source(as_bytes(text));
    editor.add({.type = sif::DataType::generic_json, .group = 1, .name = "inspect-metadata.json"}, source);
    editor.commit();
  }
};

}  // namespace

TEST_CASE("of broken labels only what is broken is missing", "[cli][inspect]") {
  struct Case {
    std::string labels;
    std::string shown;
    std::string warning;
  };
  const std::vector<Case> cases{{R"({"a": "1", "n": 5, "z": "2"})", "a: 1\nz: 2\n", "labels.json: n: expected a string, got a number"},
                                {R"({"a": "1", "n": null})", "a: 1\nn: \n", ""},
                                {R"({"a": "1", "n": {"x": []}})", "a: 1\n", "labels.json: n: expected a string, got an object"},
                                {R"({"a": "1", "n": true})", "a: 1\n", "expected a string, got a boolean"},
                                {R"({"a": "1", "a": "2"})", "a: 2\n", ""},
                                {"{\"a\": \"\xff\"}", "a: \xef\xbf\xbd\n", ""},
                                {R"({"a": "1",)", "", "not valid JSON at byte"},
                                {R"(["a"])", "", "expected an object, got a list"},
                                {std::string(100, '['), "", "nested deeper than 64 levels"},
                                {"null", "", ""},
                                {"not JSON", "", "not valid JSON at byte 2"}};
  int number = 0;
  for (const auto& each : cases) {
    const InspectFixture fixture;
    const auto name = "root" + std::to_string(number++);
    fixture.make(name, {{"labels.json", each.labels}, {"runscript", "#!/bin/sh\nrun\n"}, {"Singularity", "bootstrap: x\n"}});
    for (const auto& source : {fixture.at(name + ".sqfs"), fixture.at(name)}) {
      INFO(each.labels << " " << source);
      const auto labels = run_cli({"inspect", source});
      CHECK(labels.code == 0);
      CHECK(labels.out == each.shown);
      if (each.warning.empty()) CHECK(labels.err.empty());
      CHECK_THAT(labels.err, ContainsSubstring(each.warning));
      CHECK(run_cli({"inspect", "-r", source}).out == "#!/bin/sh\nrun\n");
      CHECK(run_cli({"inspect", "-d", source}).out == "bootstrap: x\n");
      CHECK(run_cli({"inspect", "-q", "-r", source}).err.empty());
    }
  }
}

TEST_CASE("of broken metadata in a SIF only what is broken is missing, and files stand in for what is no metadata", "[cli][inspect]") {
  const InspectFixture fixture;
  fixture.build();
  const auto runscript = run_cli({"inspect", "-r", fixture.at("app.sif")}).out;
  fixture.replace_metadata(R"({"data":{"attributes":{"labels":{"a":"1","n":7},"runscript":"run","deffile":5,"apps":{"one":3,"two":{"runscript":"two"}}}},"type":"container"})");
  const auto labels = run_cli({"inspect", fixture.at("app.sif")});
  CHECK(labels.code == 0);
  CHECK(labels.out == "a: 1\n");
  CHECK_THAT(labels.err, ContainsSubstring("labels.n: expected a string, got a number") && ContainsSubstring("deffile: expected a string, got a number") && ContainsSubstring("apps.one: expected an object"));
  CHECK(run_cli({"inspect", "-r", fixture.at("app.sif")}).out == "run\n");
  CHECK(run_cli({"inspect", "--list-apps", fixture.at("app.sif")}).out == "two\n");
  fixture.replace_metadata("{");
  const auto files = run_cli({"inspect", "-r", fixture.at("app.sif")});
  CHECK(files.code == 0);
  CHECK(files.out == runscript);
  CHECK_THAT(files.err, ContainsSubstring("inspect-metadata.json is left out"));
}

TEST_CASE("a sandbox is looked into, our own too, and no link leads out of it", "[cli][inspect][hostile]") {
  const InspectFixture fixture;
  fixture.build();
  REQUIRE(run_cli({"build", "-q", "--sandbox", fixture.at("box"), fixture.at("app.tar")}).code == 0);
  for (const std::string flag : {"-l", "-d", "-r", "-e", "-s", "--json", "--all"}) {
    INFO(flag);
    CHECK(run_cli({"inspect", flag, fixture.at("box")}).out == run_cli({"inspect", flag, fixture.at("app.sif")}).out);
  }
  CHECK(run_cli({"inspect", "-l", "dir:" + fixture.at("box")}).out == run_cli({"inspect", "-l", fixture.at("app.sif")}).out);
  write_file(fixture.directory / "secret", "secret\n");
  const auto help = [&](const std::string& target) {
    fs::remove(fixture.directory / "box/.singularity.d/runscript.help");
    fs::create_symlink(target, fixture.directory / "box/.singularity.d/runscript.help");
    const auto result = run_cli({"inspect", "-H", fixture.at("box")});
    CHECK(result.code == 0);
    return result.out;
  };
  CHECK(help(fixture.at("secret")).empty());
  CHECK(help("../../secret").empty());
  CHECK(help("../../../../../../../../etc/passwd").empty());
  CHECK(help("runscript.help").empty());
  CHECK(help("/etc/os-release") == "NAME=test\n");
  CHECK(help("../../../../etc/os-release") == "NAME=test\n");
  fs::remove(fixture.directory / "box/.singularity.d/runscript.help");
  REQUIRE(::mkfifo((fixture.directory / "box/.singularity.d/runscript.help").c_str(), 0644) == 0);
  // A pipe or a device there is not even opened, which may do something.
  const File events(UniqueFd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), "events");
  REQUIRE(::inotify_add_watch(events.fd(), fixture.at("box/.singularity.d/runscript.help").c_str(), IN_OPEN) >= 0);
  CHECK(run_cli({"inspect", "-H", fixture.at("box")}).out.empty());
  std::array<char, 4096> event{};
  CHECK(::read(events.fd(), event.data(), event.size()) < 0);
  fs::create_directories(fixture.directory / "bare/bin");
  const auto bare = run_cli({"inspect", fixture.at("bare")});
  CHECK(bare.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(bare.err, ContainsSubstring("there is no directory '/.singularity.d' in it"));
}

TEST_CASE("bytes that are no UTF-8 are kept in text, and are U+FFFD in JSON", "[cli][inspect]") {
  const InspectFixture fixture;
  fixture.make("odd", {{"Singularity", "from: \xff\xfe\n"}, {"runscript", "echo \xe4\n"}, {"labels.json", "{}"}});
  for (const auto& source : {fixture.at("odd.sqfs"), fixture.at("odd")}) {
    CHECK(run_cli({"inspect", "-d", source}).out == "from: \xff\xfe\n");
    CHECK(run_cli({"inspect", "-r", source}).out == "echo \xe4\n");
    CHECK(Json::parse(run_cli({"inspect", "-d", "--json", source}).out)["data"]["attributes"]["deffile"] == "from: \xef\xbf\xbd\xef\xbf\xbd");
  }
  // What Apptainer writes beside the definition itself.
  fixture.build();
  fixture.replace_metadata("{\"data\":{\"attributes\":{\"deffile\":\"a \xef\xbf\xbd\"}},\"type\":\"container\"}");
  sif::ImageEditor editor(fixture.directory / "app.sif");
  editor.remove(editor.image().objects_of(sif::DataType::deffile).front()->id, sif::Erase::no);
  MemorySource source(as_bytes("a \xe9\n"));
  editor.add({.type = sif::DataType::deffile, .group = 1}, source);
  editor.commit();
  CHECK(run_cli({"inspect", "-d", fixture.at("app.sif")}).out == "a \xe9\n");
}

TEST_CASE("an app that is not there is an error that lists those that are", "[cli][inspect]") {
  const InspectFixture fixture;
  fixture.build();
  const auto none = run_cli({"inspect", "--app", "x", fixture.at("app.sif")});
  CHECK(none.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(none.err, ContainsSubstring("there is no app 'x' in it") && ContainsSubstring("hint: it has no apps"));
  fixture.replace_metadata(R"({"data":{"attributes":{"apps":{"one":{"labels":{"k":"v"}},"two":{}}}},"type":"container"})");
  const auto two = run_cli({"inspect", "--app", "x", fixture.at("app.sif")});
  CHECK(two.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(two.err, ContainsSubstring("hint: its apps: one, two"));
  CHECK(run_cli({"inspect", "--app", "one", fixture.at("app.sif")}).out == "k: v\n");
}

TEST_CASE("several images are shown each under its name, and one that fails stops no other", "[cli][inspect]") {
  const InspectFixture fixture;
  fixture.build();
  const auto labels = run_cli({"inspect", fixture.at("app.sif")}).out;
  const auto text = run_cli({"inspect", fixture.at("app.sif"), fixture.at("none"), fixture.at("app.sif")});
  CHECK(text.code == exit_code(ErrorKind::not_found));
  CHECK(text.out == "==> " + fixture.at("app.sif") + " <==\n" + labels + "\n==> " + fixture.at("app.sif") + " <==\n" + labels);
  CHECK_THAT(text.err, ContainsSubstring(fixture.at("none")));
  const Json record = Json::parse(run_cli({"inspect", "--json", fixture.at("app.sif"), fixture.at("app.tar")}).out);
  CHECK(record["schema"] == "sifkit/inspect/v1");
  CHECK(record["images"].size() == 2);
  CHECK(record["images"][0]["source"] == fixture.at("app.sif"));
  CHECK(record["images"][1]["data"] == Json::parse(run_cli({"inspect", "--json", fixture.at("app.sif")}).out)["data"]);
}

TEST_CASE("the summary says what an image is, and a terminal gets it by itself", "[cli][inspect]") {
  const InspectFixture fixture;
  fixture.build();
  const auto source = fixture.at("app.sif");
  const auto summary = run_cli({"inspect", "--summary", source}).out;
  CHECK_THAT(summary, ContainsSubstring("app.sif: SIF, ") && ContainsSubstring("  architecture  amd64\n") && ContainsSubstring("  created       2024-05-01 10:20:30 +0000 UTC\n") &&
                          ContainsSubstring("  from          docker-archive: ") && ContainsSubstring("  compression   gzip, blocks of 128.0 KiB\n") && ContainsSubstring("  encrypted     no\n") &&
                          ContainsSubstring("  signatures    none\n") && ContainsSubstring("  overlay       none\n") && ContainsSubstring("  labels\n    k: v\n"));
  std::ostringstream out;
  std::ostringstream err;
  cli::Console terminal{.out = out, .err = err, .out_is_terminal = true};
  CHECK(cli::run(std::vector<std::string>{"inspect", source}, terminal) == 0);
  CHECK(out.str() == summary);
  out.str({});
  CHECK(cli::run(std::vector<std::string>{"inspect", "-l", source}, terminal) == 0);
  CHECK(out.str() == run_cli({"inspect", source}).out);

  REQUIRE(run_cli({"key", "newpair", "--no-passphrase", "-N", "Ada"}).code == 0);
  REQUIRE(run_cli({"sign", source}).code == 0);
  write_file(fixture.directory / "overlay", std::string(4096, 'o'));
  REQUIRE(run_cli({"sif", "add", source, fixture.at("overlay"), "--datatype", "4", "--parttype", "4", "--partfs", "2", "--partarch", "2"}).code == 0);
  CHECK_THAT(run_cli({"inspect", "--summary", source}).out, ContainsSubstring("  signature     group 1, PGP by Ada (") && ContainsSubstring("), not verified\n") && ContainsSubstring("  overlay       Ext3, 4.0 KiB (object "));
  const Json record = Json::parse(run_cli({"inspect", "--summary", "--json", source}).out)["images"][0]["summary"];
  CHECK(record["signatures"][0]["name"] == "Ada");
  CHECK(record["overlays"][0]["bytes"] == 4096);
  CHECK(record["compression"] == "gzip");
  CHECK(record["labels"]["k"] == "v");
  CHECK_THAT(run_cli({"inspect", "--summary", fixture.at("app.tar")}).out, ContainsSubstring("app.tar: docker-archive\n") && ContainsSubstring("  layers        2\n"));
}
