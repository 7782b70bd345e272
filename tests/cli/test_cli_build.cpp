// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/sif/image.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/run_process.h"
#include "support/stream_builder.h"
#include "support/temp_dir.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// A directory with an image in it, and sifkit run there.
struct BuildFixture {
  TempDir directory;
  TestImage image = small_image();

  BuildFixture() { write_file(directory / "app.tar", as_tar(docker_24(image))); }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  CliResult build(const std::string& output, const std::string& source, std::vector<std::string> more = {}) const {
    std::vector<std::string> args{"build", at(output), source};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
  }

  /// The image's bytes but for what names the source.
  std::string tree_of(const std::string& output) const {
    const auto result = run_cli({"ls", "--json", "-R", at(output)});
    REQUIRE(result.code == 0);
    Json files = Json::parse(result.out)["files"];
    for (auto& file : files) {
      const std::string path = file["path"];
      if (path == "/.singularity.d/labels.json" || path == "/.singularity.d/Singularity") file["size"] = 0;
    }
    return files.dump();
  }
};

}  // namespace

TEST_CASE("a docker archive becomes a SIF that holds its files", "[cli][build]") {
  BuildFixture fixture;
  const auto result = fixture.build("app.sif", fixture.at("app.tar"));
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, ContainsSubstring("sha256:"));
  CHECK(run_cli({"cat", fixture.at("app.sif"), "/etc/os-release"}).out == "NAME=test\n");
  CHECK(run_cli({"cat", fixture.at("app.sif"), "/etc/new", "etc/new"}).out == "newnew");
  CHECK(run_cli({"cat", fixture.at("app.sif"), "/etc/old"}).code == exit_code(ErrorKind::not_found));
  CHECK(run_cli({"cat", fixture.at("app.sif"), "/bin/tool2"}).out == std::string(300000, 't'));
  const auto image = sif::Image::open(fixture.at("app.sif"));
  CHECK(image.problems().empty());
  REQUIRE(image.objects().size() == 4);
  CHECK(image.header().architecture == "amd64");
  CHECK(image.header().launch_text() == "#!/usr/bin/env run-singularity\n");
  CHECK(image.header().created == 1714558830);
  CHECK(image.primary_partition()->offset % 4096 == 0);
  CHECK(image.primary_partition()->id == 4);
  CHECK(as_text(image.read_data(image.object(3), 1000)) == R"({"Cmd":["/bin/tool"],"Env":["PATH=/bin","A=b c"],"Labels":{"k":"v"}})");
  namespace fs = std::filesystem;
  CHECK((fs::status(fixture.directory / "app.sif").permissions() & fs::perms::owner_exec) != fs::perms::none);
  CHECK(fixture.directory.entry_count() == 2);
}

TEST_CASE("the same image gives the same tree from every kind of archive", "[cli][build]") {
  BuildFixture fixture;
  write_file(fixture.directory / "first.tar", as_tar(with_manifest(docker_24(fixture.image, '\0', "./"), true)));
  write_file(fixture.directory / "oci.tar", as_tar(oci_layout(fixture.image)));
  const auto shell = [&](const std::string& command) {
    return run_process({"sh", "-c", "cd '" + fixture.directory.path().string() + "' && " + command}, {"PATH=/usr/bin:/bin"}).code;
  };
  REQUIRE(shell("gzip -k app.tar && xz -k app.tar && zstd -q app.tar && bzip2 -k oci.tar && mkdir layout && tar -xf oci.tar -C layout") == 0);
  REQUIRE(fixture.build("app.sif", fixture.at("app.tar")).code == 0);
  const auto expected = fixture.tree_of("app.sif");
  const auto uuid = sif::Image::open(fixture.at("app.sif")).header().uuid_text();
  for (const std::string& source : {"docker-archive:" + fixture.at("first.tar"), "docker-archive://" + fixture.at("app.tar.gz"), fixture.at("app.tar.xz"),
                                   fixture.at("app.tar.zst"), "oci-archive:" + fixture.at("oci.tar"), fixture.at("oci.tar.bz2"),
                                   "oci:" + fixture.at("layout"), "docker-archive:" + fixture.at("app.tar") + ":app:1",
                                   "docker-archive:" + fixture.at("app.tar") + ":@0"}) {
    const auto result = fixture.build("other.sif", source, {"--force"});
    INFO(source << "\n" << result.err);
    REQUIRE(result.code == 0);
    CHECK(fixture.tree_of("other.sif") == expected);
    CHECK(sif::Image::open(fixture.at("other.sif")).header().uuid_text() == uuid);
  }
}

