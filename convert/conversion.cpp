// SPDX-License-Identifier: Apache-2.0
#include "conversion.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "root_check.h"
#include "runtime_check.h"
#include "runtime_files.h"
#include "runtime_scripts.h"

namespace sifkit {

using namespace layers;

namespace {

/// The image's own test and help texts go into the metadata, too; they are seen only when it is too late to make room.
constexpr std::uint64_t kRoomForMore = 4096;

/// Hands contents on while it watches for a stop request.
class StoppableSink : public ContentSink {
 public:
  StoppableSink(ContentSink& sink, const OperationContext& operation) : sink_(sink), operation_(operation) {}
  void begin(std::uint64_t size) override { sink_.begin(size); }
  void append(ByteView bytes) override {
    operation_.check();
    sink_.append(bytes);
  }
  void append_zeros(std::uint64_t count) override { sink_.append_zeros(count); }
  ContentId end() override { return sink_.end(); }

 private:
  ContentSink& sink_;
  const OperationContext& operation_;
};

std::int64_t conversion_time(const oci::ImageConfig& config, const ConvertOptions& options) {
  if (options.source_date_epoch) return *options.source_date_epoch;
  if (options.reproducible) return config.created_seconds.value_or(0);
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::uint32_t squashfs_time(std::int64_t seconds) {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Conversion::Conversion(oci::Image& image, const oci::Reference& reference, const ConvertOptions& options, WarningList& warnings,
                       ConvertReport& report)
    : image_(image),
      reference_(reference),
      options_(options),
      warnings_(warnings),
      report_(report),
      excludes_(options.excludes),
      time_(conversion_time(image.config(), options)) {
  report_.layers = image.layers().size();
  report_.manifest_digest = image.manifest_digest();
  report_.config_digest = image.config_digest();
  report_.architecture = image.config().platform.architecture;
  if (report_.architecture.empty()) report_.architecture = "unknown";
}

LayerBlob Conversion::blob(std::size_t index) {
  const auto& layer = image_.layers()[index];
  LayerBlob blob;
  blob.name = fmt::format("layer {} of {}", index + 1, image_.layers().size());
  if (const auto& digest = layer.digest ? layer.digest : layer.diff_id) blob.name += " " + digest->text();
  blob.source = image_.open_layer(index);
  blob.media_type = layer.media_type;
  blob.digest = layer.digest;
  blob.size = layer.size;
  blob.diff_id = layer.diff_id;
  blob.is_root = !layer.diff_id;
  return blob;
}

void Conversion::read_layer(std::size_t index, Flattener& flattener, ContentSink& sink) {
  LayerBlob layer = blob(index);
  const std::string name = layer.name;
  LayerReader reader(std::move(layer), options_.layers, options_.limits, warnings_);
  flattener.begin_layer(squashfs_time(time_));
  const auto before = report_.entries;
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
    const bool excluded = !excludes_.empty() && entry->whiteout == Whiteout::none && excludes_.matches(entry->path);
    const auto decision = in_context([&] { return fmt::format("{}: entry {} {}", name, report_.entries - before, in_quotes(entry->path)); },
                                     [&] { return flattener.accept(*entry); });
    if (decision == Flattener::Decision::pack) {
      if (!excluded) flattener.set_content(reader.read_content(sink));
    } else if (entry->type == EntryType::regular && entry->size != 0 && !entry->hard_link && entry->whiteout == Whiteout::none) {
      ++report_.hidden_files;
    }
    show();
  }
  show();
  options_.operation.logger->write(LogLevel::debug, fmt::format("layer {} of {}: {} bytes stored, {} uncompressed", index + 1, image_.layers().size(), reader.compressed_bytes(), reader.uncompressed_bytes()));
  report_.compressed_bytes += reader.compressed_bytes();
  report_.uncompressed_bytes += reader.uncompressed_bytes();
}

void Conversion::read_missing(const std::vector<Flattener::Missing>& missing, Tree& tree, ContentSink& sink) {
  for (auto at = missing.begin(); at != missing.end();) {
    const auto number = at->layer;
    LayerReader reader(blob(image_.layers().size() - 1 - number), options_.layers, options_.limits, warnings_);
    options_.operation.logger->write(LogLevel::debug, fmt::format("layer {}: read again for files that it holds after all", image_.layers().size() - number));
    ++report_.layers_read_again;
    for (std::uint64_t index = 0; at != missing.end() && at->layer == number; ++index) {
      options_.operation.check();
      const auto entry = reader.next();
      if (!entry) throw Error(ErrorKind::integrity, "a layer has changed while it was read");
      if (index != at->entry) continue;
      tree.inode(at->inode).content = reader.read_content(sink);
      ++at;
    }
  }
}

Tree Conversion::run(ContentSink& given, bool container) {
  ProgramProbe probe(given);
  StoppableSink sink(probe, options_.operation);
  Flattener flattener(options_.limits, warnings_);
  options_.operation.progress->stage("packing", image_.compressed_bytes());
  for (std::size_t index = image_.layers().size(); index-- > 0;) read_layer(index, flattener, sink);
  std::vector<Flattener::Missing> missing;
  Tree tree = flattener.finish(missing, options_.operation);
  check_root(tree);
  if (!excludes_.empty()) remove_matching(tree, excludes_);
  std::erase_if(missing, [&](const auto& file) { return tree.inode(file.inode).links == 0; });
  read_missing(missing, tree, sink);
  if (options_.all_root) {
    for (InodeId id = 0; id < tree.inode_count(); ++id) {
      tree.inode(id).metadata.uid = 0;
      tree.inode(id).metadata.gid = 0;
    }
  }
  if (options_.layers.xattrs == XattrPolicy::keep) settle_capabilities(tree, capability_form(), warnings_);
  decide_architecture(probe, tree);
  if (container) {
    add_container(tree, sink);
    warn_of_runtime(probe, tree, flattener);
  }
  return tree;
}

void Conversion::check_root(const Tree& tree) const {
  const auto contents = contents_of(tree);
  switch (contents.kind) {
    case oci::ContentsKind::rootfs:
    case oci::ContentsKind::other:
    case oci::ContentsKind::nothing:
    case oci::ContentsKind::one_file: break;
    case oci::ContentsKind::wrapped: warnings_.add("root-in-directory", fmt::format("at the root is one directory and nothing else: {}", contents.detail)); break;
    default:
      if (root_in_doubt_) {
        Error error = unexpected_kind(reference_.location == "-" ? "standard input" : in_quotes(reference_.location), oci::words_of(contents.kind, false), contents.detail, "a root file system");
        error.set_hint(contents.hint(false));
        throw error;
      }
      warnings_.add("root-is-archive", fmt::format("the root file system looks like {}; was 'docker import' used where 'docker load' was meant?",
                                                   oci::words_of(contents.kind, true).name));
  }
}

CapabilityForm Conversion::capability_form() const {
  const bool directory_of_root = options_.format == OutputFormat::sandbox && ::geteuid() == 0;
  if (directory_of_root) return CapabilityForm::real_of_root;
  return options_.keep_capabilities ? CapabilityForm::real : CapabilityForm::stored;
}

void Conversion::decide_architecture(const ProgramProbe& probe, const Tree& tree) {
  const auto found = probe.architecture(tree);
  auto& architecture = report_.architecture;
  if (architecture == "unknown") {
    if (!found.empty()) architecture = found;
  } else if (!found.empty() && found != architecture) {
    warnings_.add("architecture", fmt::format("the image says it is for {}, its programs are for {}", in_quotes(architecture), found));
  }
}

void Conversion::warn_of_runtime(const ProgramProbe& probe, const Tree& tree, const Flattener& flattener) {
  const auto& config = image_.config();
  RuntimeCheckInput input;
  input.entrypoint = config.config.entrypoint;
  input.cmd = config.config.cmd;
  input.env = environment();
  input.working_dir = config.config.working_dir;
  // Where most programs are for another machine, that has been said.
  const bool doubtful = report_.architecture == "unknown" || warnings_.count("architecture") != 0;
  if (!doubtful) input.architecture = report_.architecture;
  input.configured = !config.raw.empty();
  input.layers = image_.layers().size();
  input.replaced_links = flattener.replaced_links();
  check_runtime(tree, probe, input, warnings_);
}

std::vector<std::string> Conversion::environment() const {
  auto env = image_.config().config.env;
  for (const auto& [name, value] : options_.env) env.push_back(name + "=" + value);
  return env;
}

TextMap Conversion::labels() const {
  auto labels = container_labels(image_.config(), report_.architecture, time_, reference_.bootstrap(), reference_.from());
  for (const auto& [name, value] : options_.labels) labels[name] = value;
  return labels;
}

void Conversion::add_container(Tree& tree, ContentSink& sink) {
  const auto& config = image_.config();
  const TextMap all_labels = labels();
  RuntimeFilesInput input;
  input.environment_script = environment_script(environment(), warnings_);
  input.run_script = run_script(config.config.entrypoint, config.config.cmd);
  input.labels = labels_json(all_labels);
  input.definition = definition_text(reference_.bootstrap(), reference_.from());
  input.mtime = squashfs_time(time_);
  ContainerAttributes attributes = add_runtime_files(tree, sink, input, warnings_);
  attributes.labels = all_labels;
  texts_ = {input.definition, config.go_config_json(), inspect_metadata_json(attributes)};
}

std::uint64_t Conversion::expected_text_bytes() const {
  const auto& config = image_.config();
  WarningList ignored;
  ContainerAttributes attributes;
  attributes.environment["/" + std::string(kEnvironmentScriptPath)] = environment_script(environment(), ignored);
  attributes.runscript = run_script(config.config.entrypoint, config.config.cmd);
  attributes.labels = labels();
  // The definition names the source, which must not move the partition.
  attributes.labels.erase("org.label-schema.usage.singularity.deffile.bootstrap");
  attributes.labels.erase("org.label-schema.usage.singularity.deffile.from");
  return inspect_metadata_json(attributes).size() + config.go_config_json().size() + kRoomForMore;
}

}  // namespace sifkit
