// SPDX-License-Identifier: Apache-2.0
//
// What `build` takes: archives that are whole and agree with themselves, one image of several, standard input, directories.
#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image.h>

#include "support/build_fixture.h"
#include "support/run_process.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("an archive that is cut or changed anywhere leaves nothing behind", "[cli][build][hostile]") {
  BuildFixture fixture;
  const std::string whole = as_tar(docker_24(fixture.image));
  const auto try_one = [&](const std::string& bytes) {
    write_file(fixture.directory / "bad.tar", bytes);
    const auto result = fixture.build("bad.sif", "docker-archive:" + fixture.at("bad.tar"));
    if (result.code != 0) {
      CHECK_FALSE(std::filesystem::exists(fixture.directory / "bad.sif"));
      CHECK_THAT(result.err, ContainsSubstring("sifkit: error: "));
    }
    std::filesystem::remove(fixture.directory / "bad.sif");
    return result.code;
  };
  REQUIRE(try_one(whole) == 0);
  for (std::size_t size = 0; size + 1024 < whole.size(); size += 1 + whole.size() / 60) {
    INFO("cut at " << size);
    CHECK(try_one(whole.substr(0, size)) != 0);
  }
  // A flipped bit inside a layer is an integrity error.
  std::string changed = whole;
  changed[changed.find("NAME=test")] ^= 1;
  CHECK(try_one(changed) == exit_code(ErrorKind::integrity));
  changed = whole;
  changed[changed.find(std::string(1000, 't')) + 500] ^= 1;
  CHECK(try_one(changed) == exit_code(ErrorKind::integrity));
  CHECK(fixture.directory.entry_count() == 2);
}

