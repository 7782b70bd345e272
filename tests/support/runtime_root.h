// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <sifkit/runtime_check.h>

#include "catch.h"
#include "program_probe.h"
#include "programs.h"

namespace sifkit::testing {

class CountingSink : public layers::ContentSink {
 public:
  void begin(std::uint64_t) override {}

  void append(ByteView) override {}

  void append_zeros(std::uint64_t) override {}

  layers::ContentId end() override { return layers::ContentId{++count_}; }

 private:
  std::uint32_t count_ = 0;
};

/// An image of a static busybox and its links.
struct RuntimeRoot {
  CountingSink sink;
  ProgramProbe probe{sink};
  layers::Tree tree;
  RuntimeCheckInput input{.env = {"PATH=/usr/bin:/bin"}, .architecture = "amd64", .configured = true, .layers = 2};

  RuntimeRoot() {
    for (const char* name :
         {"bin", "usr", "usr/bin", "tmp", "dev", "proc", "sys", "home", "var", "var/tmp", "app", "lib64"})
      directory(name);
    file("bin/busybox", elf_program());
    link("bin/sh", "busybox");
  }

  layers::InodeId put(const std::string& path, layers::Inode inode) {
    const auto slash = path.rfind('/');
    const auto parent = tree.resolve(slash == std::string::npos ? "" : path.substr(0, slash), true);
    REQUIRE(parent);
    const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1);
    if (const layers::NameId there = tree.find(*parent, name); there != layers::kNone) tree.unlink(*parent, there);
    const layers::InodeId id = tree.add_inode(inode);
    tree.link(*parent, name, id);
    return id;
  }

  void directory(const std::string& path, std::uint32_t mode = 0755) {
    put(path, {.metadata = {.mode = mode}, .type = layers::EntryType::directory});
  }

  void file(const std::string& path, const std::string& text, std::uint32_t mode = 0755) {
    layers::Inode inode{.metadata = {.mode = mode}, .content = layers::kEmptyContent, .size = text.size()};
    if (!text.empty()) {
      probe.begin(text.size());
      probe.append(as_bytes(text));
      inode.content = probe.end();
    }
    put(path, inode);
  }

  void link(const std::string& path, const std::string& target) {
    put(path,
        {.metadata = {.mode = 0777}, .type = layers::EntryType::symlink, .data = tree.add_symlink_target(target)});
  }

  void remove(const std::string& path) {
    const auto slash = path.rfind('/');
    const auto parent = tree.resolve(slash == std::string::npos ? "" : path.substr(0, slash), true);
    const layers::NameId name = tree.find(*parent, path.substr(slash == std::string::npos ? 0 : slash + 1));
    REQUIRE(name != layers::kNone);
    tree.unlink(*parent, name);
  }

  /// Every warning as "kind: text", a line each, behind those that were there already.
  std::string check() {
    WarningList warnings;
    return check(warnings);
  }
  std::string check(WarningList& warnings) {
    check_runtime(tree, [&](layers::InodeId inode) { return probe.program(tree.inode(inode).content); }, input, warnings);
    std::string out;
    for (const auto& warning : warnings.listed()) out += (out.empty() ? "" : "\n") + warning.kind + ": " + warning.text;
    return out;
  }
};

struct RuntimeCase {
  const char* what;
  std::function<void(RuntimeRoot&)> make;
  std::string warnings;
};

inline void check_all(const std::vector<RuntimeCase>& cases) {
  for (const auto& each : cases) {
    INFO(each.what);
    RuntimeRoot root;
    each.make(root);
    CHECK(root.check() == each.warnings);
  }
}

/// An entrypoint `/app/run` of that text.
inline std::function<void(RuntimeRoot&)> script(const std::string& text) {
  return [text](RuntimeRoot& root) {
    root.file("app/run", text);
    root.input.entrypoint = {"/app/run"};
  };
}

inline const std::string kRun = "the entrypoint '/app/run' ";

}  // namespace sifkit::testing
