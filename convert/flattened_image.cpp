// SPDX-License-Identifier: Apache-2.0
#include "flattened_image.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_set>
#include <utility>

#include <sifkit/core/error.h>

namespace sifkit {

using namespace layers;

namespace {

ConvertOptions reading_options(const oci::SourceOptions& source) {
  ConvertOptions options;
  static_cast<oci::SourceOptions&>(options) = source;
  return options;
}

}  // namespace

FlattenedImage::FlattenedImage(std::shared_ptr<oci::OpenedSource> source, const oci::SourceOptions& options,
                               WarningList& warnings)
    : source_(std::move(source)),
      options_(reading_options(options)),
      image_(source_->open_image()),
      root_(std::make_unique<LayeredRoot>(*image_, *source_, options_, warnings, report_)) {
  options_.operation.progress->stage("reading layers", image_->compressed_bytes());
  // As a build has it: what no layer says the time of is as old as the image.
  const auto time = std::clamp<std::int64_t>(image_->config().created_seconds.value_or(0), 0,
                                             std::numeric_limits<std::uint32_t>::max());
  std::vector<LayeredRoot::Missing> contents;
  tree_ = root_->index(static_cast<std::uint32_t>(time), contents);
  for (const auto& file : contents) contents_.emplace(file.inode, file);
}

std::optional<std::size_t> FlattenedImage::layer_of(InodeId inode) const {
  const auto found = contents_.find(inode);
  if (found == contents_.end()) return std::nullopt;
  return image_->layers().size() - 1 - found->second.layer;
}

void FlattenedImage::read_files(std::vector<InodeId> files, const SinkFor& sink_for) {
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  std::vector<LayeredRoot::Missing> wanted;
  for (const InodeId id : files) {
    if (tree_.inode(id).type != EntryType::regular) throw Error(ErrorKind::usage, "only regular files have contents");
    if (const auto found = contents_.find(id); found != contents_.end()) {
      wanted.push_back(found->second);
    } else if (ContentSink* sink = sink_for(id)) {
      sink->begin(0);
      sink->end();
    }
  }
  std::sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.layer, a.entry) < std::tie(b.layer, b.entry);
  });
  for (std::span<const LayeredRoot::Missing> left = wanted; !left.empty();) {
    const auto end = std::find_if(left.begin(), left.end(), [&](const auto& file) { return file.layer != left[0].layer; });
    root_->read_again({left.begin(), end}, [&](const auto& file, const Entry&, LayerReader& reader) {
      if (ContentSink* sink = sink_for(file.inode)) reader.read_content(*sink);
    });
    left = {end, left.end()};
  }
}

void FlattenedImage::read_hidden(const std::function<ContentSink*(const HiddenFile&)>& sink_for) {
  const auto usage = layer_usage();
  for (std::size_t layer = 0; layer < usage.size(); ++layer) {
    if (usage[layer].lost_files == 0) continue;
    std::unordered_set<std::uint64_t> kept;
    for (const auto& [inode, file] : contents_) {
      if (layer_of(inode) == layer) kept.insert(file.entry);
    }
    root_->read_again(layer, [&](std::uint64_t number, const Entry& entry, LayerReader& reader) {
      if (entry.type != EntryType::regular || entry.size == 0 || entry.hard_link || entry.whiteout != Whiteout::none) return;
      if (kept.contains(number)) return;
      if (ContentSink* sink = sink_for({layer, entry.path, entry.size})) reader.read_content(*sink);
    });
  }
}

void FlattenedImage::list_lost(const TakeLostFile& take) {
  const auto usage = layer_usage();
  if (std::all_of(usage.begin(), usage.end(), [](const auto& layer) { return layer.lost_files == 0; })) return;
  // Who never asks for paths does not pay for them: they are made in a merge of their own, and none of them is kept.
  options_.operation.progress->stage("reading layers", image_->compressed_bytes());
  WarningList told;  // when the layers were read for the first time
  ConvertReport unheard;
  std::vector<LayeredRoot::Missing> contents;
  LayeredRoot(*image_, *source_, options_, told, unheard).index(0, contents, take);
}

ContentId FlattenedImage::read(InodeId inode, ContentSink& sink) {
  read_files({inode}, [&](InodeId) { return &sink; });
  return kEmptyContent;
}

}  // namespace sifkit
