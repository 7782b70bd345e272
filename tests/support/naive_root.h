// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sifkit/core/limits.h>
#include <sifkit/layers/entry.h>

#include "tar_builder.h"

namespace sifkit::testing {

/// One member of a layer.
struct LayerChange {
  TarEntry entry;                    ///< as it is written
  std::string path;                  ///< clean; of a whiteout: what it hides
  layers::Whiteout whiteout = layers::Whiteout::none;
  std::string target;                ///< clean path of a hard link's target
};

/// A file system in memory that layers are extracted into, one change after the other, in the most direct way.
class NaiveRoot {
 public:
  struct Node {
    TarEntry entry;
    std::map<std::string, std::shared_ptr<Node>> children;
    std::set<std::string> upper;  ///< names here that the current layer has brought or gone through
    std::set<std::string> named;  ///< of these, directories that have an entry of their own

    bool is_directory() const { return entry.type == '5'; }
  };
  struct Refused {};

  void begin_layer() { forget_upper(*root_); }

  /// Throws Refused.
  void apply(const LayerChange& change) {
    if (change.path.empty() && change.whiteout == layers::Whiteout::none) {
      root_->entry = change.entry;
      return;
    }
    if (change.whiteout == layers::Whiteout::opaque_dir) {
      if (Node* directory = walk(change.path, false)) remove_lower(*directory);
      return;
    }
    const auto [parent, name] = split(change.path);
    if (change.whiteout == layers::Whiteout::explicit_file) {
      Node* directory = walk(parent, false);
      const auto child = directory == nullptr ? nullptr : directory->children.contains(name) ? directory->children[name] : nullptr;
      if (!child) return;
      if (!directory->upper.contains(name)) {
        directory->children.erase(name);
      } else if (child->is_directory()) {
        renew(*directory, name);
        remove_lower(*child);
      }
      return;
    }
    if (change.entry.type == '1') return link(change.target, parent, name);
    Node& directory = *walk(parent, true);
    auto& child = directory.children[name];
    if (child && child->is_directory() && change.entry.type == '5') {
      child->entry = change.entry;
    } else {
      child = std::make_shared<Node>();
      child->entry = change.entry;
    }
    directory.upper.insert(name);
    if (child->is_directory()) directory.named.insert(name);
  }

  std::map<std::string, std::shared_ptr<Node>> all() const {
    std::map<std::string, std::shared_ptr<Node>> out;
    list(*root_, "", out);
    return out;
  }
  const Node& root() const { return *root_; }

  static std::pair<std::string, std::string> split(const std::string& path) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
  }

 private:
  static std::list<std::string> components(const std::string& path) {
    std::list<std::string> out;
    for (std::size_t at = 0; at <= path.size();) {
      const auto slash = std::min(path.find('/', at), path.size());
      if (slash != at) out.push_back(path.substr(at, slash - at));
      at = slash + 1;
    }
    return out;
  }

  static std::shared_ptr<Node> new_directory() {
    auto node = std::make_shared<Node>();
    node->entry = {.name = "", .type = '5', .mode = 0755, .mtime = 7};
    return node;
  }

  /// The directory that a path leads to, links followed inside the root. With `create` it and those before it are made,
  /// whatever is in their way, and count as the layer's own.
  Node* walk(const std::string& path, bool create) {
    std::list<std::string> left = components(path);
    std::vector<std::pair<Node*, std::string>> way;  // a directory, and the name in it that was gone to
    Node* here = root_.get();
    const auto back_to = [&](std::size_t depth) {
      if (depth < way.size()) here = way[depth].first;
      way.resize(depth);
    };
    for (unsigned hops = 0; !left.empty();) {
      const std::string name = left.front();
      left.pop_front();
      if (name == ".") continue;
      if (name == "..") {
        if (!way.empty()) back_to(way.size() - 1);
        continue;
      }
      const auto found = here->children.find(name);
      const bool there = found != here->children.end();
      if (there && found->second->entry.type == '2') {
        if (++hops > Limits().symlink_hops) throw Refused();
        const std::string& target = found->second->entry.link;
        if (target.starts_with('/')) back_to(0);
        left.splice(left.begin(), components(target));
        continue;
      }
      if (!there || !found->second->is_directory()) {
        if (!create) return nullptr;
        here->children[name] = new_directory();
        here->upper.insert(name);
        here->named.erase(name);
      }
      way.emplace_back(here, name);
      here = here->children[name].get();
    }
    if (create) {
      for (const auto& [directory, name] : way) directory->upper.insert(name);
    }
    return here;
  }

  void link(const std::string& target, const std::string& parent, const std::string& name) {
    const auto [target_parent, target_name] = split(target);
    Node* from = walk(target_parent, false);
    if (from == nullptr || !from->children.contains(target_name)) throw Refused();
    const auto node = from->children[target_name];
    if (node->is_directory()) throw Refused();
    Node& directory = *walk(parent, true);
    if (&directory == from && name == target_name) throw Refused();
    directory.children[name] = node;
    directory.upper.insert(name);
    std::size_t names = 0;
    for (const auto& [path, other] : all()) names += other == node ? 1u : 0u;
    if (names < 2) throw Refused();
  }

  /// A directory that is hidden, and that the layer has not named, is one that no layer names.
  static void renew(Node& directory, const std::string& name) {
    if (!directory.named.contains(name)) directory.children.at(name)->entry = new_directory()->entry;
  }

  static void remove_lower(Node& directory) {
    std::erase_if(directory.children, [&](const auto& child) { return !directory.upper.contains(child.first); });
    for (const auto& [name, child] : directory.children) {
      if (!child->is_directory()) continue;
      renew(directory, name);
      remove_lower(*child);
    }
  }

  static void forget_upper(Node& directory) {
    directory.upper.clear();
    directory.named.clear();
    for (const auto& [name, child] : directory.children) forget_upper(*child);
  }

  static void list(const Node& directory, const std::string& prefix, std::map<std::string, std::shared_ptr<Node>>& out) {
    for (const auto& [name, child] : directory.children) {
      out[prefix + name] = child;
      list(*child, prefix + name + "/", out);
    }
  }

  std::shared_ptr<Node> root_ = new_directory();
};

}  // namespace sifkit::testing
