// SPDX-License-Identifier: Apache-2.0
#include "packing_record.h"

#include <algorithm>
#include <limits>
#include <map>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/layers/walk.h>
#include <sifkit/version.h>

#include "container_metadata.h"

namespace sifkit {

using namespace layers;

namespace {

constexpr std::size_t kMaxRecorded = 1u << 16;
constexpr const char* kMember = "sifkit";

/// Whether contents came in the order in which inodes are gone through, newest layer first, and all of them.
bool is_packed_in_order(const Tree& tree, const LayerOrigin& origin, std::uint64_t contents) {
  std::uint64_t next = 1;  // 0 is the empty one
  const auto covers = [&](InodeId first, InodeId end) {
    for (InodeId id = first; id < end; ++id) {
      const Inode& inode = tree.inode(id);
      if (inode.type != EntryType::regular || inode.links == 0 || inode.size == 0) continue;
      const auto content = static_cast<std::uint32_t>(inode.content);
      if (content > next) return false;
      if (content == next) ++next;
    }
    return true;
  };
  InodeId end = origin.end;
  for (auto first = origin.tree.first_inodes.rbegin(); first != origin.tree.first_inodes.rend(); ++first) {
    if (!covers(*first, end)) return false;
    end = *first;
  }
  return covers(origin.end, static_cast<InodeId>(tree.inode_count())) && next == contents;
}

/// Whether what the layers brought has its names still. A file that a build empties needs none: it brings nothing.
bool keeps_names(const Tree& tree, const LayerOrigin& origin) {
  const auto emptied = std::count_if(origin.emptied.begin(), origin.emptied.end(),
                                     [&](InodeId id) { return tree.inode(id).links == 0; });
  return named_inodes(tree, origin.end) + static_cast<std::size_t>(emptied) == origin.named;
}

/// Fills `first_names` of the record; false where the name is gone.
bool note_first_names(const Tree& tree, const LayerOrigin& origin, const std::vector<std::uint32_t>& numbers,
                      PackingRecord& record) {
  if (origin.tree.first_names.empty()) return true;
  std::map<InodeId, std::vector<NameId>> names;
  for (const auto& [inode, name] : origin.tree.first_names) names[inode];
  walk(tree, Tree::kRoot, [&](const WalkedName& here) {
    if (const auto found = names.find(here.inode); found != names.end()) found->second.push_back(here.name);
    return true;
  });
  for (const auto& [inode, name] : origin.tree.first_names) {
    const auto& all = names[inode];
    if (all.empty()) continue;
    const auto at = std::find(all.begin(), all.end(), name);
    if (at == all.end()) return false;
    if (at != all.begin()) record.first_names.emplace_back(numbers[inode], static_cast<std::uint32_t>(at - all.begin()));
  }
  return true;
}

std::uint32_t number_of(const JsonView& view) {
  const auto number = view.unsigned_number();
  if (number > std::numeric_limits<std::uint32_t>::max()) view.fail("the number of an inode");
  return static_cast<std::uint32_t>(number);
}

}  // namespace

std::size_t named_inodes(const Tree& tree, InodeId end) {
  std::size_t out = 0;
  for (InodeId id = 0; id < end; ++id) {
    if (tree.inode(id).links != 0) ++out;
  }
  return out;
}

std::string packing_options(const ConvertOptions& options) {
  const auto& squashfs = options.squashfs;
  return fmt::format("{} {} {} {} {} {} {} {}", SIFKIT_VERSION_STRING, static_cast<int>(squashfs.codec), squashfs.level, squashfs.fast,
                     squashfs.block_size, options.all_root, static_cast<int>(options.layers.xattrs),
                     options.keep_capabilities);
}

std::optional<PackingRecord> packing_record(const Tree& tree, const LayerOrigin& origin, const SquashfsSummary& summary,
                                            const ConvertOptions& options) {
  const auto& first_inodes = origin.tree.first_inodes;
  if (first_inodes.size() != origin.diff_ids.size() || !is_packed_in_order(tree, origin, summary.contents)) return std::nullopt;
  if (!keeps_names(tree, origin)) return std::nullopt;
  // What a layer brought of a container stays, is moved or is replaced; which of it cannot be seen afterwards.
  const auto own = tree.resolve(kRuntimeDirectory, false);
  if (own && *own < origin.end) return std::nullopt;
  const auto numbers = inode_numbers(tree);
  // Of inodes that have no name any more the next one counts.
  const auto number_from = [&](InodeId first) {
    const auto found = std::find_if(numbers.begin() + first, numbers.end(), [](std::uint32_t number) { return number != 0; });
    return found == numbers.end() ? static_cast<std::uint32_t>(summary.inodes + 1) : *found;
  };
  PackingRecord record;
  record.options = packing_options(options);
  for (std::size_t i = 0; i < first_inodes.size(); ++i) record.layers.push_back({origin.diff_ids[i], number_from(first_inodes[i])});
  record.first_added = number_from(origin.end);
  for (const InodeId id : origin.tree.implied) {
    if (numbers[id] != 0) record.implied.push_back(numbers[id]);
  }
  record.checksum = summary.checksum;
  const bool complete = note_first_names(tree, origin, numbers, record);
  if (!complete || record.implied.size() > kMaxRecorded || record.first_names.size() > kMaxRecorded) return std::nullopt;
  return record;
}

std::uint64_t expected_record_bytes(std::size_t layers) {
  static constexpr std::uint64_t kFixed = 1024;
  static constexpr std::uint64_t kLayer = 96;
  return kFixed + layers * kLayer;
}

std::string with_packing_record(std::string metadata, const PackingRecord& record) {
  Json layers = Json::array();
  for (const auto& layer : record.layers) layers.push_back({layer.diff_id.text(), layer.first_inode});
  const Json packing = {{"options", record.options},   {"layers", layers},
                        {"added", record.first_added}, {"implied", record.implied},
                        {"names", record.first_names}, {"checksum", record.checksum.text()}};
  SIFKIT_CHECK(metadata.ends_with('}'));
  metadata.pop_back();
  return metadata + fmt::format(",\"{}\":{{\"packing\":{}}}}}", kMember, packing.dump());
}

std::string without_packing_record(std::string metadata, const Limits& limits) {
  Json document;
  try {
    document = parse_json(metadata, "the packing record", limits);
  } catch (const Error&) {
    return metadata;
  }
  if (!document.is_object() || document.erase(kMember) == 0) return metadata;
  // As a rule the rest is as it was written, in the order in which it was.
  const auto at = metadata.rfind(fmt::format(",\"{}\":{{\"packing\":", kMember));
  if (at != std::string::npos) {
    const std::string rest = metadata.substr(0, at) + "}";
    if (Json::parse(rest, nullptr, false) == document) return rest;
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<PackingRecord> read_packing_record(std::string_view metadata, const Limits& limits) {
  const Json document = parse_json(metadata, "the packing record", limits);
  const auto packing = JsonView(document, "")[kMember]["packing"];
  if (packing.is_null()) return std::nullopt;
  PackingRecord record;
  record.options = packing["options"].text();
  const auto layers = packing["layers"];
  for (std::size_t i = 0; i < layers.require_array().size(); ++i) {
    record.layers.push_back({Digest::parse(layers.at(i).at(0).text()), number_of(layers.at(i).at(1))});
  }
  record.first_added = number_of(packing["added"]);
  const auto implied = packing["implied"];
  for (std::size_t i = 0; i < implied.require_array().size(); ++i) record.implied.push_back(number_of(implied.at(i)));
  const auto names = packing["names"];
  for (std::size_t i = 0; i < names.require_array().size(); ++i) {
    record.first_names.emplace_back(number_of(names.at(i).at(0)), number_of(names.at(i).at(1)));
  }
  record.checksum = Digest::parse(packing["checksum"].text());
  return record;
}

std::optional<PackingRecord> read_packing_record(const sif::Image& image, const Limits& limits) {
  const auto objects = image.objects_of(sif::DataType::generic_json);
  const auto found = std::find_if(objects.begin(), objects.end(),
                                  [](const auto* object) { return object->name() == kInspectMetadataName; });
  if (found == objects.end()) return std::nullopt;
  return read_packing_record(as_text(image.read_data(**found, limits.json_bytes)), limits);
}

}  // namespace sifkit
