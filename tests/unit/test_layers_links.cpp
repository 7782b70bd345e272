// SPDX-License-Identifier: Apache-2.0
//
// Links on the way to a path: where they lead, and how many of them are followed.
#include <random>

#include <fmt/format.h>

#include <sifkit/layers/path_rest.h>
#include <sifkit/layers/tree.h>

#include "support/catch.h"
#include "support/errors.h"
#include "support/flatten.h"
#include "support/tar_builder.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

namespace {

/// A path walked in the most direct way: a link's target is put before what is left, as one text.
std::optional<std::string> plain_real_path(const Tree& tree, std::string rest, bool follow) {
  std::vector<std::pair<std::string, InodeId>> way;
  for (unsigned links = 0; !rest.empty();) {
    const auto slash = rest.find('/');
    const auto name = rest.substr(0, slash);
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      if (!way.empty()) way.pop_back();
      continue;
    }
    const InodeId here = way.empty() ? Tree::kRoot : way.back().second;
    const NameId found = tree.inode(here).type == EntryType::directory ? tree.find(here, name) : kNone;
    if (found == kNone) return std::nullopt;
    const Inode& inode = tree.inode(tree.inode_of(found));
    if (inode.type != EntryType::symlink || (!follow && rest.empty())) {
      way.emplace_back(name, tree.inode_of(found));
      continue;
    }
    if (++links > 255) return std::nullopt;
    const std::string target(tree.symlink_target(inode));
    if (target.starts_with('/')) way.clear();
    rest = rest.empty() ? target : target + "/" + rest;
  }
  std::string out;
  for (const auto& [name, inode] : way) out += "/" + name;
  return out.empty() ? "/" : out;
}

NameId add(Tree& tree, InodeId parent, const std::string& name, EntryType type, const std::string& target = {}) {
  Inode inode;
  inode.type = type;
  if (type == EntryType::symlink) inode.data = tree.add_symlink_target(target);
  return tree.link(parent, name, tree.add_inode(inode));
}

/// A target of the root that is so many bytes long, and leads nowhere else.
std::string padded(const std::string& target, std::size_t bytes) {
  std::string out((bytes - target.size()) % 2, '/');
  while (out.size() + target.size() < bytes) out += "./";
  return out + target;
}

/// The directory "d", and links "l0", "l1" and so on to each other and, at last, to it: of 4095 bytes each.
TarBuilder long_links(int count) {
  TarBuilder builder;
  builder.directory("d");
  for (int i = 0; i < count; ++i)
    builder.symlink(fmt::format("l{}", i), padded(i + 1 == count ? "d" : fmt::format("l{}", i + 1), 4095));
  return builder;
}

std::string error_text(const std::vector<std::string>& layers) {
  const auto error = error_of([&] { flatten(layers); });
  return error ? fmt::format("{} {}", to_string(error->kind()), error->what()) : "";
}

}  // namespace

TEST_CASE("a path leads where it does when targets are put into it as text", "[layers][property]") {
  std::mt19937 random(11);
  const std::vector<std::string> words{"a", "b", "c", "..", ".", "", "a/b", "../c", "/a", "/", "b/", "a//", "//b/../a"};
  const auto some_path = [&] {
    std::string path;
    for (auto count = 1 + random() % 4; count > 0; --count) path += words[random() % words.size()] + "/";
    if (random() % 3 != 0) path.pop_back();
    return path;
  };
  std::size_t found = 0;
  for (int round = 0; round < 300; ++round) {
    Tree tree;
    std::vector<InodeId> directories{Tree::kRoot};
    for (int i = 0; i < 12; ++i) {
      const InodeId parent = directories[random() % directories.size()];
      const std::string name(1, static_cast<char>('a' + random() % 3));
      if (tree.find(parent, name) != kNone) continue;
      const auto pick = random() % 6;
      const auto type = pick < 3 ? EntryType::directory : pick < 5 ? EntryType::symlink : EntryType::regular;
      const NameId added = add(tree, parent, name, type, some_path());
      if (type == EntryType::directory) directories.push_back(tree.inode_of(added));
    }
    for (int i = 0; i < 40; ++i) {
      const auto path = some_path();
      const bool follow = random() % 2 == 0;
      INFO("round " << round << ", path " << path);
      const auto expected = plain_real_path(tree, path, follow);
      CHECK(tree.real_path(path, follow) == expected);
      found += expected && *expected != "/" ? 1u : 0u;
    }
  }
  CHECK(found > 1000);
}

TEST_CASE("what links say on the way to one path has a bound", "[layers][hostile]") {
  Tree tree;
  add(tree, Tree::kRoot, "d", EntryType::directory);
  const auto chain = [&](char letter, std::size_t bytes) {
    for (int i = 0; i < 4; ++i)
      add(tree, Tree::kRoot, fmt::format("{}{}", letter, i), EntryType::symlink,
          padded(i == 3 ? "d" : fmt::format("{}{}", letter, i + 1), i == 3 ? bytes - 3 * 4000 : 4000));
  };
  chain('a', PathRest::kMaxLinkBytes);
  chain('b', PathRest::kMaxLinkBytes + 1);
  CHECK(tree.real_path("a0", true) == "/d");
  CHECK(tree.real_path("a0/../d/.", true) == "/d");
  CHECK(tree.real_path("b1", true) == "/d");
  CHECK(!tree.real_path("b0", true));
  // As many short ones as are followed at all.
  for (int i = 0; i < 256; ++i)
    add(tree, Tree::kRoot, fmt::format("s{}", i), EntryType::symlink, i == 255 ? "d" : fmt::format("s{}", i + 1));
  CHECK(tree.real_path("s1", true) == "/d");
  CHECK(!tree.real_path("s0", true));
}

