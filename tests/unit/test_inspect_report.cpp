// SPDX-License-Identifier: Apache-2.0
//
// The map of sizes in a page: the largest names of a tree, however many there are.
#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/inspect/report.h>

#include "report/size_map.h"
#include "support/catch.h"

using namespace sifkit;
using namespace sifkit::layers;
using sifkit::inspect::SizedName;

namespace {

InodeId add(Tree& tree, InodeId parent, const std::string& name, EntryType type, std::uint64_t size = 0) {
  const InodeId id = tree.add_inode({.type = type, .size = size});
  tree.link(parent, name, id);
  return id;
}

std::string line(const SizedName& name) {
  return fmt::format("{} '{}' {} {} {}", name.parent, name.name, name.bytes, name.names, static_cast<int>(name.kind));
}

std::vector<std::string> lines(const Tree& tree, std::size_t most) {
  std::vector<std::string> out;
  for (const auto& name : inspect::size_map(tree, most, {})) out.push_back(line(name));
  return out;
}

}  // namespace

TEST_CASE("a map of sizes holds the largest, each with its directory, and counts the rest", "[inspect][report]") {
  Tree tree;
  const auto a = add(tree, Tree::kRoot, "a", EntryType::directory);
  const auto b = add(tree, a, "b", EntryType::directory);
  const auto big = add(tree, b, "big", EntryType::regular, 1000);
  tree.link(Tree::kRoot, "twin", big);
  add(tree, b, "small", EntryType::regular, 10);
  add(tree, b, "tiny", EntryType::regular, 1);
  add(tree, Tree::kRoot, "c", EntryType::regular, 500);
  add(tree, Tree::kRoot, "link", EntryType::symlink, 7);
  CHECK(lines(tree, 100) == std::vector<std::string>{"0 '' 1511 9 1", "0 'a' 1011 5 1", "1 'b' 1011 4 1", "2 'big' 1000 1 0",
                                                     "2 'small' 10 1 0", "2 'tiny' 1 1 0", "0 'c' 500 1 0", "0 'link' 0 1 0",
                                                     "0 'twin' 0 1 0"});
  CHECK(lines(tree, 5) == std::vector<std::string>{"0 '' 1511 9 1", "0 'a' 1011 5 1", "1 'b' 1011 4 1", "2 'big' 1000 1 0",
                                                   "0 'c' 500 1 0", "0 '' 0 2 2", "2 '' 11 2 2"});
  CHECK(lines(tree, 1) == std::vector<std::string>{"0 '' 1511 9 1", "0 '' 1511 8 2"});
  CHECK(lines(Tree(), 0) == std::vector<std::string>{"0 '' 0 1 1"});
}

TEST_CASE("a page of very many files and packages stays small", "[inspect][report]") {
  Tree tree;
  for (int i = 0; i < 200; ++i) {
    const auto directory = add(tree, Tree::kRoot, fmt::format("directory {}", i), EntryType::directory);
    for (int j = 0; j < 1000; ++j) add(tree, directory, fmt::format("a file with a longer name {}", j), EntryType::regular, 100);
  }
  inspect::ReportInput input;
  for (int i = 0; i < 6000; ++i) input.inventory.packages.push_back({.kind = "dpkg", .name = fmt::format("package-{}", i), .version = "1"});
  const auto page = inspect::report_page(input, tree);
  CHECK(page.size() < 3'000'000);
  CHECK_THAT(page, ContainsSubstring("Packages (6000)") && ContainsSubstring("package-4999<") && !ContainsSubstring("package-5000<") &&
                       ContainsSubstring("And 1000 more, which <code>sifkit sbom gen</code> lists."));
}

