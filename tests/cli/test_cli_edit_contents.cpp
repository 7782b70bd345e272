// SPDX-License-Identifier: Apache-2.0
//
// `edit`: what it keeps of an image, and what it puts where.
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/edit_fixture.h"
#include "support/run_process.h"
#include "support/standard_input.h"

using namespace sifkit;
using namespace sifkit::testing;
namespace fs = std::filesystem;

namespace {

/// Text that each level of a compressor packs in another way.
std::string long_text() {
  std::string out;
  for (std::uint32_t i = 0, x = 1; out.size() < 1'000'000; ++i)
    out += fmt::format("line {} of {}\n", i, (x = x * 1664525 + 1013904223) >> 20);
  return out;
}

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

Json listed(const std::string& image, const std::string& path) {
  const auto result = run_cli({"ls", "--json", "-d", image, path});
  INFO(path << " " << result.err);
  REQUIRE(result.code == 0);
  return Json::parse(result.out)["files"].at(0);
}

}  // namespace

TEST_CASE("blocks stay as they are packed, whatever level packed them", "[cli][edit]") {
  const Edited fixture;
  const std::string text = long_text();
  write_file(fixture.directory / "root.tar", TarBuilder().directory("opt").file("opt/text", text).bytes());
  for (const std::string compression : {"gzip:1", "zstd:1"}) {
    INFO(compression);
    REQUIRE(run_cli({"build", "-qF", "--compress", compression, "--block-size", "64K", fixture.sif,
                     "tar:" + fixture.at("root.tar")}).code == 0);
    const auto result = fixture.edit({"--json", "--label", "a=b"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(Json::parse(result.out)["reused_bytes"].get<std::uint64_t>() >= text.size());
    CHECK(fixture.cat("/opt/text") == text);
    // A compressor that is named is used.
    const auto anew = fixture.edit({"--json", "--compress", compression.substr(0, 4)});
    REQUIRE(anew.code == 0);
    CHECK(Json::parse(anew.out)["reused_bytes"] == 0);
  }
}

TEST_CASE("blocks that mksquashfs packed stay as they are", "[cli][edit][interop]") {
  if (!has_program("mksquashfs")) SKIP_TEST("no mksquashfs");
  const Edited fixture;
  const std::string text = long_text();
  fs::create_directories(fixture.at("root/opt"));
  write_file(fixture.directory / "root/opt/text", text);
  write_file(fixture.directory / "root/small", "small");
  const auto tool = run_process({"mksquashfs", fixture.at("root"), fixture.at("made.sqfs"), "-comp", "gzip",
                                 "-Xcompression-level", "1", "-quiet", "-no-progress"},
                                {"PATH=/usr/bin:/bin"});
  INFO(tool.out);
  REQUIRE(tool.code == 0);
  const auto result = fixture.edit({"--json", "--add", fixture.at("new") + ":/opt/new"}, "made.sqfs");
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(Json::parse(result.out)["reused_bytes"].get<std::uint64_t>() >= text.size() - 128 * 1024);
  CHECK(run_cli({"cat", fixture.at("made.sqfs"), "/opt/text"}).out == text);
  CHECK(run_cli({"cat", fixture.at("made.sqfs"), "/small"}).out == "small");
}

TEST_CASE("the OCI configuration says what was asked for, and a copy has it", "[cli][edit][copy]") {
  const Edited fixture;
  Json config = Edited::oci_config(fixture.sif);
  CHECK(config["Labels"] == Json{{"k", "v"}, {"old", "1"}, {"stays", "2"}});
  REQUIRE(fixture.build("env.sif", fixture.at("app.tar"), {"-q", "--env", "A=new", "--env", "B=1"}).code == 0);
  CHECK(Edited::oci_config(fixture.at("env.sif"))["Env"] == Json{"PATH=/bin", "A=new", "B=1"});

  REQUIRE(fixture.edit({"-q", "--runscript", fixture.at("run")}).code == 0);
  CHECK(Edited::oci_config(fixture.sif) == config);
  REQUIRE(fixture.edit({"-q", "--label", "new=3", "--remove-label", "old", "--env", "Q=1", "--env", "PATH=/zz:/bin",
                        "--unset", "A"}).code == 0);
  config["Labels"] = {{"k", "v"}, {"new", "3"}, {"stays", "2"}};
  config["Env"] = {"Q=1", "PATH=/zz:/bin"};
  CHECK(Edited::oci_config(fixture.sif) == config);

  const auto result = run_cli({"copy", fixture.sif, "oci-archive:" + fixture.at("copied.tar")});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("[runscript-left-out]"));
  CHECK(Edited::oci_config(fixture.at("copied.tar")) == config);
  // The runscript of the image itself is what its configuration says.
  const auto quiet = run_cli({"copy", fixture.at("env.sif"), "oci-archive:" + fixture.at("quiet.tar")});
  CHECK(quiet.code == 0);
  CHECK_THAT(quiet.err, !ContainsSubstring("runscript-left-out"));
}

TEST_CASE("a runscript of Apptainer's for the same words is no loss", "[cli][edit][copy]") {
  const Edited fixture;
  const std::string of_apptainer = "#!/bin/sh\nOCI_ENTRYPOINT=''\nOCI_CMD='\"/bin/tool\"'\n\n# another comment\n"
                                   "eval \"set ${SINGULARITY_OCI_RUN}\"\nexec \"$@\"\n";
  write_file(fixture.directory / "run", of_apptainer);
  REQUIRE(fixture.edit({"-q", "--runscript", fixture.at("run")}).code == 0);
  CHECK_THAT(run_cli({"copy", fixture.sif, "oci-archive:" + fixture.at("a.tar")}).err, !ContainsSubstring("runscript-left-out"));
  write_file(fixture.directory / "run", "#!/bin/sh\nOCI_ENTRYPOINT=''\nOCI_CMD='\"/bin/other\"'\n" +
                                            of_apptainer.substr(of_apptainer.find("\n\n#")));
  REQUIRE(fixture.edit({"-q", "--runscript", fixture.at("run")}).code == 0);
  CHECK_THAT(run_cli({"copy", fixture.sif, "oci-archive:" + fixture.at("b.tar")}).err, ContainsSubstring("runscript-left-out"));
}

TEST_CASE("a variable that is edited again has one line, and one that is not there is an error", "[cli][edit]") {
  const Edited fixture;
  for (const std::string value : {"1", "2", "3"}) REQUIRE(fixture.edit({"-q", "--env", "NEWV=" + value}).code == 0);
  const std::string script = "/.singularity.d/env/90-environment.sh";
  CHECK(count_of(fixture.cat(script), "NEWV") == 1);
  CHECK_THAT(fixture.cat(script), ContainsSubstring("export NEWV=\"3\"\n"));
  REQUIRE(fixture.edit({"-q", "--unset", "NEWV"}).code == 0);
  CHECK_THAT(fixture.cat(script), !ContainsSubstring("NEWV"));
  const auto image = read_file(fixture.sif);
  const auto refused = [&](const std::vector<std::string>& words, ErrorKind kind, const std::string& text) {
    const auto result = fixture.edit(words);
    CHECK(result.code == exit_code(kind));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK((read_file(fixture.sif) == image));
  };
  refused({"--unset", "NEWV"}, ErrorKind::not_found, "the variable 'NEWV' is not in the image");
  refused({"--env", "1A=b"}, ErrorKind::usage, "'1A' is no name of a variable");
  refused({"--env", "HOME=/x"}, ErrorKind::usage, "the variable 'HOME' cannot be set: the runtime sets it itself");
  for (const std::string variable : {"1A=b", "HOME=/x"}) {
    CHECK(fixture.build("no.sif", fixture.at("app.tar"), {"--env", variable}).code == exit_code(ErrorKind::usage));
    CHECK_FALSE(fs::exists(fixture.at("no.sif")));
  }
}

TEST_CASE("a directory is added with all that is in it", "[cli][edit]") {
  const Edited fixture;
  fs::create_directories(fixture.at("tree/sub/deep"));
  fs::create_directories(fixture.at("tree/empty"));
  write_file(fixture.directory / "tree/sub/deep/file", "deep");
  write_file(fixture.directory / "tree/tool", "new tool");
  fs::create_symlink("sub/deep", fixture.at("tree/link"));
  fs::create_symlink("/nowhere", fixture.at("tree/dangling"));
  REQUIRE(::chmod(fixture.at("tree/tool").c_str(), 04750) == 0);
  REQUIRE(::chmod(fixture.at("tree/sub").c_str(), 0711) == 0);
  for (const std::string name : {"tree/tool", "tree/sub", "tree/link"}) {
    const timespec times[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, fixture.at(name).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
  }
  const auto result = fixture.edit({"-q", "--add", fixture.at("tree") + ":/bin", "--add", fixture.at("tree/link") + ":/opt/link",
                                    "--add", fixture.at("tree") + ":/opt/tree"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  for (const std::string at : {"/bin", "/opt/tree"}) {
    INFO(at);
    CHECK(fixture.cat(at + "/sub/deep/file") == "deep");
    CHECK(fixture.cat(at + "/tool") == "new tool");
    const Json tool = listed(fixture.sif, at + "/tool");
    CHECK(tool["mode"] == "0750");
    CHECK(tool["uid"] == 0);
    CHECK(tool["mtime"] == 1'000'000'000);
    CHECK(listed(fixture.sif, at + "/sub")["mode"] == "0711");
    CHECK(listed(fixture.sif, at + "/sub")["mtime"] == 1'000'000'000);
    CHECK(listed(fixture.sif, at + "/link")["target"] == "sub/deep");
    CHECK(listed(fixture.sif, at + "/dangling")["target"] == "/nowhere");
    CHECK(listed(fixture.sif, at + "/empty")["type"] == "directory");
  }
  CHECK(listed(fixture.sif, "/opt/link")["target"] == "sub/deep");
  // The other name of the file that was replaced, and what else was in the directory, stay.
  CHECK(fixture.cat("/bin/tool2") == std::string(300000, 't'));

  // Nothing is written through a link that has the name of what is added; a link takes the place of a link.
  fs::remove(fixture.at("tree/link"));
  fs::create_directories(fixture.at("tree/link"));
  write_file(fixture.directory / "tree/link/lost", "lost");
  const auto refused = fixture.edit({"--add", fixture.at("tree") + ":/bin"});
  CHECK(refused.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(refused.err, ContainsSubstring("the new directory '/bin/link' cannot be written: '/bin/link' is a link to 'sub/deep'"));
  fs::create_symlink("tool", fixture.at("other"));
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("other") + ":/bin/link", "--add",
                        fixture.at("other") + ":/bin/sub/deep/file"}).code == 0);
  CHECK(listed(fixture.sif, "/bin/link")["target"] == "tool");
  CHECK(listed(fixture.sif, "/bin/sub/deep/file")["target"] == "tool");
}

TEST_CASE("a directory is merged neither into what a link leads to nor into the root", "[cli][edit]") {
  const Edited fixture;
  fs::create_directory_symlink("bin", fixture.at("lib"));
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("lib") + ":/lib"}).code == 0);
  fs::create_directory(fixture.at("tree"));
  write_file(fixture.directory / "tree/file", "text");
  const auto linked = fixture.edit({"--add", fixture.at("tree") + ":/lib"});
  CHECK(linked.code == exit_code(ErrorKind::unsupported));
  CHECK_THAT(linked.err, ContainsSubstring("the new directory '/lib' cannot be written: '/lib' is a link to 'bin'") &&
                             ContainsSubstring("hint: to add to the directory that it leads to, name that: /bin\n"));
  const auto root = fixture.edit({"--add", fixture.at("tree") + ":/"});
  CHECK(root.code == exit_code(ErrorKind::usage));
  CHECK_THAT(root.err, ContainsSubstring("'/' is the root of the image, a path below it was expected"));
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("tree") + ":/bin"}).code == 0);
  CHECK(fixture.cat("/lib/file") == "text");
}

