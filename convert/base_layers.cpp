// SPDX-License-Identifier: Apache-2.0
#include "base_layers.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/layers/walk.h>

namespace sifkit {

using namespace layers;

BaseLayers::BaseLayers(std::shared_ptr<const PackedBlocks> blocks, const PackingRecord& record)
    : blocks_(std::move(blocks)), record_(record) {
  std::uint32_t last = 1;
  for (const auto& layer : record_.layers) {
    if (layer.first_inode < last) throw Error(ErrorKind::malformed, "the layers of the packing record are out of order");
    last = layer.first_inode;
  }
  if (record_.layers.empty() || record_.first_added < last || record_.first_added > blocks_->by_number().size()) {
    throw Error(ErrorKind::malformed, "the packing record counts other inodes than the image has");
  }
}

bool BaseLayers::are_oldest_of(std::span<const Digest> diff_ids) const {
  return record_.layers.size() <= diff_ids.size() &&
         std::equal(record_.layers.begin(), record_.layers.end(), diff_ids.begin(),
                    [](const PackingRecord::Layer& layer, const Digest& diff_id) { return layer.diff_id == diff_id; });
}

bool BaseLayers::is_sound(const OperationContext& operation, unsigned threads) const {
  try {
    return blocks_->checksum(operation, threads) == record_.checksum;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return false;
  }
}

const std::vector<BaseLayers::Item>& BaseLayers::items(std::size_t layer) {
  if (layers_.empty()) read_names();
  return layers_.at(layer);
}

BaseLayers::Item BaseLayers::item_of(InodeId id, const std::string& path) const {
  const Tree& tree = blocks_->tree();
  const Inode& inode = tree.inode(id);
  Item item;
  item.inode = id;
  Entry& entry = item.entry;
  entry.path = path;
  entry.type = inode.type;
  entry.metadata = inode.metadata;
  entry.metadata.xattrs = 0;  // a number in the other tree
  entry.xattrs = tree.xattrs(inode.metadata.xattrs);
  entry.size = inode.size;
  if (inode.type == EntryType::symlink) entry.link_target = tree.symlink_target(inode);
  if (inode.type == EntryType::char_device || inode.type == EntryType::block_device) {
    entry.device_major = device_major(inode.data);
    entry.device_minor = device_minor(inode.data);
  }
  return item;
}

void BaseLayers::read_names() {
  const Tree& tree = blocks_->tree();
  const auto by_number = blocks_->by_number();
  std::vector<std::vector<std::string>> paths(tree.inode_count());
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    paths[here.inode].emplace_back(here.path);
    return true;
  });
  paths[Tree::kRoot].emplace_back();
  for (const auto& [number, name] : record_.first_names) {
    if (number >= by_number.size() || by_number[number] == kNone || name >= paths[by_number[number]].size()) {
      throw Error(ErrorKind::malformed, "the packing record has names that the image has not");
    }
    auto& names = paths[by_number[number]];
    std::rotate(names.begin(), names.begin() + name, names.begin() + name + 1);
  }
  layers_.resize(record_.layers.size());
  for (std::size_t layer = 0; layer < layers_.size(); ++layer) {
    auto& items = layers_[layer];
    std::vector<Item> links;
    const auto end = layer + 1 == layers_.size() ? record_.first_added : record_.layers[layer + 1].first_inode;
    for (std::uint32_t number = layer == 0 ? 1 : record_.layers[layer].first_inode; number < end; ++number) {
      const InodeId id = by_number[number];
      if (id == kNone || paths[id].empty()) continue;
      Item item = item_of(id, paths[id].front());
      item.implied = std::binary_search(record_.implied.begin(), record_.implied.end(), number);
      // The root is there before any entry.
      if (item.implied && id == Tree::kRoot) continue;
      for (std::size_t i = 1; i < paths[id].size(); ++i) {
        Item link = item;
        link.entry.hard_link = true;
        link.entry.link_target = item.entry.path;
        link.entry.path = paths[id][i];
        link.entry.xattrs.clear();
        links.push_back(std::move(link));
      }
      items.push_back(std::move(item));
      paths[id] = {};
    }
    std::move(links.begin(), links.end(), std::back_inserter(items));
  }
}

}  // namespace sifkit
