// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/layer_reader.h>

namespace sifkit::testing {

/// Keeps contents; equal ones are one.
class TextSink : public layers::ContentSink {
 public:
  void begin(std::uint64_t) override { open_.clear(); }
  void append(ByteView bytes) override { open_ += as_text(bytes); }
  void append_zeros(std::uint64_t count) override { open_.append(static_cast<std::size_t>(count), '\0'); }
  layers::ContentId end() override {
    texts_.push_back(open_);
    return layers::ContentId{static_cast<std::uint32_t>(texts_.size())};
  }
  const std::string& text(layers::ContentId id) const {
    static const std::string empty;
    return id == layers::kEmptyContent ? empty : texts_.at(static_cast<std::uint32_t>(id) - 1);
  }
  std::size_t count() const noexcept { return texts_.size(); }

 private:
  std::string open_;
  std::vector<std::string> texts_;
};

/// What came of flattening layers (plain tar, oldest first).
struct Flat {
  layers::Tree tree;
  TextSink sink;
  WarningList warnings;
  std::size_t missing = 0;

  /// The whole tree in one line, only what is not to be expected said: "a:text; d/ 700 @7; d/l -> ../a; d/n c1:3; h = a".
  /// In brackets the root, where it is not 0755 of 0:0. Directories that no layer names have the time 7.
  std::string summary() const;

  /// Every path with type, mode, owner and content, link or device; hard links by the path that stands first.
  std::map<std::string, std::string> listing() const {
    std::map<std::string, std::string> out;
    std::map<layers::InodeId, std::string> first;
    std::vector<std::pair<std::string, layers::InodeId>> open{{"", layers::Tree::kRoot}};
    std::map<std::string, layers::InodeId> all;
    while (!open.empty()) {
      const auto [path, directory] = open.back();
      open.pop_back();
      for (const auto name : tree.sorted_children(directory)) {
        const std::string here = path.empty() ? std::string(tree.text_of(name)) : path + "/" + std::string(tree.text_of(name));
        all[here] = tree.inode_of(name);
        if (tree.inode(tree.inode_of(name)).type == layers::EntryType::directory) open.emplace_back(here, tree.inode_of(name));
      }
    }
    for (const auto& [path, id] : all) {
      const auto& inode = tree.inode(id);
      std::string text = fmt::format("{} {:o} {}:{}", "fdlcbps"[static_cast<int>(inode.type)], inode.metadata.mode, inode.metadata.uid, inode.metadata.gid);
      if (inode.type == layers::EntryType::regular) text += " " + sink.text(inode.content);
      if (inode.type == layers::EntryType::symlink) text += " " + std::string(tree.symlink_target(inode));
      for (const auto& [name, value] : tree.xattrs(inode.metadata.xattrs)) text += " " + name + "=" + value;
      const auto [at, fresh] = first.emplace(id, path);
      if (!fresh) text += " = " + at->second;
      out[path] = text;
    }
    return out;
  }
};

inline std::string Flat::summary() const {
  std::string out;
  std::map<layers::InodeId, std::string> first;
  const auto attributes = [&](const layers::Inode& inode, unsigned usual) {
    const auto& metadata = inode.metadata;
    std::string text;
    if (metadata.mode != usual) text += fmt::format(" {:o}", metadata.mode);
    if (metadata.uid != 0 || metadata.gid != 0) text += fmt::format(" {}:{}", metadata.uid, metadata.gid);
    if (metadata.mtime != 0) text += fmt::format(" @{}", metadata.mtime);
    for (const auto& [name, value] : tree.xattrs(metadata.xattrs)) text += fmt::format(" {}={}", name, value.size() > 40 ? value.substr(0, 40) + "..." : value);
    return text;
  };
  const auto line = [&](const std::string& path, layers::InodeId id) {
    const auto& inode = tree.inode(id);
    const auto [at, fresh] = first.emplace(id, path);
    if (!fresh) return path + " = " + at->second;
    const auto device = [&](char letter) { return fmt::format(" {}{}:{}", letter, inode.data >> 20, inode.data & 0xfffff); };
    switch (inode.type) {
      case layers::EntryType::regular: return path + ":" + sink.text(inode.content) + attributes(inode, 0644);
      case layers::EntryType::directory: return path + "/" + attributes(inode, 0755);
      case layers::EntryType::symlink: return path + " -> " + std::string(tree.symlink_target(inode)) + attributes(inode, 0777);
      case layers::EntryType::char_device: return path + device('c') + attributes(inode, 0644);
      case layers::EntryType::block_device: return path + device('b') + attributes(inode, 0644);
      case layers::EntryType::fifo: return path + " |" + attributes(inode, 0644);
      case layers::EntryType::socket: break;
    }
    return path + " ?";
  };
  std::map<std::string, layers::InodeId> all;
  std::vector<std::pair<std::string, layers::InodeId>> open{{"", layers::Tree::kRoot}};
  while (!open.empty()) {
    const auto [prefix, directory] = open.back();
    open.pop_back();
    for (const auto name : tree.sorted_children(directory)) {
      const std::string here = prefix + std::string(tree.text_of(name));
      all[here] = tree.inode_of(name);
      if (tree.inode(tree.inode_of(name)).type == layers::EntryType::directory) open.emplace_back(here + "/", tree.inode_of(name));
    }
  }
  const auto& root = tree.inode(layers::Tree::kRoot);
  if (auto text = attributes(root, 0755); text != " @7" && !text.empty()) out = "[" + text.substr(1) + "]";
  for (const auto& [path, id] : all) out += (out.empty() ? "" : "; ") + printable(line(path, id), 400);
  return out;
}

inline std::unique_ptr<Flat> flatten(const std::vector<std::string>& tars, const layers::LayerOptions& options = {}, const Limits& limits = {}) {
  auto flat = std::make_unique<Flat>();
  const auto open = [&](std::size_t index) {
    return layers::LayerBlob{.source = std::make_unique<MemorySource>(as_bytes(tars[index])), .name = fmt::format("layer {}", index + 1)};
  };
  layers::Flattener flattener(limits, flat->warnings);
  for (std::size_t index = tars.size(); index-- > 0;) {
    layers::LayerReader reader(open(index), options, limits, flat->warnings);
    flattener.begin_layer(7);
    while (const auto entry = reader.next()) {
      if (flattener.accept(*entry) == layers::Flattener::Decision::pack) flattener.set_content(reader.read_content(flat->sink));
    }
  }
  std::vector<layers::Flattener::Missing> missing;
  flat->tree = flattener.finish(missing);
  flat->missing = missing.size();
  for (const auto& file : missing) {
    layers::LayerReader reader(open(tars.size() - 1 - file.layer), options, limits, flat->warnings);
    for (std::uint64_t index = 0;; ++index) {
      const auto entry = reader.next();
      if (index != file.entry) continue;
      flat->tree.inode(file.inode).content = reader.read_content(flat->sink);
      break;
    }
  }
  return flat;
}

}  // namespace sifkit::testing