TEST_CASE("runscript and definition come from standard input, too, and are texts", "[cli][edit]") {
  const Edited fixture;
  CHECK(from_redirect(fixture.at("run"), {"edit", "-q", fixture.sif, "--runscript", "-"}).code == 0);
  CHECK(fixture.cat("/.singularity.d/runscript") == "#!/bin/sh\necho edited\n");
  CHECK(from_redirect(fixture.at("definition"), {"edit", "-q", fixture.sif, "--deffile", "-"}).code == 0);
  CHECK(fixture.cat("/.singularity.d/Singularity") == "Bootstrap: scratch\n");
  const auto image = read_file(fixture.sif);
  const auto refused = [&](const std::vector<std::string>& words, const std::string& text) {
    const auto result = fixture.edit(words);
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring(text));
    CHECK((read_file(fixture.sif) == image));
  };
  refused({"--runscript", "-", "--deffile", "-"}, "--runscript and --deffile both read standard input");
  write_file(fixture.directory / "run", "");
  refused({"--runscript", fixture.at("run")}, "run' is empty");
  write_file(fixture.directory / "run", std::string("#!/bin/sh\n\0", 11));
  refused({"--runscript", fixture.at("run")}, "run' is no text: it holds a NUL byte");
  refused({"--deffile", fixture.at("run")}, "run' is no text: it holds a NUL byte");
  for (const std::string label : {"a\xff=x", "a=\xff"}) refused({"--label", label}, ": expected UTF-8");
}

