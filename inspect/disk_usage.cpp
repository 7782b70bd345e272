// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/disk_usage.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <sifkit/inspect/content_digests.h>
#include <sifkit/layers/walk.h>

namespace sifkit::inspect {

using namespace layers;

std::vector<DiskUsage> disk_usage(const Tree& tree, InodeId start, std::size_t depth, bool all,
                                  const OperationContext& operation) {
  std::unordered_set<InodeId> counted;
  const auto own_bytes = [&](InodeId id) -> std::uint64_t {
    const Inode& inode = tree.inode(id);
    if (inode.type != EntryType::regular || (inode.links > 1 && !counted.insert(id).second)) return 0;
    return inode.size;
  };
  std::vector<DiskUsage> out;
  std::vector<DiskUsage> open{{{}, start, own_bytes(start), 1}};
  const auto close = [&](DiskUsage done) {
    open.back().bytes += done.bytes;
    open.back().names += done.names;
    if (open.size() <= depth) out.push_back(std::move(done));
  };
  walk(
      tree, start,
      [&](const WalkedName& here) {
        operation.check();
        const bool directory = tree.inode(here.inode).type == EntryType::directory;
        if (directory) {
          open.push_back({std::string(here.path), here.inode, 0, 1});
        } else if (all && open.size() <= depth) {
          close({std::string(here.path), here.inode, own_bytes(here.inode), 1});
        } else {
          open.back().bytes += own_bytes(here.inode);
          ++open.back().names;
        }
        return true;
      },
      [&](const WalkedName&) {
        DiskUsage done = std::move(open.back());
        open.pop_back();
        close(std::move(done));
      });
  out.push_back(std::move(open.back()));
  return out;
}

std::uint64_t total_bytes(const Tree& tree, const std::vector<InodeId>& starts, const OperationContext& operation) {
  std::vector<bool> counted(tree.inode_count());
  std::uint64_t bytes = 0;
  /// Whether it comes for the first time.
  const auto count = [&](InodeId id) {
    operation.check();
    if (counted[id]) return false;
    counted[id] = true;
    if (tree.inode(id).type == EntryType::regular) bytes += tree.inode(id).size;
    return true;
  };
  for (const InodeId start : starts) {
    if (count(start)) walk(tree, start, [&](const WalkedName& here) { return count(here.inode); });
  }
  return bytes;
}

std::vector<DuplicateFiles> duplicate_files(FileSystem& files, InodeId start, const OperationContext& operation) {
  const Tree& tree = files.tree();
  std::map<std::uint64_t, std::vector<InodeId>> by_size;
  std::unordered_map<InodeId, std::string> paths;
  walk(tree, start, [&](const WalkedName& here) {
    operation.check();
    const Inode& inode = tree.inode(here.inode);
    const bool first = inode.type == EntryType::regular && inode.size != 0 && paths.try_emplace(here.inode, here.path).second;
    if (first) by_size[inode.size].push_back(here.inode);
    return true;
  });
  std::vector<InodeId> doubtful;
  for (const auto& [size, same] : by_size) {
    if (same.size() > 1) doubtful.insert(doubtful.end(), same.begin(), same.end());
  }
  std::map<ContentDigest, DuplicateFiles> by_content;
  for (const auto& [inode, digest] : content_digests(files, std::move(doubtful), operation)) {
    auto& group = by_content[digest];
    group.size = tree.inode(inode).size;
    group.paths.push_back(paths.at(inode));
  }
  std::vector<DuplicateFiles> out;
  for (auto& [digest, group] : by_content) {
    if (group.paths.size() < 2) continue;
    std::sort(group.paths.begin(), group.paths.end());
    out.push_back(std::move(group));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.wasted() != b.wasted() ? a.wasted() > b.wasted() : a.paths < b.paths;
  });
  return out;
}

}  // namespace sifkit::inspect