TEST_CASE("neither threads nor options of the terminal change a byte", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("one.sif", fixture.at("app.tar"), {"-j", "1"}).code == 0);
  REQUIRE(fixture.build("many.sif", fixture.at("app.tar"), {"-j", "9", "--verify-after", "-q"}).code == 0);
  CHECK(read_file(fixture.directory / "one.sif") == read_file(fixture.directory / "many.sif"));
  REQUIRE(fixture.build("fast.sif", fixture.at("app.tar"), {"--fast"}).code == 0);
  CHECK(read_file(fixture.directory / "fast.sif") != read_file(fixture.directory / "one.sif"));
  REQUIRE(fixture.build("random.sif", fixture.at("app.tar"), {"--no-reproducible"}).code == 0);
  CHECK(sif::Image::open(fixture.at("random.sif")).header().created > 1714558830);
}

TEST_CASE("ways to compress that exclude each other are refused", "[cli][build]") {
  BuildFixture fixture;
  for (const std::vector<std::string>& options : {std::vector<std::string>{"--best", "--fast"}, {"--best", "--compress", "zstd"}, {"--fast", "--compress", "xz"}, {"--compress", "gzip", "--compress", "zstd"}}) {
    CHECK(fixture.build("app.sif", fixture.at("app.tar"), options).code == exit_code(ErrorKind::usage));
  }
}

TEST_CASE("options change what is built", "[cli][build]") {
  BuildFixture fixture;
  const auto built = [&](std::vector<std::string> options) {
    options.push_back("--force");
    const auto result = fixture.build("x.sif", fixture.at("app.tar"), options);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return result;
  };
  built({"--exclude", "/bin"});
  CHECK(run_cli({"ls", fixture.at("x.sif"), "/bin"}).code == exit_code(ErrorKind::not_found));
  built({"--exclude", "tool"});
  // The other name of the file keeps its bytes.
  CHECK(run_cli({"cat", fixture.at("x.sif"), "/bin/tool2"}).out == std::string(300000, 't'));
  built({"--label", "a=b", "--label", "k=w", "--env", "A=new"});
  CHECK_THAT(run_cli({"inspect", fixture.at("x.sif")}).out, ContainsSubstring("a: b\nk: w\n"));
  CHECK_THAT(run_cli({"inspect", "-e", fixture.at("x.sif")}).out, ContainsSubstring("export A=\"${A:-\"new\"}\"\n"));
  const auto record = Json::parse(built({"--json"}).out);
  CHECK(record["schema"] == "sifkit/build/v1");
  CHECK(record["layers"] == 2);
  CHECK(record["digest"] == "sha256:" + sha256(read_file(fixture.directory / "x.sif")));
  built({"--dry-run"});
  built({"--format", "squashfs", "--compress", "zstd:5"});
  CHECK(run_cli({"cat", fixture.at("x.sif"), "/etc/new"}).out == "new");
  REQUIRE(fixture.build("directory", fixture.at("app.tar"), {"--sandbox"}).code == 0);
  CHECK(read_file(fixture.directory / "directory/etc/new") == "new");
  CHECK(std::filesystem::hard_link_count(fixture.directory / "directory/bin/tool") == 2);
  CHECK(fixture.directory.entry_count() == 3);
}

TEST_CASE("a source is not replaced by what is made of it", "[cli][build]") {
  BuildFixture fixture;
  const auto whole = read_file(fixture.directory / "app.tar");
  std::filesystem::create_directory_symlink(".", fixture.directory / "here");
  std::filesystem::create_hard_link(fixture.at("app.tar"), fixture.at("second.tar"));
  for (const std::string target : {"app.tar", "./app.tar", "here/app.tar", "second.tar"}) {
    INFO(target);
    const auto result = fixture.build(target, fixture.at("app.tar"), {"--force"});
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("is the source itself"));
    CHECK(read_file(fixture.directory / "app.tar") == whole);
  }
}