TEST_CASE("edit says that other names of the file keep the old image", "[cli][edit]") {
  const Edited fixture;
  fs::create_hard_link(fixture.sif, fixture.at("other.sif"));
  const auto result = fixture.edit({"--label", "a=b"});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, ContainsSubstring("app.sif' is a new file; the other names (hard links) of the old one have"));
  CHECK_THAT(fixture.edit({"--label", "a=c"}).err, !ContainsSubstring("hard links"));
}

TEST_CASE("what belongs to the runtime is neither removed nor replaced, by whatever name", "[cli][edit]") {
  const Edited fixture;
  fs::create_directory_symlink(".singularity.d/env", fixture.at("way"));
  REQUIRE(fixture.edit({"-q", "--add", fixture.at("way") + ":/way"}).code == 0);
  const auto image = read_file(fixture.sif);
  for (const auto& words : std::vector<std::vector<std::string>>{{"--remove", "environment"},
                                                                 {"--remove", "/singularity"},
                                                                 {"--remove", "/.ru*"},
                                                                 {"--add", fixture.at("way") + ":/environment"},
                                                                 {"--add", fixture.at("new") + ":/way/90-environment.sh"},
                                                                 {"--add", fixture.at("new") + ":/way/made/new"}}) {
    INFO(words.back());
    const auto result = fixture.edit(words);
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("is the runtime's own"));
    CHECK((read_file(fixture.sif) == image));
  }
  // A link that is added by the same edit leads there, too.
  fs::create_symlink("/.singularity.d", fixture.at("into"));
  const auto result = fixture.edit({"--add", fixture.at("into") + ":/other", "--add", fixture.at("new") + ":/other/runscript"});
  CHECK(result.code == exit_code(ErrorKind::usage));
  CHECK_THAT(result.err, ContainsSubstring("'/other/runscript' is the runtime's own"));
  CHECK((read_file(fixture.sif) == image));
}

