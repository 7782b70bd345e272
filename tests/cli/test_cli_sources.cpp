// SPDX-License-Identifier: Apache-2.0
//
// `images`, `inspect` and what `build` says, on every kind of source.
#include <sstream>
#include <tuple>

#include <sys/xattr.h>
#include <unistd.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/engine_server.h"
#include "support/image_shapes.h"
#include "support/programs.h"
#include "support/tar_builder.h"

#include <sifkit/core/error.h>

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// The image in every kind of source, and a service that has it.
struct Sources {
  TempDir directory;
  TestImage image = small_image();
  std::string id = sha256(image.config_document());
  std::string archive = as_tar(docker_24(image));
  EngineServer service{[this](const std::string& path) -> std::optional<std::string> {
    if (path.ends_with("/get")) return EngineServer::response(200, archive);
    const Json details{{"Id", "sha256:" + id}, {"RepoTags", {image.tag}}, {"Os", "linux"}, {"Architecture", "amd64"}, {"Created", image.created},
                       {"RootFS", {{"Layers", {"a", "b"}}}}, {"Size", 5}};
    return EngineServer::response(200, path == "/images/json" ? Json::array({details}).dump() : details.dump());
  }};

  Sources() {
    write_file(directory / "docker.tar", archive);
    write_file(directory / "oci.tar", as_tar(oci_layout(image)));
    write_file(directory / "oci.tar.gz", through("gzip -c", as_tar(oci_layout(image))));
    as_directory(oci_layout(image), directory / "layout");
    as_directory(oci_layout(image, {.flat = true}), directory / "flat");
    write_file(directory / "root.tar", image.layers[0]);
    std::filesystem::create_directories(directory / "root/etc");
  }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  std::vector<std::string> of_images() const {
    return {at("docker.tar"), "docker-archive:" + at("docker.tar"), at("oci.tar"), at("oci.tar.gz"), "oci:" + at("layout"), at("flat"), "docker-daemon:app", "podman:app"};
  }
  CliResult run(std::vector<std::string> args) const {
    args.insert(args.end(), {"--arch", "amd64", "--docker-host", service.url()});
    return run_cli(args);
  }
};

}  // namespace

TEST_CASE("images lists what every kind of source holds", "[cli][images]") {
  const Sources sources;
  for (const auto& source : sources.of_images()) {
    INFO(source);
    const auto result = sources.run({"images", source});
    CHECK(result.code == 0);
    CHECK(result.err.empty());
    CHECK_THAT(result.out, ContainsSubstring("INDEX  NAME") && ContainsSubstring("@0     ") && ContainsSubstring("linux/amd64  " + sources.id.substr(0, 12) + "       2"));
    const Json record = Json::parse(sources.run({"images", "--json", source}).out);
    CHECK(record["schema"] == "sifkit/images/v1");
    CHECK(record["images"][0]["config_digest"] == "sha256:" + sources.id);
  }
  for (const auto& [name, hint] : {std::pair{"root.tar", "'sifkit build' makes an image of it"}, {"root", "'sifkit build' makes an image of it"}}) {
    const auto result = sources.run({"images", sources.at(name)});
    CHECK(result.code == exit_code(ErrorKind::unsupported));
    CHECK_THAT(result.err, ContainsSubstring("a root file system, an image of layers was expected") && ContainsSubstring(hint));
  }
}

