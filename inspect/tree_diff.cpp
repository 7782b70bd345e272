// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/tree_diff.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/inspect/content_digests.h>
#include <sifkit/inspect/tree_digest.h>
#include <sifkit/layers/squashfs.h>
#include <sifkit/layers/entry_names.h>
#include <sifkit/layers/walk.h>

namespace sifkit::inspect {

using namespace layers;

namespace {

using Names = std::map<std::string, InodeId>;

/// The names of a tree that are not ignored, by path.
Names names_of(const Tree& tree, const TreeDiffOptions& options, const OperationContext& operation) {
  Names out{{"", Tree::kRoot}};
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    operation.check();
    if (!options.ignored.empty() && options.ignored.matches(here.path)) return false;
    out.emplace(here.path, here.inode);
    return true;
  });
  return out;
}

/// One of two trees, with the first name of each inode that has several.
struct Side {
  Side(FileSystem& of, const TreeDiffOptions& options, const OperationContext& operation)
      : files(of), tree(of.tree()), names(names_of(tree, options, operation)) {}

  void name_inodes() {
    for (const auto& [path, inode] : names) first_names.try_emplace(inode, path);
  }

  const Inode& inode(InodeId id) const { return tree.inode(id); }

  FileSystem& files;
  const Tree& tree;
  Names names;
  std::unordered_map<InodeId, std::string> first_names;
  std::unordered_map<InodeId, ContentDigest> digests;
};

/// Takes what a build has added to one or both of two trees out of them. Directories that a build makes where the image
/// has none count where both trees have them: a build keeps those of the image as they are.
void leave_out_additions(Side& first, Side& second) {
  const bool one = is_container(first.tree);
  const bool both = one && is_container(second.tree);
  if (!one && !is_container(second.tree)) return;
  const auto leave_out = [&](Side& side, const Names& others) {
    std::erase_if(side.names, [&](const auto& name) {
      const auto& [path, id] = name;
      if (is_of_runtime(side.tree, path, id)) return true;
      if (both || !is_runtime_file(side.tree, path, id)) return false;
      return side.inode(id).type != EntryType::directory || !others.contains(path);
    });
  };
  // What goes from the first has no name in the second, or goes from there, too.
  leave_out(first, second.names);
  leave_out(second, first.names);
}

bool is_file_with_bytes(const Inode& inode) { return inode.type == EntryType::regular && inode.size != 0; }

/// Errors of what is done with something that has a name say it.
template <class Work>
auto naming(const std::string& name, const Work& work) -> decltype(work()) {
  if (name.empty()) return work();
  return in_context([&] { return name; }, work);
}

class Comparison {
 public:
  Comparison(FileSystem& first, FileSystem& second, const TreeDiffOptions& options, const OperationContext& operation)
      : options_(options),
        operation_(operation),
        first_(first, options, operation),
        second_(second, options, operation) {
    if (!options.with_runtime_files) leave_out_additions(first_, second_);
    first_.name_inodes();
    second_.name_inodes();
  }

  std::vector<TreeChange> changes() {
    read_contents();
    std::vector<TreeChange> out;
    for (const auto& [path, inode] : first_.names) {
      const auto there = second_.names.find(path);
      if (there == second_.names.end()) {
        out.push_back({ChangeKind::removed, path, {}, {}, inode, kNone});
      } else if (auto facts = differences(inode, there->second); !facts.empty()) {
        out.push_back({ChangeKind::changed, path, {}, std::move(facts), inode, there->second});
      }
    }
    for (const auto& [path, inode] : second_.names) {
      if (!first_.names.contains(path)) out.push_back({ChangeKind::added, path, {}, {}, kNone, inode});
    }
    find_renames(out);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return out;
  }

 private:
  /// Of files that may be equal or renamed: nothing else needs its bytes.
  void read_contents() {
    std::set<std::uint64_t> gone;
    std::set<std::uint64_t> came;
    for (const auto& [path, id] : first_.names) {
      if (!second_.names.contains(path) && is_file_with_bytes(first_.inode(id))) gone.insert(first_.inode(id).size);
    }
    for (const auto& [path, id] : second_.names) {
      if (!first_.names.contains(path) && is_file_with_bytes(second_.inode(id))) came.insert(second_.inode(id).size);
    }
    std::vector<InodeId> of_first;
    std::vector<InodeId> of_second;
    for (const auto& [path, id] : first_.names) {
      const Inode& inode = first_.inode(id);
      if (!is_file_with_bytes(inode)) continue;
      const auto there = second_.names.find(path);
      if (there == second_.names.end()) {
        if (came.contains(inode.size)) of_first.push_back(id);
        continue;
      }
      const Inode& other = second_.inode(there->second);
      if (other.type != EntryType::regular || other.size != inode.size) continue;
      if (stored_alike(id, there->second)) continue;
      of_first.push_back(id);
      of_second.push_back(there->second);
    }
    for (const auto& [path, id] : second_.names) {
      const Inode& inode = second_.inode(id);
      if (is_file_with_bytes(inode) && !first_.names.contains(path) && gone.contains(inode.size)) of_second.push_back(id);
    }
    const auto read = [&](Side& side, std::vector<InodeId> files, const std::string& name) {
      naming(name, [&] { side.digests = content_digests(side.files, std::move(files), operation_); });
    };
    read(first_, std::move(of_first), options_.first_name);
    read(second_, std::move(of_second), options_.second_name);
  }

