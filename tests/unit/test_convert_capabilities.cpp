// SPDX-License-Identifier: Apache-2.0
#include "capabilities.h"
#include "support/catch.h"

using namespace sifkit;
using namespace sifkit::layers;

namespace {

struct Root {
  Tree tree;
  WarningList warnings;

  InodeId add(InodeId parent, const std::string& name, const Xattrs& xattrs, EntryType type = EntryType::regular,
              std::uint32_t uid = 0) {
    Inode inode;
    inode.type = type;
    inode.metadata.uid = uid;
    inode.metadata.xattrs = tree.intern_xattrs(xattrs);
    const InodeId id = tree.add_inode(inode);
    tree.link(parent, name, id);
    return id;
  }

  const Xattrs& of(InodeId id) const { return tree.xattrs(tree.inode(id).metadata.xattrs); }

  std::string settle(CapabilityForm form) {
    settle_capabilities(tree, form, warnings);
    return warnings.listed().empty() ? std::string() : warnings.listed()[0].text;
  }
};

const std::string kReal(kRealCapability);
const std::string kStored(kStoredCapability);

}  // namespace

TEST_CASE("capabilities are stored beside a file's other attributes, in order", "[convert][capabilities]") {
  Root root;
  const InodeId several =
      root.add(Tree::kRoot, "several", {{kReal, "c"}, {"trusted.a", "1"}, {"user.a", "2"}, {"user.z", "3"}});
  const InodeId both = root.add(Tree::kRoot, "both", {{kReal, "c"}, {kStored, "old"}});
  const InodeId stored = root.add(Tree::kRoot, "stored", {{kStored, "s"}});
  const InodeId directory = root.add(Tree::kRoot, "directory", {{kReal, "c"}}, EntryType::directory);
  const InodeId none = root.add(directory, "none", {{"user.a", "2"}});
  root.settle(CapabilityForm::stored);
  CHECK(root.of(several) == Xattrs{{"trusted.a", "1"}, {"user.a", "2"}, {kStored, "c"}, {"user.z", "3"}});
  CHECK(root.of(both) == Xattrs{{kStored, "c"}});
  CHECK(root.of(stored) == Xattrs{{kStored, "s"}});
  CHECK(root.of(directory) == Xattrs{{kReal, "c"}});
  CHECK(root.of(none) == Xattrs{{"user.a", "2"}});
}

TEST_CASE("stored capabilities come back, and real ones beside them count", "[convert][capabilities]") {
  Root root;
  const InodeId stored = root.add(Tree::kRoot, "stored", {{"user.a", "2"}, {kStored, "s"}});
  const InodeId both = root.add(Tree::kRoot, "both", {{kReal, "c"}, {kStored, "old"}});
  const InodeId others = root.add(Tree::kRoot, "others", {{kStored, "s"}}, EntryType::regular, 1000);
  const InodeId others_real =
      root.add(Tree::kRoot, "others-real", {{kReal, "c"}, {kStored, "old"}}, EntryType::regular, 1000);
  SECTION("in an image") {
    CHECK(root.settle(CapabilityForm::real) ==
          "capabilities of '/both', '/others', '/others-real' and 1 more: in a user namespace Linux may not start a "
          "program that has some");
    CHECK(root.of(others) == Xattrs{{kReal, "s"}});
  }
  SECTION("in root's directory, where anybody's word gives none") {
    CHECK(root.settle(CapabilityForm::real_of_root).empty());
    CHECK(root.of(others) == Xattrs{{kStored, "s"}});
  }
  CHECK(root.of(stored) == Xattrs{{kReal, "s"}, {"user.a", "2"}});
  CHECK(root.of(both) == Xattrs{{kReal, "c"}});
  CHECK(root.of(others_real) == Xattrs{{kReal, "c"}});
}

TEST_CASE("one warning names the first programs with capabilities", "[convert][capabilities]") {
  Root root;
  const InodeId directory = root.add(Tree::kRoot, "usr", {}, EntryType::directory);
  const InodeId linked = root.add(directory, "a", {{kReal, "c"}});
  root.tree.link(directory, "b", linked);
  root.add(directory, "c", {{kReal, "d"}});
  root.tree.unlink(
      Tree::kRoot,
      root.tree.link(Tree::kRoot, "gone",
                     root.tree.add_inode({.metadata = {.xattrs = root.tree.intern_xattrs({{kReal, "c"}})}})));
  CHECK(root.settle(CapabilityForm::stored) ==
        "capabilities of '/usr/a', '/usr/c': kept as the attribute user.sifkit.cap, since in a user namespace Linux "
        "may not start a program that has some");
  CHECK(root.warnings.count("capabilities") == 1);
}

TEST_CASE("an image without capabilities stays as it is", "[convert][capabilities]") {
  Root root;
  root.add(Tree::kRoot, "a", {{"user.a", "2"}});
  CHECK(root.settle(CapabilityForm::stored).empty());
}
