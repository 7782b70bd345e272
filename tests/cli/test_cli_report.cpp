// SPDX-License-Identifier: Apache-2.0
//
// `report`: the page's text. Whatever an image says, nothing of it becomes markup or a script.
#include <map>

#include <sifkit/core/base64.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "support/build_fixture.h"
#include "support/fault_fixture.h"

using namespace sifkit;
using namespace sifkit::testing;

namespace {

/// What is between the first `start` and the next `end`.
std::string between(const std::string& text, const std::string& start, const std::string& end) {
  const auto at = text.find(start);
  REQUIRE(at != std::string::npos);
  const auto from = at + start.size();
  const auto to = text.find(end, from);
  REQUIRE(to != std::string::npos);
  return text.substr(from, to - from);
}

std::string policy_digest(const std::string& text) {
  Hasher hasher;
  hasher.update(as_bytes(text));
  return "'sha256-" + base64_encode(hasher.finish_raw()) + "'";
}

const std::string kEvil = "</script><script>alert(1)</script><!--\"'><img src=x onerror=alert(2)>&amp;\xe2\x80\xae\x1b[31m";

}  // namespace

TEST_CASE("a page holds what there is to know, and nothing of an image can act in it", "[cli][report]") {
  BuildFixture fixture;
  fixture.image.config["Labels"] = Json{{"note " + kEvil, kEvil}};
  fixture.image.layers.push_back(TarBuilder()
                                     .file("a<b>\"&'", std::string(5000, 'x'))
                                     .file("<script>\xff", std::string(50, 'x'))
                                     .file("lib/apk/db/installed", "P:" + kEvil + "\nV:1<2\nL:MIT\n\n")
                                     .bytes());
  write_file(fixture.directory / "app.tar", as_tar(docker_24(fixture.image)));
  const auto result = run_cli({"report", "-o", fixture.at("page.html"), fixture.at("app.tar")});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const std::string page = read_file(fixture.directory / "page.html");
  CHECK_THAT(page, Catch::Matchers::StartsWith("<!DOCTYPE html>\n<html lang=\"en\">"));
  // Two scripts of its own, of which one is data; the policy names the other and the style.
  CHECK(count_of(page, "<script") == 2);
  CHECK(count_of(page, "</script") == 2);
  CHECK(count_of(page, "<style>") == 1);
  CHECK(count_of(page, "<img") == 0);
  CHECK(count_of(page, "<!--") == 0);
  CHECK(count_of(page, "http://") + count_of(page, "https://") + count_of(page, "src=x onerror=alert(2)>") == 0);
  CHECK(page.find('\x1b') == std::string::npos);
  CHECK(page.find("\xe2\x80\xae") == std::string::npos);
  const auto policy = between(page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"");
  CHECK(policy == "default-src 'none'; style-src " + policy_digest(between(page, "<style>", "</style>")) + "; script-src " +
                      policy_digest(between(page, "<script>", "</script>")) + "; base-uri 'none'; form-action 'none'");
  CHECK_THAT(page, ContainsSubstring("&lt;/script&gt;&lt;script&gt;alert(1)"));

  const Json data = Json::parse(between(page, "id=\"data\">", "</script>"));
  CHECK(data["schema"] == "sifkit/report-data/v1");
  const auto& names = data["names"];
  std::map<std::string, Json> top;
  for (std::size_t i = 1; i < names.size(); ++i) {
    CHECK(names[i][0].get<std::size_t>() < i);
    if (names[i][0] == 0) top[names[i][1]] = names[i];
  }
  CHECK(names[0][4] == 1);
  CHECK(top.at("a<b>\"&'")[2] == 5000);
  CHECK(top.contains("<script>\\xff"));
  CHECK(names[0][2] == Json::parse(run_cli({"du", "--json", "-s", fixture.at("app.tar")}).out)["files"][0]["bytes"]);
  for (const char* section : {"identity", "process", "signatures", "findings", "size", "layers", "packages"}) {
    CHECK_THAT(page, ContainsSubstring("<section id=\"" + std::string(section) + "\""));
  }
  CHECK_THAT(page, ContainsSubstring("Packages (1)") && ContainsSubstring("<td>1&lt;2</td>") && ContainsSubstring("<td>MIT</td>"));
}