  /// Whether nothing need be unpacked to know that two files hold the same.
  bool stored_alike(InodeId a, InodeId b) {
    operation_.check();
    auto* first = dynamic_cast<SquashfsReader*>(&first_.files);
    auto* second = dynamic_cast<SquashfsReader*>(&second_.files);
    if (first == nullptr || second == nullptr) return false;
    const bool named = !options_.first_name.empty() && !options_.second_name.empty();
    const auto name = named ? fmt::format("{} or {}", options_.first_name, options_.second_name) : std::string();
    const bool alike = naming(name, [&] { return first->stored_alike(a, *second, b); });
    if (alike) alike_.emplace(a, b);
    return alike;
  }

  std::vector<std::string> differences(InodeId a, InodeId b) const {
    const Inode& before = first_.inode(a);
    const Inode& after = second_.inode(b);
    std::vector<std::string> facts;
    const auto fact = [&](bool differs, const char* name) {
      if (differs) facts.emplace_back(name);
    };
    fact(before.type != after.type, "type");
    if (before.type == after.type) {
      if (before.type == EntryType::regular) {
        fact(before.size != after.size, "size");
        const bool same = before.size == after.size && (before.size == 0 || alike_.contains({a, b}) || first_.digests.at(a) == second_.digests.at(b));
        fact(!same, "content");
      } else if (before.type == EntryType::symlink) {
        fact(first_.tree.symlink_target(before) != second_.tree.symlink_target(after), "target");
      } else if (before.type != EntryType::directory) {
        fact(before.data != after.data, "device");
      }
    }
    fact(before.metadata.mode != after.metadata.mode, "mode");
    fact(before.metadata.uid != after.metadata.uid || before.metadata.gid != after.metadata.gid, "owner");
    fact(!options_.ignore_times && before.metadata.mtime != after.metadata.mtime, "time");
    std::set<std::string> left_out;
    fact(comparable_xattrs(first_.tree, before, left_out) != comparable_xattrs(second_.tree, after, left_out), "xattrs");
    fact(first_.first_names.at(a) != second_.first_names.at(b), "links");
    return facts;
  }

  /// Each file that came takes the first of those that are gone with the same bytes, but rather one that had its name
  /// in another directory.
  void find_renames(std::vector<TreeChange>& changes) const {
    std::set<const TreeChange*> joined;
    for (const bool same_name : {true, false}) {
      const auto key = [&](const ContentDigest& digest, const TreeChange& change) {
        return std::pair(digest, same_name ? split_path(change.path).name : std::string_view());
      };
      std::multimap<std::pair<ContentDigest, std::string_view>, TreeChange*> gone;
      for (auto& change : changes) {
        if (change.kind != ChangeKind::removed || joined.contains(&change)) continue;
        if (const auto digest = first_.digests.find(change.before); digest != first_.digests.end()) {
          gone.emplace(key(digest->second, change), &change);
        }
      }
      for (auto& change : changes) {
        if (change.kind != ChangeKind::added) continue;
        const auto digest = second_.digests.find(change.after);
        if (digest == second_.digests.end()) continue;
        const auto match = gone.find(key(digest->second, change));
        if (match == gone.end()) continue;
        change.kind = ChangeKind::renamed;
        change.old_path = match->second->path;
        change.before = match->second->before;
        change.facts = differences(change.before, change.after);
        // Another first name is what a rename is.
        std::erase(change.facts, "links");
        joined.insert(match->second);
        gone.erase(match);
      }
    }
    std::vector<TreeChange> left;
    for (auto& change : changes) {
      if (!joined.contains(&change)) left.push_back(std::move(change));
    }
    changes = std::move(left);
  }

  const TreeDiffOptions& options_;
  const OperationContext& operation_;
  Side first_;
  Side second_;
  std::set<std::pair<InodeId, InodeId>> alike_;  ///< known to hold the same
};

}  // namespace

std::string_view to_string(ChangeKind kind) noexcept {
  switch (kind) {
    case ChangeKind::added: return "added";
    case ChangeKind::removed: return "removed";
    case ChangeKind::changed: return "changed";
    case ChangeKind::renamed: return "renamed";
  }
  return {};
}

std::vector<TreeChange> tree_diff(FileSystem& first, FileSystem& second, const TreeDiffOptions& options,
                                  const OperationContext& operation) {
  return Comparison(first, second, options, operation).changes();
}

}  // namespace sifkit::inspect