TEST_CASE("links that lead to the names of a layer have a bound", "[layers][hostile]") {
  const auto links = long_links(5).bytes();
  CHECK(flatten({links, TarBuilder().file("l1/f", "1").bytes()})->listing().contains("d/f"));
  const auto error = error_text({links, TarBuilder().file("l0/f", "1").bytes()});
  CHECK(error.starts_with("limit "));
  CHECK_THAT(error, ContainsSubstring("layer 2 of 2: entry 1 'l0/f'") && ContainsSubstring("have over 16 KiB of text"));
  CHECK_THAT(error_text({links, TarBuilder().file("l0/.wh.f", "").bytes()}), ContainsSubstring("over 16 KiB"));
}

TEST_CASE("links are followed once for the entries of a directory that stand together", "[layers][hostile]") {
  // Together they would be 80 MiB of links.
  TarBuilder together;
  for (int i = 0; i < 5000; ++i) together.file(fmt::format("l0/f{}", i), "");
  const auto links = long_links(4).bytes();
  const auto flat = flatten({links, together.bytes()});
  CHECK(flat->listing().size() == 5 + 5000);
  CHECK(flat->warnings.count("through-link") == 5000);
  // One file over and over again, too.
  TarBuilder again;
  for (int i = 0; i < 5000; ++i) again.file("l0/f", "");
  CHECK(flatten({links, again.bytes()})->listing().size() == 6);
  // Those that do not stand together have their bound together, however many names there are.
  TarBuilder apart;
  for (int i = 0; i < 2000; ++i) apart.file(fmt::format("l0/f{}", i), "").file(fmt::format("l1/g{}", i), "");
  CHECK_THAT(error_text({links, apart.bytes()}), ContainsSubstring("over 16 MiB of text, and 256 bytes for each name"));
  TarBuilder usual;
  usual.directory("usr").symlink("lib", padded("usr", 200)).symlink("bin", padded("usr", 200));
  for (int i = 0; i < 5000; ++i) usual.file(fmt::format("lib/f{}", i), "").file(fmt::format("bin/g{}", i), "");
  CHECK(flatten({usual.bytes()})->warnings.count("through-link") == 10000);
}

TEST_CASE("a way that has changed is gone anew", "[layers]") {
  using Listing = std::map<std::string, std::string>;
  const auto lower = TarBuilder().directory("d").directory("e").symlink("l", "d").bytes();
  const auto listing = [&](const TarBuilder& layer) {
    Listing out;
    for (const auto& [path, text] : flatten({lower, layer.bytes()})->listing())
      out[path] = text.substr(0, 1);
    return out;
  };
  const Listing before{{"d", "d"}, {"e", "d"}};
  const auto with = [&](Listing more) {
    more.insert(before.begin(), before.end());
    return more;
  };
  // The link is replaced: by another, by a directory, by one that is made for what is in it.
  CHECK(listing(TarBuilder().file("l/a", "").symlink("l", "e").file("l/b", "")) ==
        with({{"l", "l"}, {"d/a", "f"}, {"e/b", "f"}}));
  CHECK(listing(TarBuilder().file("l/a", "").directory("l").file("l/b", "")) ==
        with({{"l", "d"}, {"d/a", "f"}, {"l/b", "f"}}));
  CHECK(listing(TarBuilder().file("l/a", "").file("l", "").file("l/b", "")) ==
        with({{"l", "d"}, {"d/a", "f"}, {"l/b", "f"}}));
  // A directory on the way is.
  CHECK(listing(TarBuilder().file("l/a", "").symlink("d", "e").file("l/b", "")) ==
        with({{"d", "l"}, {"l", "l"}, {"e/b", "f"}}));
  CHECK(listing(TarBuilder().file("d/s/a", "").file("d/s", "").file("d/s/b", "")) ==
        with({{"l", "l"}, {"d/s", "d"}, {"d/s/b", "f"}}));
  // A whiteout hides what it goes through; what is asked for by a whiteout makes nothing, what is named does.
  CHECK(listing(TarBuilder().file("l/.wh.a", "").file(".wh.l", "").file("l/b", "")) ==
        with({{"l", "d"}, {"l/b", "f"}}));
  CHECK(listing(TarBuilder().file("e/.wh.a", "").file(".wh.e", "").file("e/b", "")) ==
        with({{"l", "l"}, {"e/b", "f"}}));
  CHECK(listing(TarBuilder().file("e/.wh.a", "").file("e/b", "").file(".wh.e", "")) ==
        with({{"l", "l"}, {"e/b", "f"}}));
}