TEST_CASE("a page has the digests of what it is about and what the image runs with", "[cli][report]") {
  BuildFixture fixture;
  const auto page_of = [&](const std::string& source) {
    const auto result = run_cli({"report", "-q", "-F", "-o", fixture.at("page.html"), fixture.at(source)});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return read_file(fixture.directory / "page.html");
  };
  const auto tells = [](const std::string& page, const std::map<std::string, std::string>& facts) {
    for (const auto& [name, value] : facts) {
      CHECK_THAT(page, ContainsSubstring("<th scope=\"row\">" + name + "</th><td>" + value + "</td>"));
    }
  };
  const std::map<std::string, std::string> runs{
      {"Command", "&quot;/bin/tool&quot;"}, {"PATH", "/bin"}, {"A", "b c"}, {"k", "v"}};
  const auto config = "sha256:" + sha256(fixture.image.config_document());
  const auto of_archive = page_of("app.tar");
  tells(of_archive, runs);
  tells(of_archive, {{"Digest of the configuration", config}});
  // Nothing of what a build would add.
  CHECK_THAT(of_archive, !ContainsSubstring("org.label-schema") && !ContainsSubstring("Runscript") &&
                             !ContainsSubstring("Digest of the manifest"));
  write_file(fixture.directory / "oci.tar", as_tar(oci_layout(fixture.image)));
  const auto of_layout = page_of("oci.tar");
  tells(of_layout, runs);
  const auto manifest = "sha256:" + sha256(LayoutBuilder().manifest_of(fixture.image));
  tells(of_layout, {{"Digest of the configuration", config}, {"Digest of the manifest", manifest}});

  REQUIRE(fixture.build("app.sif", fixture.at("app.tar"), {"-q"}).code == 0);
  write_file(fixture.directory / "overlay", std::string(4096, 'o'));
  REQUIRE(run_cli({"sif", "add", fixture.at("app.sif"), fixture.at("overlay"), "--datatype", "4", "--parttype", "4",
                   "--partfs", "2", "--partarch", "2"}).code == 0);
  const Json digests = Json::parse(run_cli({"digest", "--json", fixture.at("app.sif")}).out);
  const auto of_sif = page_of("app.sif");
  tells(of_sif, runs);
  tells(of_sif, {{"Digest of the file", "sha256:" + sha256(read_file(fixture.at("app.sif")))},
                 {"Digest of the partition", digests["partition"]}});
  CHECK_THAT(of_sif, ContainsSubstring("org.label-schema.build-date") && ContainsSubstring("<h3>Runscript</h3>") &&
                         ContainsSubstring("<h3>Definition</h3>\n<pre>\nbootstrap: docker-archive") &&
                         ContainsSubstring("<th scope=\"row\">Overlay</th><td>Ext3, 4.0 KiB (object "));
}

TEST_CASE("pages are the same each time, replace nothing unasked, and are whole or not there", "[cli][report]") {
  BuildFixture fixture;
  REQUIRE(fixture.build("app.sif", fixture.at("app.tar"), {"-q"}).code == 0);
  const std::string page = fixture.at("page.html");
  const auto first = run_cli({"report", "--json", fixture.at("app.sif"), "-o", page});
  REQUIRE(first.code == 0);
  const Json record = Json::parse(first.out);
  CHECK(record["digest"] == "sha256:" + sha256(read_file(page)));
  CHECK(run_cli({"report", fixture.at("app.sif"), "-o", page}).code == exit_code(ErrorKind::exists));
  REQUIRE(run_cli({"report", "--json", "-F", fixture.at("app.sif"), "-o", page}).out == first.out);
  CHECK_THAT(read_file(page), ContainsSubstring("Nothing is signed.") && !ContainsSubstring("<section id=\"layers\""));
  CHECK(run_cli({"report", fixture.at("none"), "-o", fixture.at("no.html")}).code == exit_code(ErrorKind::not_found));
  CHECK_FALSE(std::filesystem::exists(fixture.at("no.html")));
  const auto before = read_file(fixture.at("app.sif"));
  CHECK(run_cli({"report", "-F", fixture.at("app.sif"), "-o", fixture.at("app.sif")}).code == exit_code(ErrorKind::usage));
  CHECK(read_file(fixture.at("app.sif")) == before);
}
