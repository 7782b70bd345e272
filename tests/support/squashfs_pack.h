// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <random>
#include <string>

#include <fmt/format.h>

#include <sifkit/layers/squashfs.h>

#include "support/memory_region.h"

namespace sifkit::testing {

using namespace layers;

/// Bytes that compress to about half.
inline std::string text_of(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (auto& c : text) c = static_cast<char>('a' + random() % 16);
  return text;
}

/// A tree being packed, and what each of its files must hold.
struct Pack {
  MemoryRegion region;
  SquashfsOptions options;
  std::unique_ptr<SquashfsWriter> writer;
  Tree tree;
  std::map<std::string, std::string> files;

  explicit Pack(const SquashfsOptions& chosen = {.threads = 2}) : options(chosen), writer(std::make_unique<SquashfsWriter>(region, options)) {}

  ContentId store(const std::string& text) {
    if (text.empty()) return kEmptyContent;
    writer->begin(text.size());
    // In odd pieces, as archives give them.
    for (std::size_t at = 0; at < text.size(); at += 50001) writer->append(as_bytes(std::string_view(text).substr(at, 50001)));
    return writer->end();
  }

  InodeId add(InodeId parent, const std::string& name, const Inode& inode) {
    const InodeId id = tree.add_inode(inode);
    tree.link(parent, name, id);
    return id;
  }

  InodeId directory(InodeId parent, const std::string& name, std::uint32_t mode = 0755) {
    return add(parent, name, {.metadata = {.mode = mode, .mtime = 5}, .type = EntryType::directory});
  }

  InodeId file(InodeId parent, const std::string& name, const std::string& text, const Metadata& metadata = {.mode = 0644}) {
    files[name] = text;
    return add(parent, name, {.metadata = metadata, .content = store(text), .size = text.size()});
  }

  SquashfsSummary finish() { return writer->finish(tree); }
};

/// Everything that a squashfs can hold, once.
inline void fill(Pack& pack) {
  auto& tree = pack.tree;
  const auto dir = pack.directory(Tree::kRoot, "dir", 0700);
  pack.file(dir, "empty", "");
  pack.file(dir, "small", "some text");
  pack.file(dir, "exact", text_of(128 * 1024, 1));
  pack.file(dir, "one more", text_of(128 * 1024 + 1, 2));
  pack.file(dir, "large", text_of(1000000, 3));
  pack.file(dir, "large again", text_of(1000000, 3));
  pack.file(dir, "small again", "some text");
  pack.file(dir, "zeros", std::string(400000, '\0'));
  pack.file(dir, "hole", text_of(131072, 4) + std::string(131072 * 3, '\0') + "end");
  std::string noise(300000, '\0');
  std::mt19937 random(5);
  for (auto& c : noise) c = static_cast<char>(random());
  pack.file(dir, "noise", noise);
  pack.file(dir, "suid", "x", {.mode = 04755, .uid = 1000, .gid = 4000000000u, .mtime = 4294967295u, .xattrs = tree.intern_xattrs({{"security.capability", std::string("\1\0\0\2", 4)}, {"user.a", ""}})});
  const auto linked = pack.file(dir, "linked", "shared");
  tree.link(dir, "link 2", linked);
  tree.link(Tree::kRoot, "link 3", linked);
  pack.add(dir, "symlink", {.metadata = {.mode = 0777}, .type = EntryType::symlink, .data = tree.add_symlink_target("../\xff target")});
  pack.add(dir, "null", {.metadata = {.mode = 0666}, .type = EntryType::char_device, .data = 1u << 20 | 3});
  pack.add(dir, "disk", {.metadata = {.mode = 0660, .gid = 6}, .type = EntryType::block_device, .data = 259u << 20 | 70000});
  pack.add(dir, "fifo", {.metadata = {.mode = 0600}, .type = EntryType::fifo});
  pack.add(dir, "socket", {.metadata = {.mode = 0600}, .type = EntryType::socket});
  pack.file(dir, "new\nline\xfe", "odd");
  pack.file(dir, std::string(255, 'n'), "long");
  const auto many = pack.directory(Tree::kRoot, "many");
  for (int i = 0; i < 3000; ++i) pack.add(many, fmt::format("{}", i), {.content = pack.store(fmt::format("{}", i)), .size = fmt::format("{}", i).size()});
  InodeId deep = Tree::kRoot;
  for (int i = 0; i < 200; ++i) deep = pack.directory(deep, "deep");
}

inline std::string listing(const Tree& tree) {
  std::string out;
  std::map<InodeId, std::string> first;
  std::vector<std::pair<std::string, InodeId>> open{{"", Tree::kRoot}};
  while (!open.empty()) {
    const auto [path, directory] = open.back();
    open.pop_back();
    for (const NameId name : tree.sorted_children(directory)) {
      const InodeId id = tree.inode_of(name);
      const Inode& inode = tree.inode(id);
      const std::string here = path + "/" + std::string(tree.text_of(name));
      out += fmt::format("{} {} {:o} {}:{} {} {}", here, static_cast<int>(inode.type), inode.metadata.mode, inode.metadata.uid, inode.metadata.gid, inode.metadata.mtime, first.emplace(id, here).first->second);
      if (inode.type == EntryType::regular) out += fmt::format(" {} {}", inode.size, inode.links);
      if (inode.type == EntryType::symlink) out += " " + std::string(tree.symlink_target(inode));
      if (inode.type == EntryType::char_device || inode.type == EntryType::block_device) out += fmt::format(" {}", inode.data);
      for (const auto& [key, value] : tree.xattrs(inode.metadata.xattrs)) out += " " + key + "=" + value;
      out += "\n";
      if (inode.type == EntryType::directory) open.emplace_back(here, id);
    }
  }
  return out;
}

inline std::string read_file(SquashfsReader& reader, InodeId inode) {
  MemorySink sink;
  reader.read(inode, sink);
  return std::string(as_text(sink.bytes()));
}

}  // namespace sifkit::testing