TEST_CASE("the output comes first, and is told from a source", "[cli][build]") {
  const BuildFixture fixture;
  const auto hint = [](const CliResult& result) {
    const auto at = result.err.find("  hint: ");
    return at == std::string::npos ? std::string() : result.err.substr(at + 8, result.err.size() - at - 9);
  };
  for (const std::string source : {"docker://alpine:3", "docker-daemon:app", "oras://x/y", "oci:layout:tag", "tar:root.tar", "https://x.org/y.sif"}) {
    INFO(source);
    const auto result = run_cli({"build", source, "app.sif"});
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("the output '" + source + "' is a source"));
    CHECK(hint(result) == "OUT comes before SRC: sifkit build app.sif " + source);
  }
  CHECK(hint(run_cli({"build", "oci:out", "docker-daemon:app"})) == "OUT is a path; './oci:out' is a file of that name");
  write_file(fixture.directory / "app.tar", "x");
  const auto exchanged = "OUT comes before SRC: sifkit build " + fixture.at("new.sif") + " " + fixture.at("app.tar");
  CHECK(hint(run_cli({"build", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  CHECK(hint(run_cli({"build", "-F", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  write_file(fixture.directory / "new.sif", "x");
  CHECK(hint(run_cli({"build", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  CHECK(read_file(fixture.directory / "app.tar") == "x");
  CHECK(hint(run_cli({"build", fixture.at("x.sif"), fixture.at("none.tar")})).find("OUT comes") == std::string::npos);
  CHECK(hint(run_cli({"build", "x.sif", "docker://alpine:3"})) == "'docker pull alpine:3' and then docker-daemon:alpine:3, or 'skopeo copy docker://alpine:3 oci-archive:FILE' and then FILE");
}

TEST_CASE("block sizes are read strictly", "[cli][build]") {
  BuildFixture fixture;
  for (const std::string size : {"0", "-1", "4095", "3K", "2M", "100000", "1e5", "0x1000", "128 K", "4294967296", "4194304K", "99999999999999999999"}) {
    INFO(size);
    const auto result = fixture.build("x.sif", fixture.at("app.tar"), {"--block-size=" + size});
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_FALSE(std::filesystem::exists(fixture.at("x.sif")));
  }
}

TEST_CASE("a layer of nothing but zeros is built, one of nothing but the same byte on request only", "[cli][build][hostile]") {
  BuildFixture fixture;
  static constexpr std::size_t kSize = 100'000'000;
  const auto build = [&](char byte, std::vector<std::string> options) {
    const std::string layer = TarBuilder().file("large", std::string(kSize, byte)).bytes();
    write_file(fixture.directory / "large.tar.zst", through("zstd -q -c", layer));
    REQUIRE(kSize / std::filesystem::file_size(fixture.directory / "large.tar.zst") > Limits{}.expansion_ratio);
    return fixture.build("x.sqfs", "tar:" + fixture.at("large.tar.zst"), options);
  };
  const auto zeros = build('\0', {"--format", "squashfs"});
  INFO(zeros.err);
  REQUIRE(zeros.code == 0);
  CHECK(std::filesystem::file_size(fixture.directory / "x.sqfs") < 20000);
  std::filesystem::remove(fixture.directory / "x.sqfs");
  const auto bomb = build('A', {"--format", "squashfs"});
  CHECK(bomb.code == exit_code(ErrorKind::limit));
  CHECK_THAT(bomb.err, ContainsSubstring("hint: if the source is trusted, --limit expansion_ratio=N allows more"));
  CHECK_FALSE(std::filesystem::exists(fixture.directory / "x.sqfs"));
  CHECK(build('A', {"--format", "squashfs", "--limit", "expansion_ratio=1M"}).code == 0);
}

TEST_CASE("zeros in a directory are holes, announced or not", "[cli][build]") {
  BuildFixture fixture;
  write_file(fixture.directory / "root.tar", TarBuilder().file("large", "start" + std::string(8'000'000, '\0') + "end").bytes());
  REQUIRE(fixture.build("directory", "tar:" + fixture.at("root.tar"), {"--sandbox"}).code == 0);
  CHECK(read_file(fixture.directory / "directory/large") == "start" + std::string(8'000'000, '\0') + "end");
  struct stat status {};
  REQUIRE(::stat(fixture.at("directory/large").c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 < 1'000'000);
}

TEST_CASE("limits are named and counted strictly", "[cli][build][hostile]") {
  BuildFixture fixture;
  const auto limited = [&](const std::string& limit) { return fixture.build("x.sif", "docker-archive:" + fixture.at("app.tar"), {"--dry-run", "--limit", limit}); };
  for (const std::string limit : {"layers=1", "entries=3", "image_bytes=1K", "metadata_bytes=200", "json_bytes=10", "archive_members=2", "file_bytes=299999", "documents_bytes=100"}) {
    const auto result = limited(limit);
    INFO(limit << ": " << result.err);
    CHECK(result.code == exit_code(ErrorKind::limit));
    CHECK_THAT(result.err, ContainsSubstring("--limit " + limit.substr(0, limit.find('=')) + "=N"));
  }
  for (const std::string limit : {"layers=2", "entries=1K", "image_bytes=1M", "metadata_bytes=16777215T"}) CHECK(limited(limit).code == 0);
  for (const std::string limit : {"", "=", "layers", "layers=", "layers=-1", "layers=x", "layers=1KK", "layers=1 K", "layers=99999999999999999999", "layers=16777216T", "name_bytes=1", "=5"}) {
    const auto result = limited(limit);
    INFO(limit << ": " << result.err);
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("--limit"));
  }
  CHECK(run_cli({"images", "--limit", "archive_members=2", "docker-archive:" + fixture.at("app.tar")}).code == exit_code(ErrorKind::limit));
}

TEST_CASE("an existing target is replaced on request only", "[cli][build]") {
  BuildFixture fixture;
  write_file(fixture.directory / "app.sif", "mine");
  const auto refused = fixture.build("app.sif", fixture.at("app.tar"));
  CHECK(refused.code == exit_code(ErrorKind::exists));
  CHECK(read_file(fixture.directory / "app.sif") == "mine");
  CHECK(fixture.build("app.sif", fixture.at("none.tar"), {"-F"}).code == exit_code(ErrorKind::not_found));
  CHECK(read_file(fixture.directory / "app.sif") == "mine");
  CHECK(fixture.build("app.sif", fixture.at("app.tar"), {"-F"}).code == 0);
}

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
