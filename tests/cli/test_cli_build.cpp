// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/sif/image.h>

#include "support/build_fixture.h"
#include "support/run_process.h"
#include "support/stream_builder.h"

using namespace sifkit;
using namespace sifkit::testing;

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

TEST_CASE("a quiet build tells the digest of what it made to all that asks for it", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("app.sif", fixture.at("app.tar"), {"-q"}).code == 0);
  const auto digest = digest_of(as_bytes(read_file(fixture.directory / "app.sif"))).text();
  const auto build = [&](const std::vector<std::string>& more) {
    const auto result = fixture.build("app.sif", fixture.at("app.tar"), more);
    INFO(result.err);
    REQUIRE(result.code == 0);
    return result;
  };
  CHECK(build({"-q", "-F", "--digestfile", "-"}).out == digest + "\n");
  CHECK(Json::parse(build({"-q", "-F", "--json"}).out)["digest"] == digest);
  CHECK(Json::parse(build({"-q", "-F", "--stats", "-"}).out)["digest"] == digest);
  CHECK_THAT(build({"-F"}).err, ContainsSubstring(", " + digest + "\n"));
  const auto edited = run_cli({"edit", "-q", "--json", fixture.at("app.sif"), "--label", "k=w"});
  INFO(edited.err);
  REQUIRE(edited.code == 0);
  CHECK(Json::parse(edited.out)["digest"] == digest_of(as_bytes(read_file(fixture.directory / "app.sif"))).text());
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

TEST_CASE("an output inside the directory that is packed is refused", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("root", fixture.at("app.tar"), {"--sandbox"}).code == 0);
  std::filesystem::create_directory_symlink("root/etc", fixture.directory / "link");
  const auto root = fixture.at("root");
  const auto count = [&] { return std::distance(std::filesystem::recursive_directory_iterator(root), {}); };
  const auto before = count();
  const std::vector<std::vector<std::string>> commands{
      {"build", fixture.at("root/app.sif"), "dir:" + root},
      {"build", fixture.at("root/etc/app.sif"), root},
      {"build", fixture.at("link/app.sif"), "dir:" + fixture.at("./root/etc/..")},
      {"build", "--sandbox", fixture.at("root/copy"), root},
      {"build", "--format", "squashfs", fixture.at("root/app.squashfs"), root},
      {"build", fixture.at("root/etc/app.sif"), root, "--exclude", "/bin"},
      {"copy", root, "oci-archive:" + fixture.at("root/app.tar")},
      {"copy", root, "docker-archive:" + fixture.at("root/app.tar")},
      {"copy", root, "oci:" + fixture.at("root/layout")},
  };
  for (const auto& command : commands) {
    INFO(command[0] << " " << command[1] << " " << command[2]);
    const auto result = run_cli(command);
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("is inside the source '") && ContainsSubstring("hint: choose a place outside of it for the output\n"));
    CHECK(count() == before);
  }
  CHECK(run_cli({"build", "-q", fixture.at("root/etc/app.sif"), root, "--exclude", "/etc"}).code == 0);
  CHECK(run_cli({"build", "-q", "--dry-run", fixture.at("root/app.sif"), root}).code == 0);
  CHECK(run_cli({"build", "-q", fixture.at("root2.sif"), root}).code == 0);
  CHECK(run_cli({"build", "-q", fixture.at("second.sif"), "sif:" + fixture.at("root2.sif")}).code == 0);
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
  CHECK(hint(run_cli({"build", "tar:out", "docker-daemon:app"})) == "OUT is a path; './tar:out' is a file of that name");
  write_file(fixture.directory / "app.tar", "x");
  const auto exchanged = "OUT comes before SRC: sifkit build " + fixture.at("new.sif") + " " + fixture.at("app.tar");
  CHECK(hint(run_cli({"build", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  CHECK(hint(run_cli({"build", "-F", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  write_file(fixture.directory / "new.sif", "x");
  CHECK(hint(run_cli({"build", fixture.at("app.tar"), fixture.at("new.sif")})) == exchanged);
  CHECK(read_file(fixture.directory / "app.tar") == "x");
  CHECK(hint(run_cli({"build", fixture.at("x.sif"), fixture.at("none.tar")})).find("OUT comes") == std::string::npos);
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
  std::filesystem::create_symlink("app.sif", fixture.directory / "latest.sif");
  const auto link = fixture.build("latest.sif", fixture.at("app.tar"), {"-F"});
  CHECK(link.code == exit_code(ErrorKind::exists));
  CHECK_THAT(link.err, ContainsSubstring("is a symbolic link to 'app.sif'"));
}

TEST_CASE("an archive is not replaced by an image that was to be the output", "[cli][build]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("app.sif", fixture.at("app.tar")).code == 0);
  const auto archive = read_file(fixture.directory / "app.tar");
  const auto exchanged = run_cli({"build", "--force", fixture.at("app.tar"), fixture.at("app.sif")});
  CHECK(exchanged.code == exit_code(ErrorKind::usage));
  CHECK_THAT(exchanged.err, ContainsSubstring("OUT comes before SRC"));
  CHECK((read_file(fixture.directory / "app.tar") == archive));
  CHECK(run_cli({"build", "--force", fixture.at("app.tar"), "sif:" + fixture.at("app.sif")}).code == 0);
}

TEST_CASE("what is no place for a copy is told from what is a SIF file's name", "[cli][copy]") {
  BuildFixture fixture;
  const auto hint = [&](const std::string& target) { return run_cli({"copy", fixture.at("app.tar"), target}).err; };
  CHECK_THAT(hint("new.sif"), ContainsSubstring("'sifkit build new.sif "));
  CHECK_THAT(hint("new.tar"), ContainsSubstring("docker-archive:new.tar or oci-archive:new.tar"));
  CHECK_THAT(hint("podman:app"), ContainsSubstring("that is a source only"));
  CHECK_THAT(hint("oras://127.0.0.1:1/app"), ContainsSubstring("an image of layers goes to docker://NAME"));
  CHECK_THAT(run_cli({"copy", "app.sif", "oras://127.0.0.1:1/app"}).err, ContainsSubstring("sifkit push app.sif "));
  CHECK_THAT(run_cli({"pull", "docker-daemon:app:1"}).err, ContainsSubstring("'sifkit build OUT docker-daemon:app:1'"));
  CHECK_THAT(run_cli({"inspect", "alpine"}).err, ContainsSubstring("docker://alpine"));
}
