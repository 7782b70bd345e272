// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <sifkit/layers/walk.h>

#include "support/catch.h"

using namespace sifkit::layers;

TEST_CASE("a walk comes to every name in the order of a plain recursion", "[layers]") {
  std::mt19937 random(7);
  Tree tree;
  std::vector<InodeId> directories{Tree::kRoot};
  for (int i = 0; i < 400; ++i) {
    Inode inode;
    inode.type = random() % 3 == 0 ? EntryType::directory : EntryType::regular;
    const InodeId parent = directories[random() % directories.size()];
    const std::string name = "n" + std::to_string(random() % 1000);
    if (tree.find(parent, name) != kNone) continue;
    const InodeId id = tree.add_inode(inode);
    tree.link(parent, name, id);
    if (inode.type == EntryType::directory) directories.push_back(id);
  }
  // What is not gone into is left out with all below it, and never left.
  const auto goes_in = [](const std::string& path) { return path.find("n9") == std::string::npos; };
  std::vector<std::string> expected;
  const std::function<void(InodeId, const std::string&)> recurse = [&](InodeId directory, const std::string& prefix) {
    for (const NameId name : tree.sorted_children(directory)) {
      const std::string path = prefix + std::string(tree.text_of(name));
      const InodeId id = tree.inode_of(name);
      expected.push_back("enter " + path);
      if (tree.inode(id).type != EntryType::directory || !goes_in(path)) continue;
      recurse(id, path + "/");
      expected.push_back("leave " + path);
    }
  };
  recurse(Tree::kRoot, "");
  std::vector<std::string> found;
  walk(
      tree, Tree::kRoot,
      [&](const WalkedName& here) {
        CHECK(tree.inode_of(here.name) == here.inode);
        found.push_back("enter " + std::string(here.path));
        return goes_in(std::string(here.path));
      },
      [&](const WalkedName& here) { found.push_back("leave " + std::string(here.path)); });
  CHECK(found == expected);
  REQUIRE(expected.size() > 300);
}