TEST_CASE("a page has scripts as lines, long ones folded up, and nothing of them acts", "[inspect][report]") {
  inspect::ReportInput input;
  input.digests = {{"file", digest_of(as_bytes(std::string("x")))}, {"partition", std::nullopt}};
  auto& said = input.said;
  said.summary.overlays.push_back({.id = 7, .file_system = "Ext3", .bytes = 4096});
  said.attributes.runscript = "#!/bin/sh\necho \"a\\n\"\t</pre><script>\x1b[31m";
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "line\n";
  said.attributes.deffile = lines + "last";
  said.attributes.helpfile = std::string(100'000, 'h');
  said.attributes.environment["/.singularity.d/env/<b>"] = "A=1";
  said.attributes.apps["<i>"];
  const auto page = inspect::report_page(input, Tree());
  const auto digest = input.digests[0].second->text();
  CHECK_THAT(page, ContainsSubstring("<th scope=\"row\">Digest of the file</th><td>" + digest + "</td>") &&
                       !ContainsSubstring("Digest of the partition"));
  CHECK_THAT(page, ContainsSubstring("<th scope=\"row\">Overlay</th><td>Ext3, 4.0 KiB (object 7)"));
  CHECK_THAT(page, ContainsSubstring("<h3>Runscript</h3>\n<pre>\n#!/bin/sh\n"
                                     "echo &quot;a\\n&quot;\t&lt;/pre&gt;&lt;script&gt;\\x1b[31m</pre>\n"));
  CHECK_THAT(page, ContainsSubstring("<h3>Definition</h3>\n<details><summary>31 lines, 154 B</summary><pre>\nline\n"));
  CHECK_THAT(page, ContainsSubstring(std::string(inspect::kReportedText, 'h') + "</pre><p>And 34464 more bytes, "));
  CHECK_THAT(page, ContainsSubstring("<h3>/.singularity.d/env/&lt;b&gt;</h3>\n<pre>\nA=1</pre>\n"));
  CHECK_THAT(page, ContainsSubstring("<th scope=\"row\">App</th><td>&lt;i&gt;</td>"));
  CHECK_THAT(page, !ContainsSubstring("</pre><script>"));
}

TEST_CASE("a page tells what an image runs with, whatever its configuration is", "[inspect][report]") {
  inspect::ReportInput input;
  const auto page = [&](std::string configuration) {
    input.said.oci_config = std::move(configuration);
    return inspect::report_page(input, Tree());
  };
  const auto fact = [](const std::string& name, const std::string& value) {
    return ContainsSubstring("<th scope=\"row\">" + name + "</th><td>" + value + "</td>");
  };
  const auto usual = page(R"({"Entrypoint":["/bin/sh","-c"],"Cmd":["a b"],"User":"1:2","WorkingDir":"/w",)"
                          R"("Env":["A=b=c","<E>=","X"]})");
  CHECK_THAT(usual, fact("Entrypoint", "&quot;/bin/sh&quot; &quot;-c&quot;") && fact("Command", "&quot;a b&quot;") &&
                        fact("User", "1:2") && fact("Working directory", "/w"));
  CHECK_THAT(usual, fact("A", "b=c") && fact("&lt;E&gt;", "(empty)") && fact("X", "(empty)"));
  const std::string deep = R"({"Cmd":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  for (const std::string& odd : std::vector<std::string>{"", "{", "[]", R"({"Env":{},"Cmd":7,"User":[]})", deep}) {
    INFO(odd.substr(0, 40));
    CHECK_THAT(page(odd), ContainsSubstring("<p>The image does not say.</p>"));
  }
  std::string many = R"({"Env":["V0=0")";
  for (int i = 1; i < 1500; ++i) many += fmt::format(R"(,"V{}={}")", i, i);
  CHECK_THAT(page(many + "]}"), fact("V999", "999") && !fact("V1000", "1000") &&
                                    ContainsSubstring("And 500 more, which <code>sifkit inspect --oci</code>"));
  // Of an image of layers the configuration alone: labels of a build's and scripts are not in it.
  input.said.summary.layers = 1;
  input.said.attributes.labels = {{"k", "v"}, {"org.label-schema.schema-version", "1.0"}};
  input.said.attributes.runscript = "#!/bin/sh";
  const std::string labelled = R"({"Labels":{"k":"v"}})";
  CHECK_THAT(page(labelled), fact("k", "v") && !ContainsSubstring("label-schema") && !ContainsSubstring("Runscript"));
  input.said.summary.layers.reset();
  CHECK_THAT(page(labelled), fact("k", "v") && ContainsSubstring("label-schema") && ContainsSubstring("Runscript"));
}

TEST_CASE("a size in a page is never 1024.0 of a unit", "[inspect][report]") {
  inspect::ReportInput input;
  for (const auto& [bytes, text] : {std::pair{1023u, "1023 B"}, {1048575u, "1.0 MiB"}, {1048524u, "1023.9 KiB"}, {1073741823u, "1.0 GiB"}}) {
    input.said.summary.bytes = bytes;
    CHECK_THAT(inspect::report_page(input, Tree()), ContainsSubstring(text));
  }
  // The script of the page has the same bound.
  CHECK_THAT(inspect::report_page(input, Tree()), ContainsSubstring("while (bytes >= 1023.95 "));
}
