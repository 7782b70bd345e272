// SPDX-License-Identifier: Apache-2.0
//
// The map of sizes in a page: the largest names of a tree, however many there are.
#include <fmt/format.h>

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

TEST_CASE("a size in a page is never 1024.0 of a unit", "[inspect][report]") {
  inspect::ReportInput input;
  for (const auto& [bytes, text] : {std::pair{1023u, "1023 B"}, {1048575u, "1.0 MiB"}, {1048524u, "1023.9 KiB"}, {1073741823u, "1.0 GiB"}}) {
    input.said.summary.bytes = bytes;
    CHECK_THAT(inspect::report_page(input, Tree()), ContainsSubstring(text));
  }
  // The script of the page has the same bound.
  CHECK_THAT(inspect::report_page(input, Tree()), ContainsSubstring("while (bytes >= 1023.95 "));
}