TEST_CASE("documents that contradict each other are refused", "[cli][build][hostile]") {
  BuildFixture fixture;
  const auto refused = [&](const std::string& archive) {
    write_file(fixture.directory / "bad.tar", archive);
    const auto result = fixture.build("bad.sif", "docker-archive:" + fixture.at("bad.tar"));
    INFO(result.err);
    CHECK(result.code != 0);
    CHECK(result.code != exit_code(ErrorKind::internal));
    CHECK_FALSE(std::filesystem::exists(fixture.directory / "bad.sif"));
    return result.code;
  };
  const std::string document = fixture.image.config_document();
  const std::string name = sha256(document) + ".json";
  const auto archive = [&](const std::string& manifest, const std::string& config) {
    return TarBuilder().file("a.tar", fixture.image.layers[0]).file("b.tar", fixture.image.layers[1]).file(name, config).file("manifest.json", manifest).bytes();
  };
  const auto entry = [&](const std::string& layers) { return R"([{"Config":")" + name + R"(","RepoTags":["x:1"],"Layers":)" + layers + "}]"; };
  REQUIRE([&] {
    write_file(fixture.directory / "good.tar", archive(entry(R"(["a.tar","b.tar"])"), document));
    return fixture.build("good.sif", "docker-archive:" + fixture.at("good.tar")).code;
  }() == 0);
  CHECK(refused(archive(entry(R"(["a.tar"])"), document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive(entry(R"(["a.tar","c.tar"])"), document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive(entry(R"(["b.tar","a.tar"])"), document)) == exit_code(ErrorKind::integrity));
  CHECK(refused(archive(entry(R"(["../a.tar","b.tar"])"), document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive(entry(R"(["a.tar","b.tar"])"), document + " ")) == exit_code(ErrorKind::integrity));
  CHECK(refused(archive("[]", document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive("null", document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive("[{}] trailing", document)) == exit_code(ErrorKind::malformed));
  CHECK(refused(archive(std::string(100000, '['), document)) == exit_code(ErrorKind::limit));
  CHECK(refused(archive(R"([{"Config":"x","Config":"y"}])", document)) == exit_code(ErrorKind::malformed));
}

TEST_CASE("an architecture that SIF has no code for is taken, and the header says that it is unknown", "[cli][build]") {
  BuildFixture fixture;
  fixture.image.architecture = "sparc64";
  write_file(fixture.directory / "x.tar", as_tar(docker_24(fixture.image)));
  const auto result = fixture.build("x.sif", "docker-archive:" + fixture.at("x.tar"), {"--json", "--arch", "sparc64"});
  CHECK(result.code == 0);
  const Json record = Json::parse(result.out);
  CHECK(record["architecture"] == "sparc64");
  REQUIRE(record["warnings"].size() >= 1);
  const auto warned = std::count_if(record["warnings"].begin(), record["warnings"].end(),
                                    [](const Json& warning) { return warning["kind"] == "sif-architecture"; });
  CHECK(warned == 1);
  const auto image = sif::Image::open(fixture.directory / "x.sif");
  CHECK(image.header().architecture == "unknown");
  CHECK(as_text(image.header().architecture_code) == std::string_view("00\0", 3));
  CHECK(image.primary_partition()->partition()->architecture == "unknown");
  CHECK_THAT(run_cli({"inspect", fixture.at("x.sif")}).out, ContainsSubstring("org.label-schema.build-arch: sparc64\n"));
}

TEST_CASE("of several images one must be chosen", "[cli][build][images]") {
  BuildFixture fixture;
  TestImage other = fixture.image;
  other.architecture = "arm64";
  other.config["Labels"]["k"] = "other";
  fixture.image.tag = "one";
  other.tag = "two";
  LayoutBuilder layout({.platform = false});
  const Json first = layout.entry(fixture.image, layout.manifest_of(fixture.image));
  const Json second = layout.entry(other, layout.manifest_of(other));
  write_file(fixture.directory / "two.tar", as_tar(layout.finish({first, second})));
  const auto build = [&](const std::string& choice, std::vector<std::string> options = {}) {
    options.insert(options.end(), {"--force", "--json"});
    return fixture.build("x.sif", "oci-archive:" + fixture.at("two.tar") + choice, options);
  };
  CHECK(Json::parse(build(":two").out)["architecture"] == "arm64");
  CHECK(Json::parse(build(":@0").out)["architecture"] == "amd64");
  CHECK(Json::parse(build(":" + sha256(other.config_document()).substr(0, 12)).out)["architecture"] == "arm64");
  CHECK(Json::parse(build("", {"--platform", "linux/arm64"}).out)["architecture"] == "arm64");
  CHECK(Json::parse(build("", {"--arch", "aarch64"}).out)["architecture"] == "arm64");
  const auto absent = build(":three");
  CHECK(absent.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(absent.err, ContainsSubstring("one") && ContainsSubstring("two"));
  const auto platform = build("", {"--platform", "linux/s390x"});
  CHECK(platform.code == exit_code(ErrorKind::not_found));
  CHECK_THAT(platform.err, ContainsSubstring("linux/arm64"));
  const auto listed = Json::parse(run_cli({"images", "--json", fixture.at("two.tar")}).out)["images"];
  REQUIRE(listed.size() == 2);
  CHECK(listed[1]["platform"] == "linux/arm64");
  CHECK(listed[1]["layers"] == 2);

  // Two of one platform are not decided by chance.
  TestImage third = fixture.image;
  third.config["Labels"]["k"] = "third";
  third.tag.clear();
  const Json entry = layout.entry(third, layout.manifest_of(third));
  write_file(fixture.directory / "two.tar", as_tar(layout.finish({first, entry})));
  CHECK(build("").code == exit_code(ErrorKind::usage));
}

TEST_CASE("standard input may be an archive of images or a root file system", "[cli][build]") {
  BuildFixture fixture;
  write_file(fixture.directory / "root.tar", TarBuilder().directory(".").directory("etc").file("etc/new", "flat").bytes());
  const auto sifkit_from = [&](const std::string& file, const std::string& output) {
    // Standard input of the process itself, a pipe: the source opens descriptor 0.
    const int saved = ::dup(0);
    FILE* const pipe = ::popen(("cat '" + fixture.at(file) + "'").c_str(), "r");
    REQUIRE(pipe != nullptr);
    ::dup2(::fileno(pipe), 0);
    const auto result = fixture.build(output, "-");
    ::dup2(saved, 0);
    ::close(saved);
    ::pclose(pipe);
    return result;
  };
  auto result = sifkit_from("app.tar", "a.sif");
  INFO(result.err);
  REQUIRE(result.code == 0);
  REQUIRE(fixture.build("b.sif", fixture.at("app.tar")).code == 0);
  CHECK(fixture.tree_of("a.sif") == fixture.tree_of("b.sif"));
  result = sifkit_from("root.tar", "root.sif");
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(run_cli({"cat", fixture.at("root.sif"), "/etc/new"}).out == "flat");
  REQUIRE(fixture.build("tar.sif", "tar:" + fixture.at("root.tar")).code == 0);
  CHECK(fixture.tree_of("tar.sif") == fixture.tree_of("root.sif"));
  // What comes first need not tell what the whole is.
  Members members = docker_24(fixture.image);
  members.insert(members.begin(), {"README", "an image"});
  write_file(fixture.directory / "odd.tar", as_tar(members));
  write_file(fixture.directory / "odd.tar.gz", through("gzip -c", as_tar(members)));
  REQUIRE(sifkit_from("odd.tar", "odd.sif").code == 0);
  CHECK(fixture.tree_of("odd.sif") == fixture.tree_of("b.sif"));
  REQUIRE(fixture.build("odd2.sif", fixture.at("odd.tar.gz")).code == 0);
  CHECK(fixture.tree_of("odd2.sif") == fixture.tree_of("b.sif"));
  CHECK(fixture.build("odd3.sif", "tar:" + fixture.at("odd.tar.gz")).code == 0);
  // Parts of an image in a root file system: neither the one nor the other.
  members.push_back({"etc/version", "1"});
  std::erase_if(members, [](const auto& member) { return member.name == "manifest.json"; });
  write_file(fixture.directory / "mixed.tar", as_tar(members));
  for (const auto& mixed : {sifkit_from("mixed.tar", "mixed.sif"), fixture.build("mixed.sif", fixture.at("mixed.tar"))}) {
    CHECK(mixed.code != 0);
    CHECK_FALSE(std::filesystem::exists(fixture.directory / "mixed.sif"));
  }
}

TEST_CASE("a directory on disk is taken as it is", "[cli][build]") {
  BuildFixture fixture;
  namespace fs = std::filesystem;
  const auto root = fixture.directory / "root";
  fs::create_directories(root / "a/b");
  fs::create_directories(root / "etc");
  write_file(root / "a/file", std::string(200000, 'x'));
  write_file(root / "a/\xff name", "odd");
  write_file(root / "empty", "");
  fs::permissions(root / "a/file", static_cast<fs::perms>(04750));
  fs::create_hard_link(root / "a/file", root / "z");
  fs::create_symlink("../outside", root / "a/b/link");
  REQUIRE(fixture.build("one.sif", "dir:" + fixture.at("root")).code == 0);
  REQUIRE(fixture.build("two.sif", fixture.at("root"), {"-j", "3"}).code == 0);
  CHECK(fixture.tree_of("one.sif") == fixture.tree_of("two.sif"));
  CHECK(run_cli({"cat", fixture.at("one.sif"), "/z"}).out == std::string(200000, 'x'));
  CHECK(run_cli({"cat", fixture.at("one.sif"), "/a/\xff name"}).out == "odd");
  const auto listed = run_cli({"ls", "-lR", fixture.at("one.sif"), "/a"}).out;
  CHECK_THAT(listed, ContainsSubstring("-rwsr-x---") && ContainsSubstring("\n/a/b:\n") && ContainsSubstring(" 10 ") && ContainsSubstring(" link -> ../outside\n"));
}

TEST_CASE("what is one image alone is refused where another architecture is asked for", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("app.sif", fixture.at("app.tar")).code == 0);
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--arch", "riscv64"});
    const auto result = run_cli(words);
    INFO(words.front());
    CHECK(result.code == exit_code(ErrorKind::not_found));
    CHECK_THAT(result.err, ContainsSubstring("no image for linux/riscv64") &&
                               ContainsSubstring("the one that is there is for " + fixture.image.architecture));
  };
  refused({"build", fixture.at("new.sif"), fixture.at("app.sif")});
  refused({"ls", fixture.at("app.sif")});
  CHECK_FALSE(std::filesystem::exists(fixture.at("new.sif")));
  CHECK(fixture.build("same.sif", fixture.at("app.sif"), {"-q", "--arch", fixture.image.architecture}).code == 0);
  // Of a root that has no programs nobody else can tell.
  write_file(fixture.directory / "root.tar", TarBuilder().directory("etc").file("etc/version", "1").bytes());
  REQUIRE(fixture.build("root.sif", "tar:" + fixture.at("root.tar"), {"-q", "--arch", "riscv64"}).code == 0);
  CHECK(sif::Image(std::make_shared<const File>(File::open_read(fixture.at("root.sif")))).header().architecture ==
        "riscv64");
}

TEST_CASE("a SIF made of a SIF has one SBOM, its own or the old one", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("old.sif", fixture.at("app.tar"), {"-q", "--sbom"}).code == 0);
  const auto sboms = [&](const std::string& name) {
    return Json::parse(run_cli({"sbom", "list", "--json", fixture.at(name)}).out)["objects"].size();
  };
  REQUIRE(fixture.build("new.sif", fixture.at("old.sif"), {"-q", "--sbom=cyclonedx"}).code == 0);
  CHECK(sboms("new.sif") == 1);
  const auto less = fixture.build("less.sif", fixture.at("old.sif"), {"--exclude", "/etc"});
  REQUIRE(less.code == 0);
  CHECK(sboms("less.sif") == 1);
  CHECK_THAT(less.err, ContainsSubstring("the SBOM in the image says what was in it before"));
}

TEST_CASE("nothing of a directory that is left out is in the image", "[cli][build]") {
  BuildFixture fixture;
  fixture.image.layers = {TarBuilder().file("secret/deep/token", "WORDS OF A SECRET").file("kept", "kept").bytes()};
  write_file(fixture.directory / "secret.tar", as_tar(docker_24(fixture.image)));
  for (const std::string pattern : {"/secret", "deep", "/secret/**"}) {
    INFO(pattern);
    REQUIRE(fixture.build("less.sif", fixture.at("secret.tar"), {"-qF", "--compress", "none", "--exclude", pattern}).code == 0);
    CHECK_THAT(read_file(fixture.at("less.sif")), !ContainsSubstring("WORDS OF A SECRET") && ContainsSubstring("kept"));
  }
}

TEST_CASE("a root file system may have files with the names of whiteouts, a layer has none", "[cli][build]") {
  BuildFixture fixture;
  const auto root = TarBuilder().directory("d").file("d/.wh.gone", "").file("d/.wh..wh..opq", "").file("d/gone", "g");
  write_file(fixture.directory / "root.tar", root.bytes());
  REQUIRE(fixture.build("root.sif", "tar:" + fixture.at("root.tar"), {"-q"}).code == 0);
  CHECK(run_cli({"ls", "-a1", fixture.at("root.sif"), "/d"}).out == ".wh..wh..opq\n.wh.gone\ngone\n");
  const auto copied = run_cli({"copy", fixture.at("root.sif"), "oci:" + fixture.at("layout")});
  CHECK(copied.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(copied.err, ContainsSubstring("has the name of a whiteout"));
  CHECK_FALSE(std::filesystem::exists(fixture.at("layout")));
}

TEST_CASE("roots of other bytes have other UUIDs", "[cli][build]") {
  BuildFixture fixture;
  const auto uuid_of = [&](char first) {
    write_file(fixture.directory / "root.tar",
               TarBuilder().file("a", std::string(300000, first)).file("b", std::string(2u << 20, 'b')).bytes());
    REQUIRE(fixture.build("root.sif", "tar:" + fixture.at("root.tar"), {"-qF", "--compress", "none"}).code == 0);
    return sif::Image::open(fixture.at("root.sif")).header().uuid_text();
  };
  const auto one = uuid_of('1');
  CHECK(uuid_of('2') != one);
  CHECK(uuid_of('1') == one);
}

TEST_CASE("a time that is none does not go from one SIF into the next", "[cli][build]") {
  BuildFixture fixture;
  static constexpr std::size_t kCreated = 64;
  REQUIRE(fixture.build("old.sif", fixture.at("app.tar"), {"-q"}).code == 0);
  auto bytes = read_file(fixture.at("old.sif"));
  bytes.replace(kCreated, 8, "\xff\xff\xff\xff\xff\xff\xff\x7f");
  write_file(fixture.directory / "odd.sif", bytes);
  REQUIRE(fixture.build("new.sif", fixture.at("odd.sif"), {"-q"}).code == 0);
  const auto image = sif::Image::open(fixture.at("new.sif"));
  CHECK(image.problems().empty());
  CHECK(image.header().time_created() == sif::Image::open(fixture.at("old.sif")).header().created);
}

TEST_CASE("an attribute that anybody can write becomes no capability, whoever gets the file", "[cli][build]") {
  BuildFixture fixture;
  if (::geteuid() != 0) SKIP_TEST("needs root");
  const std::string raw("\1\0\0\2\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  write_file(fixture.directory / "root.tar",
             TarBuilder().add({.name = "ping", .data = "x", .uid = 1000, .pax = {{"SCHILY.xattr.user.sifkit.cap", raw}}}).bytes());
  REQUIRE(fixture.build("box", "tar:" + fixture.at("root.tar"), {"-q", "-s", "--all-root"}).code == 0);
  const auto has = [&](const char* name) { return ::getxattr(fixture.at("box/ping").c_str(), name, nullptr, 0) >= 0; };
  CHECK_FALSE(has("security.capability"));
  if (!has("user.sifkit.cap")) SKIP_TEST("no user's attributes on this file system");
}