TEST_CASE("a link to an image stays one", "[cli][edit]") {
  const Edited fixture;
  fs::create_directory(fixture.at("elsewhere"));
  fs::create_symlink("../app.sif", fixture.at("elsewhere/one"));
  fs::create_symlink("elsewhere/one", fixture.at("two"));
  const auto result = fixture.edit({"-q", "--label", "a=b"}, "two");
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(fs::read_symlink(fixture.at("two")) == "elsewhere/one");
  CHECK(fs::read_symlink(fixture.at("elsewhere/one")) == "../app.sif");
  CHECK(Json::parse(fixture.cat("/.singularity.d/labels.json"))["a"] == "b");
  fs::remove(fixture.sif);
  CHECK(fixture.edit({"--label", "a=b"}, "two").code == exit_code(ErrorKind::not_found));
}

TEST_CASE("objects keep their numbers", "[cli][edit]") {
  const Edited fixture;
  write_file(fixture.directory / "note", "a note");
  for (const std::string name : {"one", "two"}) {
    REQUIRE(run_cli({"sif", "add", "-q", fixture.sif, fixture.at("note"), "--datatype", "7", "--groupid", "1", "--link", "4",
                     "--filename", name}).code == 0);
  }
  const auto objects = [&] {
    Json out = Json::array();
    const Json list = Json::parse(run_cli({"sif", "list", "--json", fixture.sif}).out);
    for (const auto& object : list["objects"]) {
      out.push_back({object["id"], object["type"], object["name"], object["link"]});
    }
    return out;
  };
  const Json before = objects();
  REQUIRE(before.size() == 6);
  REQUIRE(fixture.edit({"-q", "--label", "a=b"}).code == 0);
  CHECK(objects() == before);
  CHECK(run_cli({"sif", "dump", "6", fixture.sif}).out == "a note");
}

TEST_CASE("edit takes a file with its transport, and says what it is that others are not", "[cli][edit]") {
  const Edited fixture;
  REQUIRE(run_cli({"edit", "-q", "sif:" + fixture.sif, "--label", "a=b"}).code == 0);
  CHECK(Json::parse(fixture.cat("/.singularity.d/labels.json"))["a"] == "b");
  REQUIRE(fixture.build("app.sqfs", fixture.at("app.tar"), {"-q", "--format", "squashfs"}).code == 0);
  CHECK(run_cli({"edit", "-q", "squashfs:" + fixture.at("app.sqfs"), "--label", "a=b"}).code == 0);
  for (const std::string& source : {"dir:" + fixture.directory.path().string(), "docker-archive:" + fixture.at("app.tar"),
                                    std::string("docker://alpine"), std::string("-")}) {
    INFO(source);
    const auto result = run_cli({"edit", "--label", "a=b", source});
    CHECK(result.code == exit_code(ErrorKind::usage));
    CHECK_THAT(result.err, ContainsSubstring("'" + source + "': expected a SIF file or a squashfs image"));
  }
  // An error names the file once.
  const auto image = fixture.at("ext3.sif");
  REQUIRE(run_cli({"sif", "new", image}).code == 0);
  REQUIRE(run_cli({"sif", "add", image, fixture.at("new"), "--datatype", "4", "--parttype", "2", "--partfs", "2",
                   "--partarch", "2"}).code == 0);
  const auto result = run_cli({"edit", "--label", "a=b", image});
  CHECK(result.code == exit_code(ErrorKind::unsupported));
  CHECK(count_of(result.err, image) == 1);
  CHECK_THAT(run_cli({"ls", image}).err, ContainsSubstring("hint: dump the partition to a file, mount that and give the directory"));
}
