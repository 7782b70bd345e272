// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/convert.h>
#include <sifkit/core/digest.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>
#include <sifkit/sif/image.h>

namespace sifkit {

/// How a tree was read from the layers of an image.
struct LayerOrigin {
  layers::TreeOrigin tree;
  layers::InodeId end = 0;       ///< what was added behind the layers has this number or a higher one
  std::vector<Digest> diff_ids;  ///< oldest first
  std::size_t named = 0;         ///< inodes of the layers that have a name
  std::vector<layers::InodeId> emptied;  ///< those of them that the build replaces by empty files
};

/// What an image says of how it was packed, for one who builds it again with more layers (docs/formats.md, "Packing
/// record"). It is there only where the stored files follow from the layers and the order of inodes alone.
struct PackingRecord {
  struct Layer {
    Digest diff_id;
    std::uint32_t first_inode = 0;
  };
  std::string options;
  std::vector<Layer> layers;    ///< oldest first
  std::uint32_t first_added = 0;  ///< inodes from here on are the build's own
  std::vector<std::uint32_t> implied;  ///< directories that no layer names
  /// Of an inode with several names, the one (in the order of paths, from 0) that its layer has the bytes under, where
  /// that is not the first.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> first_names;
  Digest checksum;  ///< layers::SquashfsSummary::checksum
};

/// How many inodes before `end` have a name.
std::size_t named_inodes(const layers::Tree& tree, layers::InodeId end);

/// What decides how a layer is packed: the version of this library, whose rules may change, and options.
std::string packing_options(const ConvertOptions& options);

/// The record of a finished tree. Nothing where contents were stored that no inode shows, or not in the order of inodes.
std::optional<PackingRecord> packing_record(const layers::Tree& tree, const LayerOrigin& origin,
                                            const layers::SquashfsSummary& summary, const ConvertOptions& options);

/// An upper bound for its text, as a rule.
std::uint64_t expected_record_bytes(std::size_t layers);

/// The text of "inspect-metadata.json" with a record in it.
std::string with_packing_record(std::string metadata, const PackingRecord& record);

/// Such a text without the record; any other one as it is.
std::string without_packing_record(std::string metadata, const Limits& limits);

/// The record in such a text; nothing where there is none. Throws malformed for what is no record.
std::optional<PackingRecord> read_packing_record(std::string_view metadata, const Limits& limits);

/// The same of a SIF.
std::optional<PackingRecord> read_packing_record(const sif::Image& image, const Limits& limits);

}  // namespace sifkit
