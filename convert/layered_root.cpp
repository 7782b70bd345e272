// SPDX-License-Identifier: Apache-2.0
#include "layered_root.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>

#include "lost_contents.h"
#include "root_check.h"
#include "runtime_files.h"

namespace sifkit {

using namespace layers;

namespace {

/// From here on one thread of each kind cannot read fast enough for the compressors.
constexpr unsigned kManyThreads = 4;
constexpr std::size_t kLayersAhead = 2;
constexpr std::size_t kFewFiles = 64;  ///< to which one goes without reading what is between them
constexpr std::uint64_t kAmpleMemory = std::uint64_t{1} << 30;  ///< of which reading ahead may take a tenth

unsigned threads_of(const ConvertOptions& options) { return options.threads != 0 ? options.threads : available_threads(); }

LayerOptions with_threads(const ConvertOptions& options) {
  LayerOptions out = options.layers;
  out.many_threads = threads_of(options) >= kManyThreads && available_memory() >= kAmpleMemory;
  return out;
}

std::string hint_for_images(const oci::Reference& reference) {
  if (reference.transport == oci::Transport::directory) {
    return fmt::format("oci:{} takes the images", printable(reference.location));
  }
  if (reference.transport == oci::Transport::tar) {
    return fmt::format("docker-archive:{0} or oci-archive:{0} takes the images", printable(reference.location));
  }
  return "was 'docker import' used where 'docker load' was meant?";
}

}  // namespace

LayeredRoot::LayeredRoot(oci::Image& image, const oci::OpenedSource& source, const ConvertOptions& options,
                         WarningList& warnings, ConvertReport& report)
    : image_(image),
      source_(source),
      options_(options),
      warnings_(warnings),
      report_(report),
      excludes_(options.excludes),
      // No image describes a plain root, so it may be a container already.
      texts_(image.config().raw.empty() ? options.limits.json_bytes : 0),
      layer_options_(with_threads(options)) {
  report_.layers = image.layers().size();
  report_.manifest_digest = image.manifest_digest();
  report_.config_digest = image.config_digest();
  for (const auto& layer : image.layers()) {
    if (layer.diff_id) diff_ids_.push_back(*layer.diff_id);
  }
  if (diff_ids_.size() != image.layers().size()) diff_ids_.clear();
}

void LayeredRoot::use(BaseLayers* base) {
  if (base == nullptr || config().raw.empty()) return;
  if (!base->are_oldest_of(diff_ids_)) {
    options_.operation.logger->write(LogLevel::debug, "all layers are read: the old image was made of others");
    return;
  }
  if (!base->is_sound(options_.operation, threads_of(options_))) {
    warnings_.add("base-damaged", "the old image has changed since it was made; all layers are read");
    return;
  }
  base_ = base;
  image_.pass_over(base->count());
}

std::uint64_t LayeredRoot::compressed_bytes() const {
  if (base_ == nullptr) return image_.compressed_bytes();
  std::uint64_t out = 0;
  for (std::size_t index = base_->count(); index < image_.layers().size(); ++index) {
    out += image_.layers()[index].size.value_or(0);
  }
  return out;
}

bool LayeredRoot::is_emptied(std::string_view path) const {
  const auto files = emptied_files();
  return !config().raw.empty() && std::find(files.begin(), files.end(), path) != files.end();
}

void LayeredRoot::take_layer(std::size_t index, std::uint32_t time, Flattener& flattener, ContentSink& sink) {
  flattener.begin_layer(time);
  ++report_.base_layers;
  for (const auto& item : base_->items(index)) {
    options_.operation.check();
    ++report_.entries;
    if (item.implied) {
      flattener.imply_directory(item.entry.path);
    } else if (flattener.accept(item.entry) == Flattener::Decision::pack && !is_emptied(item.entry.path)) {
      flattener.set_content(sink.take(base_->blocks(), item.inode));
    }
  }
  sink.end_layer();
}

void LayeredRoot::take_missing(std::span<const Missing> files, Tree& tree, ContentSink& sink) {
  const auto& items = base_->items(image_.layers().size() - 1 - files.front().layer);
  for (const Missing& file : files) {
    tree.inode(file.inode).content = sink.take(base_->blocks(), items.at(static_cast<std::size_t>(file.entry)).inode);
  }
}

RootIdentity LayeredRoot::identity() const {
  RootIdentity out{config().raw, true};
  for (const auto& layer : image_.layers()) {
    if (layer.diff_id) out.text += layer.diff_id->text() + "\n";
    out.complete = out.complete && layer.diff_id;
  }
  return out;
}

std::string LayeredRoot::name_of(std::size_t index) const {
  const auto& layer = image_.layers()[index];
  const auto name = fmt::format("layer {} of {}", index + 1, image_.layers().size());
  const auto& digest = layer.digest ? layer.digest : layer.diff_id;
  return digest ? name + " " + digest->text() : name;
}

LayerBlob LayeredRoot::blob(std::size_t index) {
  const auto& layer = image_.layers()[index];
  LayerBlob blob;
  blob.name = name_of(index);
  blob.source = image_.open_layer(index);
  blob.media_type = layer.media_type;
  blob.digest = layer.digest;
  blob.size = layer.size;
  blob.diff_id = layer.diff_id;
  blob.is_root = !layer.diff_id;
  return blob;
}

LayeredRoot::OpenLayer LayeredRoot::open_layer(std::size_t index, bool with_contents) {
  OpenLayer out;
  LayerOptions layer_options = layer_options_;
  layer_options.few_contents = !with_contents;
  try {
    out.reader = std::make_unique<LayerReader>(blob(index), layer_options, options_.limits, warnings_);
  } catch (...) {
    out.failure = std::current_exception();
  }
  return out;
}

LayeredRoot::OpenLayer LayeredRoot::open_in_turn(std::size_t index, bool with_contents) {
  OpenLayer out;
  if (ahead_.empty()) {
    out = open_layer(index, with_contents);
  } else {
    out = std::move(ahead_.front());
    ahead_.pop_front();
  }
  if (out.failure) std::rethrow_exception(out.failure);
  const bool ahead = layer_options_.many_threads && !image_.fetches_ahead();
  while (ahead && ahead_.size() < kLayersAhead && ahead_.size() < index) {
    const auto next = index - ahead_.size() - 1;
    if (with_contents && is_in_base(next)) break;
    ahead_.push_back(open_layer(next, with_contents));
  }
  return out;
}

void LayeredRoot::read_layer(std::size_t index, std::uint32_t time, Flattener& flattener, ContentSink* sink) {
  const OpenLayer layer = open_in_turn(index, sink != nullptr);
  LayerReader& reader = *layer.reader;
  const std::string name = name_of(index);
  flattener.begin_layer(time);
  const auto before = report_.entries;
  std::optional<ContainerTexts::Keeper> keeper;
  if (sink != nullptr) keeper.emplace(texts_, *sink);
  std::uint64_t shown = 0;
  const auto show = [&] {
    const auto stored = reader.compressed_bytes();
    options_.operation.progress->advance(stored - shown);
    shown = stored;
  };
  while (auto entry = reader.next()) {
    options_.operation.check();
    ++report_.entries;
    // A name that is left out needs no bytes; another name of the same file gets them later.
    const bool excluded = !excludes_.empty() && entry->whiteout == Whiteout::none && excludes_.cover(entry->path);
    const auto decision = in_context(
        [&] { return fmt::format("{}: entry {} {}", name, report_.entries - before, in_quotes(entry->path)); },
        [&] { return flattener.accept(*entry); });
    if (decision == Flattener::Decision::pack) {
      if (keeper && !excluded && !is_emptied(entry->path)) {
        sink->expect(entry->path);
        flattener.set_content(reader.read_content(keeper->for_path(entry->path)));
      }
    } else if (entry->type == EntryType::regular && entry->size != 0 && !entry->hard_link &&
               entry->whiteout == Whiteout::none) {
      ++report_.hidden_files;
    }
    show();
  }
  if (sink != nullptr) sink->end_layer();
  show();
  options_.operation.logger->write(
      LogLevel::debug, fmt::format("layer {} of {}: {} bytes stored, {} uncompressed", index + 1,
                                   image_.layers().size(), reader.compressed_bytes(), reader.uncompressed_bytes()));
  report_.compressed_bytes += reader.compressed_bytes();
  report_.uncompressed_bytes += reader.uncompressed_bytes();
}

void LayeredRoot::read_again(std::span<const Missing> files,
                             const std::function<void(const Missing&, const Entry&, LayerReader&)>& take) {
  WarningList told;  // when the layer was read for the first time
  LayerOptions layer_options = options_.layers;
  layer_options.few_contents = files.size() <= kFewFiles;
  LayerReader reader(blob(image_.layers().size() - 1 - files.front().layer), layer_options, options_.limits, told);
  std::uint64_t index = 0;
  for (const Missing& file : files) {
    for (;; ++index) {
      options_.operation.check();
      const auto entry = reader.next();
      if (!entry) throw Error(ErrorKind::integrity, "a layer has changed while it was read");
      if (index != file.entry) continue;
      take(file, *entry, reader);
      ++index;
      break;
    }
  }
}

void LayeredRoot::read_again(std::size_t layer,
                             const std::function<void(std::uint64_t, const Entry&, LayerReader&)>& take) {
  WarningList told;  // when the layer was read for the first time
  LayerReader reader(blob(layer), options_.layers, options_.limits, told);
  for (std::uint64_t index = 0; auto entry = reader.next(); ++index) {
    options_.operation.check();
    take(index, *entry, reader);
  }
}

void LayeredRoot::read_missing(std::span<const Missing> missing, Tree& tree, ContentSink& sink) {
  ContainerTexts::Keeper keeper(texts_, sink);
  while (!missing.empty()) {
    const auto number = missing.front().layer;
    const auto end = std::find_if(missing.begin(), missing.end(), [&](const auto& file) { return file.layer != number; });
    options_.operation.logger->write(
        LogLevel::debug,
        fmt::format("layer {}: read again for files that it holds after all", image_.layers().size() - number));
    ++report_.layers_read_again;
    const auto files = missing.first(static_cast<std::size_t>(end - missing.begin()));
    if (is_in_base(image_.layers().size() - 1 - number)) {
      take_missing(files, tree, sink);
    } else {
      read_again(files, [&](const Missing& file, const Entry& entry, LayerReader& reader) {
        if (entry.size != tree.inode(file.inode).size)
          throw Error(ErrorKind::integrity, "a layer has changed while it was read");
        sink.expect(entry.path);
        tree.inode(file.inode).content = reader.read_content(keeper.for_path(entry.path));
      });
    }
    sink.end_layer();
    missing = {end, missing.end()};
  }
}

Tree LayeredRoot::finish(Flattener& flattener, std::vector<Missing>& missing, const TakeLostFile& take_lost) const {
  try {
    return flattener.finish(missing, options_.operation, take_lost);
  } catch (Error& error) {
    // A new layer may link to a file that the build has emptied, and that the base has no more.
    if (base_ == nullptr || error.kind() != ErrorKind::malformed) throw;
    error.set_hint("--no-base reads all layers");
    throw BaseTooPoor(error);
  }
}

Tree LayeredRoot::merge(std::uint32_t time, ContentSink* sink, std::vector<Missing>& missing,
                        const TakeLostFile& take_lost) {
  Flattener flattener(options_.limits, warnings_);
  for (std::size_t index = image_.layers().size(); index-- > 0;) {
    if (sink != nullptr && is_in_base(index)) {
      take_layer(index, time, flattener, *sink);
    } else {
      read_layer(index, time, flattener, sink);
    }
  }
  Tree tree = finish(flattener, missing, take_lost);
  replaced_links_ = flattener.replaced_links();
  usage_ = flattener.usage();
  check_root(tree);
  origin_.emplace(LayerOrigin{flattener.origin(), static_cast<InodeId>(tree.inode_count()), diff_ids_});
  return tree;
}

void LayeredRoot::empty_files(std::vector<Missing>& missing, Tree& tree) const {
  if (config().raw.empty()) return;
  for (const auto path : emptied_files()) {
    const auto directory = tree.resolve(path.substr(0, path.find('/')), false);
    const auto file = tree.resolve(path, false);
    if (!file || !directory || tree.inode(*directory).type != EntryType::directory) continue;
    Inode& inode = tree.inode(*file);
    if (inode.type != EntryType::regular || inode.content != kNoContent || inode.links != 1) continue;
    inode.content = kEmptyContent;
    inode.size = 0;
    std::erase_if(missing, [&](const Missing& each) { return each.inode == *file; });
  }
}

Tree LayeredRoot::index(std::uint32_t time, std::vector<Missing>& contents, const TakeLostFile& take_lost) {
  return merge(time, nullptr, contents, take_lost);
}

Tree LayeredRoot::read(ContentSink& sink, std::uint32_t time) {
  std::vector<Missing> missing;
  // What is dropped of single files says nothing of how layers lie on each other.
  const auto warned = [&] { return warnings_.total() - warnings_.count("xattr-dropped"); };
  const auto before = warned();
  Tree tree = merge(time, &sink, missing);
  empty_files(missing, tree);
  if (!excludes_.empty()) remove_matching(tree, excludes_);
  std::erase_if(missing, [&](const auto& file) { return tree.inode(file.inode).links == 0; });
  read_missing(missing, tree, sink);
  // What is not usual of a stack of layers is said, or read again; the tree alone does not tell it from the usual.
  const bool usual = warned() == before && report_.layers_read_again == 0 && replaced_links_.empty();
  const auto lost = lost_contents(tree);
  if (!usual || lost.any || diff_ids_.empty() || config().raw.empty() || !excludes_.empty()) origin_.reset();
  if (lost.unnamed != 0 && options_.format != OutputFormat::sandbox) {
    const auto text = fmt::format("the image has {} bytes of {} without a name, which a link on the way to them or a name "
                                  "that stands twice took away", lost.bytes,
                                  lost.unnamed == 1 ? "a file" : fmt::format("{} files", lost.unnamed));
    // Who leaves files out may do so that nobody gets their bytes.
    if (excludes_.empty()) {
      options_.operation.logger->write(LogLevel::debug, text);
    } else {
      warnings_.add("unnamed-bytes", text);
    }
  }
  if (origin_) {
    origin_->named = named_inodes(tree, origin_->end);
    for (const auto path : emptied_files()) {
      const auto file = tree.resolve(path, false);
      if (file && tree.inode(*file).type == EntryType::regular && tree.inode(*file).links == 1)
        origin_->emptied.push_back(*file);
    }
  }
  return tree;
}

std::unique_ptr<ContainerFiles> LayeredRoot::texts(const Tree& tree) {
  return files_of_tree(tree, [this, &tree](InodeId inode) { return texts_.text(tree.inode(inode).content); });
}

void LayeredRoot::check_root(const Tree& tree) const {
  const auto contents = contents_of(tree);
  const auto& location = source_.reference().location;
  switch (contents.kind) {
    case oci::ContentsKind::rootfs:
    case oci::ContentsKind::other:
    case oci::ContentsKind::nothing:
    case oci::ContentsKind::beside:
    case oci::ContentsKind::packed: break;
    case oci::ContentsKind::wrapped:
      warnings_.add("root-in-directory",
                    fmt::format("at the root is one directory and nothing else: {}", contents.detail));
      break;
    default:
      if (source_.is_root_in_doubt()) {
        Error error = unexpected_kind(location == "-" ? "standard input" : in_quotes(location),
                                      oci::words_of(contents.kind, false), contents.detail, "a root file system");
        error.set_hint(contents.hint(false));
        throw error;
      }
      warnings_.add("root-is-archive", fmt::format("the root file system looks like {}; {}",
                                                   oci::words_of(contents.kind, true).name, hint_for_images(source_.reference())));
  }
}

}  // namespace sifkit