TEST_CASE("images lists each image of an archive with what is wrong with it", "[cli][images]") {
  TempDir directory;
  const TestImage image = small_image();
  const std::string config = image.config_document();
  Json windows = Json::parse(config);
  windows["os"] = "windows";
  const Json layers = Json::array({"a.tar", "b.tar"});
  write_file(directory / "x.tar",
             TarBuilder()
                 .file("a.tar", image.layers[0])
                 .file("b.tar", image.layers[1])
                 .file("good.json", config)
                 .file("windows.json", windows.dump())
                 .file("broken.json", R"({"architecture":"amd64","os":"linux"})")
                 .file("manifest.json", Json::array({docker_entry("windows.json", {"w:1"}, layers),
                                                     docker_entry("broken.json", {"broken:1"}, layers),
                                                     docker_entry("good.json", {"good:1"}, layers)})
                                            .dump())
                 .bytes());
  const std::string archive = (directory / "x.tar").string();
  const auto result = run_cli({"images", archive});
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  CHECK_THAT(result.out, ContainsSubstring("  CREATED              PROBLEM\n"));
  CHECK_THAT(result.out, ContainsSubstring("@0     w:1       windows/amd64  ") &&
                             ContainsSubstring("unsupported: windows.json: image configuration: os: 'windows' images "
                                               "cannot be converted, linux ones can\n"));
  CHECK_THAT(
      result.out,
      ContainsSubstring("@1     broken:1  linux/amd64    ") &&
          ContainsSubstring("broken: broken.json: image configuration: rootfs: expected an object, got nothing\n"));
  CHECK_THAT(result.out,
             ContainsSubstring("@2     good:1    linux/amd64    ") && ContainsSubstring("2024-05-01T10:20:30  -\n"));
  const Json record = Json::parse(run_cli({"images", "--json", archive}).out);
  REQUIRE(record["images"].size() == 3);
  for (const auto& [index, state, complete] : std::vector<std::tuple<std::size_t, std::string, bool>>{
           {0, "unsupported", false}, {1, "broken", false}, {2, "complete", true}}) {
    const auto& row = record["images"][index];
    CHECK(row["state"] == state);
    CHECK(row["complete"] == complete);
    CHECK(row["problem"].is_null() == complete);
  }
  CHECK(record["images"][1]["problem"] == "broken.json: image configuration: rootfs: expected an object, got nothing");
  for (const std::string choice : {":good:1", ":@2"})
    CHECK(run_cli({"build", "-q", "-F", "--arch", "amd64", (directory / "x.sif").string(), archive + choice}).code == 0);
  CHECK(run_cli({"build", "-q", "-F", (directory / "x.sif").string(), archive + ":w:1"}).code ==
        exit_code(ErrorKind::unsupported));
  CHECK(run_cli({"build", "-q", "-F", (directory / "x.sif").string(), archive + ":broken:1"}).code ==
        exit_code(ErrorKind::malformed));
}

TEST_CASE("images of a service lists what it says, however odd one of them is", "[cli][images]") {
  const std::string id(64, 'a');
  const EngineServer service([&](const std::string& path) -> std::optional<std::string> {
    const Json good{{"Id", "sha256:" + id},    {"RepoTags", {"good:1"}},        {"Os", "linux"},
                    {"Architecture", "amd64"}, {"RootFS", {{"Layers", {"a"}}}}, {"Size", 5}};
    Json odd = good;
    odd["Id"] = "sha256:" + std::string(64, 'b');
    odd["RepoTags"] = {"odd:1", 7};
    if (path == "/images/json") return EngineServer::response(200, Json::array({odd, good}).dump());
    return EngineServer::response(200, (path.find("bbbb") == std::string::npos ? good : odd).dump());
  });
  const auto result = run_cli({"images", "--json", "docker-daemon:", "--docker-host", service.url()});
  CHECK(result.code == 0);
  const Json images = Json::parse(result.out)["images"];
  REQUIRE(images.size() == 2);
  CHECK(images[0]["tags"] == Json::array({"odd:1"}));
  CHECK(images[0]["state"] == "broken");
  CHECK(images[0]["problem"] == "image: RepoTags[1]: expected a string, got a number");
  CHECK(images[1]["problem"].is_null());
  CHECK(images[1]["config_digest"] == "sha256:" + id);
}

TEST_CASE("a container becomes an image that every reader takes", "[cli][copy]") {
  const TempDir directory;
  const std::string root = TarBuilder().directory("etc").file("etc/motd", "hello").bytes();
  const EngineServer service([&](const std::string& path) -> std::optional<std::string> {
    if (path.ends_with("/export")) return EngineServer::response(200, root, "application/x-tar");
    if (!path.starts_with("/containers/")) return EngineServer::response(200, R"({"Architecture":"amd64"})");
    const Json container{{"Created", "2024-05-01T10:20:30Z"}, {"Image", "sha256:x"}, {"Config", {{"Cmd", {"serve"}}}}};
    return EngineServer::response(200, container.dump());
  });
  const std::string place = (directory / "container").string();
  for (const char* const transport : {"oci:", "docker-archive:"}) {
    INFO(transport);
    const std::string target = transport + place;
    const auto copied = run_cli({"copy", "docker-container:web", target, "--docker-host", service.url()});
    INFO(copied.err);
    REQUIRE(copied.code == 0);
    const Json image = Json::parse(run_cli({"images", "--json", target}).out)["images"].at(0);
    CHECK(image["state"] == "complete");
    CHECK(image["layers"] == 1);
    CHECK(image["created"] == "2024-05-01T10:20:30Z");
    CHECK(run_cli({"cat", target, "/etc/motd", "--arch", "amd64"}).out == "hello");
    std::filesystem::remove_all(place);
  }
}

