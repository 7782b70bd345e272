// SPDX-License-Identifier: Apache-2.0
//
// Where a path of the image leads, and where programs are looked for, within the bounds that a hostile image meets.
#include <random>

#include <fmt/format.h>

#include <sifkit/image_path.h>

#include "support/runtime_root.h"

using namespace sifkit;
using namespace sifkit::layers;
using namespace sifkit::testing;

TEST_CASE("a path leads where the file system has it, through so many links", "[convert][runtime][hostile]") {
  std::mt19937 random(5);
  const std::vector<std::string> words{"a", "b", "..", ".", "", "a/b", "../b", "/a", "b/", "//b/../a"};
  const auto some_path = [&] {
    std::string path;
    for (auto count = 1 + random() % 3; count > 0; --count) path += words[random() % words.size()] + "/";
    if (random() % 2 != 0) path.pop_back();
    return path;
  };
  for (int round = 0; round < 200; ++round) {
    RuntimeRoot root;
    for (const std::string path : {"a", "b", "a/a", "a/b", "b/a", "b/b"}) {
      const auto slash = path.find('/');
      const auto parent = root.tree.resolve(slash == std::string::npos ? "" : path.substr(0, slash), true);
      if (!parent || root.tree.inode(*parent).type != EntryType::directory) continue;
      if (random() % 2 == 0) {
        root.directory(path);
      } else {
        root.link(path, some_path());
      }
    }
    for (int i = 0; i < 20; ++i) {
      const auto path = some_path();
      INFO("round " << round << ", path " << path);
      const auto real = root.tree.real_path(path, true);
      const auto found = walk_image_path(root.tree, path);
      CHECK((found.inode != kNone) == real.has_value());
      if (real) CHECK((found.place.empty() ? "/" : found.place) == *real);
    }
  }
  RuntimeRoot root;
  for (int i = 0; i < 41; ++i) root.link(fmt::format("s{}", i), i == 40 ? "app" : fmt::format("s{}", i + 1));
  CHECK(walk_image_path(root.tree, "/s1").place == "/app");
  CHECK(walk_image_path(root.tree, "/s0").loops);
  // Four of the longest links there are.
  for (int i = 0; i < 5; ++i) {
    const auto next = i == 4 ? "app" : fmt::format("l{}", i + 1);
    root.link(fmt::format("l{}", i), std::string(4095 - next.size(), '/') + next);
  }
  CHECK(walk_image_path(root.tree, "/l1").place == "/app");
  CHECK(walk_image_path(root.tree, "/l0").loops);
}

TEST_CASE("a directory of PATH is looked into once, and so many of them", "[convert][runtime][hostile]") {
  const std::string runtime(kDefaultPath);
  CHECK(search_path({}).text == runtime);
  CHECK(search_path({"PATH="}).text == ":" + runtime);
  CHECK(search_path({"PATH=/a", "PATHS=/x", "PATH=/b::/bin:/b:/b/"}).text ==
        "/b::/bin:/b/:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin");
  std::string path = "PATH=/d0";
  for (std::size_t i = 1; i < SearchPath::kMaxDirectories; ++i) path += fmt::format(":/d{}:/d0", i);
  CHECK(search_path({path}).whole);
  CHECK(search_path({path}).text.ends_with(":/d511:" + runtime));
  CHECK_FALSE(search_path({path + ":/more"}).whole);
  CHECK(search_path({path + ":/more"}).text == search_path({path}).text);
  // What may be in the others is not said to be missing.
  RuntimeRoot root;
  root.input.cmd = {"none"};
  root.input.env = {path};
  CHECK(root.check() == "program-missing: the command 'none' is in no directory of the image's PATH");
  root.input.env = {path + ":/more"};
  CHECK(root.check().empty());
}
