// SPDX-License-Identifier: Apache-2.0
#include "report/size_map.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_set>

#include <sifkit/layers/walk.h>

namespace sifkit::inspect {

using namespace layers;

namespace {

struct Node {
  std::size_t parent = 0;
  NameId name = kNone;
  bool directory = false;
  std::uint64_t bytes = 0;
  std::uint64_t names = 1;
};

/// All names, a directory before what is in it; each file's bytes once.
std::vector<Node> all_nodes(const Tree& tree, const OperationContext& operation) {
  std::vector<Node> nodes{{.directory = true}};
  std::vector<std::size_t> open{0};
  std::unordered_set<InodeId> counted;
  walk(
      tree, Tree::kRoot,
      [&](const WalkedName& here) {
        operation.check();
        const Inode& inode = tree.inode(here.inode);
        Node node{.parent = open.back(), .name = here.name, .directory = inode.type == EntryType::directory};
        const bool again = inode.links > 1 && !counted.insert(here.inode).second;
        if (inode.type == EntryType::regular && !again) node.bytes = inode.size;
        nodes.push_back(node);
        if (node.directory) open.push_back(nodes.size() - 1);
        return true;
      },
      [&](const WalkedName&) { open.pop_back(); });
  for (std::size_t i = nodes.size(); i-- > 1;) {
    nodes[nodes[i].parent].bytes += nodes[i].bytes;
    nodes[nodes[i].parent].names += nodes[i].names;
  }
  return nodes;
}

}  // namespace

std::vector<SizedName> size_map(const Tree& tree, std::size_t most, const OperationContext& operation) {
  const auto nodes = all_nodes(tree, operation);
  std::vector<std::size_t> order(nodes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A directory is not smaller than what is in it, and stands before it: so with a name its directory is kept.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return nodes[a].bytes > nodes[b].bytes; });
  if (order.size() > most) order.resize(std::max<std::size_t>(most, 1));
  std::sort(order.begin(), order.end());

  std::vector<SizedName> out;
  std::vector<std::size_t> places(nodes.size(), nodes.size());
  for (const std::size_t i : order) {
    const Node& node = nodes[i];
    places[i] = out.size();
    out.push_back({i == 0 ? 0 : places[node.parent], i == 0 ? std::string() : std::string(tree.text_of(node.name)), node.bytes,
                   node.names, node.directory ? SizedName::Kind::directory : SizedName::Kind::file});
  }
  std::map<std::size_t, SizedName> others;
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    const bool left_out = places[i] == nodes.size() && places[nodes[i].parent] != nodes.size();
    if (!left_out) continue;
    auto& rest = others.try_emplace(places[nodes[i].parent], SizedName{places[nodes[i].parent], {}, 0, 0, SizedName::Kind::others}).first->second;
    rest.bytes += nodes[i].bytes;
    rest.names += nodes[i].names;
  }
  for (auto& [parent, rest] : others) out.push_back(std::move(rest));
  return out;
}

}  // namespace sifkit::inspect