TEST_CASE("inspect says of every source what it says of the SIF built from it", "[cli][inspect]") {
  const Sources sources;
  for (const auto& source : sources.of_images()) {
    INFO(source);
    REQUIRE(sources.run({"build", "-q", "-F", sources.at("x.sif"), source}).code == 0);
    for (const auto& flags : std::vector<std::vector<std::string>>{{}, {"-l"}, {"-d"}, {"-r"}, {"-s"}, {"-t"}, {"-e"}, {"-H"}, {"--list-apps"}, {"--all"}, {"--json"}, {"--oci"},
                                                                    {"-l", "-d", "-r", "-e"}, {"--json", "-e"}}) {
      const auto ask = [&](const std::string& what) {
        std::vector<std::string> args{"inspect", what};
        args.insert(args.end(), flags.begin(), flags.end());
        const auto result = sources.run(args);
        CHECK(result.code == 0);
        return result.out;
      };
      INFO((flags.empty() ? "no flag" : flags[0]));
      CHECK(ask(source) == ask(sources.at("x.sif")));
    }
  }
  const auto labels = sources.run({"inspect", sources.at("docker.tar")}).out;
  CHECK(labels.starts_with("k: v\n"));
  CHECK_THAT(labels, ContainsSubstring("deffile.bootstrap: docker-archive\n"));
  CHECK(sources.run({"inspect", "--oci", sources.at("docker.tar")}).out == R"({"Cmd":["/bin/tool"],"Env":["PATH=/bin","A=b c"],"Labels":{"k":"v"}})" "\n");
  CHECK(sources.run({"inspect", sources.at("root")}).code == exit_code(ErrorKind::unsupported));
  CHECK(sources.run({"images", sources.at("x.sif")}).code == exit_code(ErrorKind::unsupported));
}

TEST_CASE("build says as much as is asked for, on the side of talk only", "[cli][build]") {
  const Sources sources;
  const auto build = [&](std::vector<std::string> more) {
    std::vector<std::string> args{"build", "-F", sources.at("x.sif"), sources.at("docker.tar")};
    args.insert(args.end(), more.begin(), more.end());
    const auto result = sources.run(args);
    CHECK(result.code == 0);
    CHECK(result.out.empty());
    return result.err;
  };
  CHECK(build({"-q"}).empty());
  const auto usual = build({"--progress", "none"});
  CHECK(usual.find("UUID") == std::string::npos);
  std::istringstream said(usual);
  std::size_t others = 0;
  for (std::string line; std::getline(said, line);) others += line.starts_with("sifkit: warning: ") ? 0u : 1u;
  CHECK(others == 1);  // what has been written, in one line
  const auto verbose = build({"-v", "--progress", "none"});
  CHECK_THAT(verbose, ContainsSubstring("image: amd64, configuration sha256:" + sources.id + "\n") && ContainsSubstring("read: 2 layers with ") && ContainsSubstring("UUID: "));
  const auto debug = build({"--debug", "--progress", "none"});
  CHECK_THAT(debug, ContainsSubstring("docker-archive: image @0 of 1, sha256:" + sources.id) && ContainsSubstring("layer 2 of 2: ") && ContainsSubstring("UUID: "));
  CHECK_THAT(sources.run({"build", "-F", "--debug", sources.at("x.sif"), "docker-daemon:app"}).err, ContainsSubstring("GET /images/app/get"));

  const auto lines = build({"--progress", "json"});
  std::vector<std::string> stages;
  std::istringstream text(lines);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with('{')) continue;
    const Json record = Json::parse(line);
    CHECK(record["schema"] == "sifkit/progress/v1");
    for (const char* member : {"bytes", "bytes_per_second", "seconds_left", "stage", "total"}) CHECK(record.contains(member));
    if (stages.empty() || stages.back() != record["stage"]) stages.push_back(record["stage"]);
  }
  CHECK(stages == std::vector<std::string>{"reading the source", "packing", "writing tables", "writing to disk"});
}

TEST_CASE("a dry run reads everything and writes nothing", "[cli][build]") {
  const Sources sources;
  const auto before = sources.directory.entry_count();
  for (const auto& source : sources.of_images()) {
    INFO(source);
    const auto result = sources.run({"build", "--dry-run", sources.at("none/x.sif"), source});
    CHECK(result.code == 0);
    CHECK_THAT(result.err, ContainsSubstring("sound; ") && ContainsSubstring(" in 2 layers; nothing written"));
  }
  CHECK_THAT(sources.run({"build", "--dry-run", "x.sif", sources.at("root.tar")}).err, ContainsSubstring(" in 1 layer; nothing written"));
  CHECK(sources.directory.entry_count() == before);
}

TEST_CASE("capabilities are where they hinder nobody, and come back", "[cli][build]") {
  const TempDir directory;
  const std::string root = (directory / "root.tar").string();
  const std::string raw("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const std::string stored = "user.sifkit.cap";
  const std::vector<std::pair<std::string, std::string>> real{{"SCHILY.xattr.security.capability", raw}};
  write_file(root, TarBuilder().add({.name = "bin/", .type = '5'})
                         .add({.name = "bin/ping", .data = "x", .pax = real})
                         .add({.name = "bin/true", .data = "y"}).bytes());
  // The attributes of /bin/ping in what `build` made with these options.
  const auto build = [&](const std::string& source, const std::vector<std::string>& options) {
    std::vector<std::string> args{"build", "-F", "--verify-after", (directory / "x.sif").string(), source};
    args.insert(args.end(), options.begin(), options.end());
    const auto result = run_cli(args);
    REQUIRE(result.code == 0);
    const Json listed = Json::parse(run_cli({"ls", "--json", (directory / "x.sif").string(), "/bin/ping"}).out);
    return std::pair(result.err, listed["files"][0]["xattrs_hex"]);
  };
  const std::string hex = to_hex(as_bytes(raw));
  const auto of_default = build("tar:" + root, {});
  CHECK(of_default.second == Json{{stored, hex}});
  CHECK_THAT(of_default.first,
             ContainsSubstring("capabilities of '/bin/ping': kept as the attribute " + stored +
                               ", since in a user namespace Linux may not start a program that has some (--xattrs keep "
                               "leaves them as they are)"));
  const auto kept = build("tar:" + root, {"--xattrs", "keep"});
  CHECK(kept.second == Json{{"security.capability", hex}});
  CHECK_THAT(kept.first, ContainsSubstring("capabilities of '/bin/ping': in a user namespace Linux may not start a "
                                           "program that has some"));
  for (const std::string policy : {"user", "none"}) {
    const auto left_out = build("tar:" + root, {"--xattrs", policy});
    CHECK(left_out.second == Json::object());
    CHECK_THAT(left_out.first, !ContainsSubstring("capabilities"));
  }
  const auto squashfs = build("tar:" + root, {"--format", "squashfs"});
  CHECK(squashfs.second == Json{{stored, hex}});

  SECTION("from an archive that has them stored") {
    write_file(root, TarBuilder()
                         .directory("bin")
                         .add({.name = "bin/ping", .data = "x", .pax = {{"SCHILY.xattr." + stored, raw}}})
                         .bytes());
    CHECK(build("tar:" + root, {}).second == Json{{stored, hex}});
    CHECK(build("tar:" + root, {"--xattrs", "keep"}).second == Json{{"security.capability", hex}});
    CHECK(build("tar:" + root, {"--xattrs", "user"}).second == Json{{stored, hex}});
  }
  SECTION("from a directory that has them stored") {
    std::filesystem::create_directories(directory / "tree/bin");
    write_file(directory / "tree/bin/ping", "x");
    if (::setxattr((directory / "tree/bin/ping").c_str(), stored.c_str(), raw.data(), raw.size(), 0) != 0) {
      WARN("no user attributes on this file system");
      return;
    }
    CHECK(build("dir:" + (directory / "tree").string(), {}).second == Json{{stored, hex}});
    CHECK(build("dir:" + (directory / "tree").string(), {"--xattrs", "keep"}).second == Json{{"security.capability", hex}});
  }
  SECTION("a directory of root has them") {
    if (::geteuid() != 0) return;
    REQUIRE(run_cli({"build", "--sandbox", (directory / "box").string(), "tar:" + root}).code == 0);
    std::string value(64, '\0');
    const auto length = ::getxattr((directory / "box/bin/ping").c_str(), "security.capability", value.data(), value.size());
    if (length < 0) {
      WARN("no capabilities on this file system");
      return;
    }
    CHECK(value.substr(0, static_cast<std::size_t>(length)) == raw);
    CHECK(::getxattr((directory / "box/bin/ping").c_str(), stored.c_str(), value.data(), value.size()) < 0);
  }
}

TEST_CASE("what will not run is said, in text and in JSON, and not with -q", "[cli][build]") {
  const TempDir directory;
  const std::string archive = (directory / "app.tar").string();
  const auto build = [&](const TestImage& image, std::vector<std::string> options) {
    write_file(archive, as_tar(docker_24(image)));
    options.insert(options.begin(), {"build", "-F", (directory / "x").string(), archive});
    return run_cli(options);
  };
  // /bin is a link, until a layer of a tool brings a directory.
  TestImage merged;
  merged.layers = {
      TarBuilder().directory("usr").directory("usr/bin").file("usr/bin/sh", elf_program(), 0755).symlink("bin", "usr/bin").bytes(),
      TarBuilder().directory("bin").file("bin/tool", "#!/bin/sh\n", 0755).bytes()};
  merged.config = Json{{"Env", {"PATH=/bin"}}, {"Entrypoint", {"tool"}}};
  const std::string replaced =
      "layer 2 of 2 has a directory '/bin' in place of layer 1's link to 'usr/bin': what is there, such as "
      "'/usr/bin/sh', is no longer found as '/bin/sh'";
  const std::string interpreter =
      "the entrypoint 'tool' ('/bin/tool') needs the interpreter '/bin/sh', which is not in the image";
  for (const auto& form : std::vector<std::vector<std::string>>{{}, {"--format", "squashfs"}, {"--sandbox"}, {"--dry-run"}}) {
    INFO((form.empty() ? "sif" : form.back()));
    std::filesystem::remove_all(directory / "x");
    const auto text = build(merged, form);
    CHECK(text.code == 0);
    CHECK_THAT(text.err, ContainsSubstring("sifkit: warning: " + replaced + " [link-replaced]\n") &&
                             ContainsSubstring("sifkit: warning: " + interpreter + " [program-interpreter]\n"));
  }
  std::filesystem::remove_all(directory / "x");
  CHECK(build(merged, {"-q"}).err.empty());
  const Json record = Json::parse(build(merged, {"--json"}).out);
  CHECK(record["warnings"] == Json::array({{{"kind", "link-replaced"}, {"text", replaced}},
                                           {{"kind", "program-interpreter"}, {"text", interpreter}}}));

  // The layer that has what was replaced is read before; one that comes later puts it right.
  merged.layers.push_back(TarBuilder().symlink("bin", "usr/bin").file("usr/bin/tool", "#!/bin/sh\n", 0755).bytes());
  CHECK_THAT(build(merged, {}).err, !ContainsSubstring("warning"));

  TestImage closed;
  closed.layers = {TarBuilder().directory("app", 0700).file("app/run", elf_program("/lib64/none.so"), 0755).bytes()};
  closed.config = Json{{"Entrypoint", {"./run"}}, {"WorkingDir", "/app"}};
  CHECK_THAT(build(closed, {}).err,
             ContainsSubstring("the entrypoint './run' is relative to the image's working directory '/app', where "
                               "'run' does not start: give it --pwd /app"));
  closed.config = Json{{"Entrypoint", {"/app/run"}}};
  CHECK_THAT(build(closed, {}).err,
             ContainsSubstring("the entrypoint '/app/run' is in '/app', which not every user may enter (mode 0700)"));
  closed.layers.push_back(TarBuilder().directory("app").bytes());
  CHECK_THAT(build(closed, {}).err,
             ContainsSubstring("the entrypoint '/app/run' needs the loader '/lib64/none.so', which is not in the image"));
}
