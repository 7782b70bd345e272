// SPDX-License-Identifier: Apache-2.0
#include "conversion.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/runtime_check.h>

#include "container_attributes.h"
#include "container_changes.h"
#include "files_to_add.h"
#include "runtime_files.h"
#include "runtime_scripts.h"
#include "tree_edit.h"
#include "wanted_architecture.h"

namespace sifkit {

using namespace layers;

namespace {

/// The image's own test and help texts go into the metadata, too; they are seen only when it is too late to make room.
constexpr std::uint64_t kRoomForMore = 4096;

/// Hands contents on while it watches for a stop request.
class StoppableSink : public ForwardingSink {
 public:
  StoppableSink(ContentSink& sink, const OperationContext& operation) : ForwardingSink(sink), operation_(operation) {}
  void append(ByteView bytes) override {
    operation_.check();
    ForwardingSink::append(bytes);
  }

 private:
  const OperationContext& operation_;
};

bool is_json(const SmallObject& object, std::string_view name) {
  return object.spec.type == sif::DataType::generic_json && object.spec.name == name;
}

std::int64_t conversion_time(const oci::ImageConfig& config, const ConvertOptions& options) {
  if (options.source_date_epoch) return *options.source_date_epoch;
  if (options.reproducible) return config.created_seconds.value_or(0);
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

Conversion::Conversion(RootSource& root, const oci::Reference& reference, const ConvertOptions& options,
                       WarningList& warnings, ConvertReport& report)
    : root_(root),
      reference_(reference),
      options_(options),
      warnings_(warnings),
      report_(report),
      time_(conversion_time(root.config(), options)) {
  report_.architecture = root.config().platform.architecture;
  if (report_.architecture.empty()) report_.architecture = "unknown";
  if (root.config().raw.empty()) expect_architecture(options.platform, report_.architecture);
}

std::uint32_t Conversion::file_time() const noexcept {
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time_, 0, std::numeric_limits<std::uint32_t>::max()));
}

Tree Conversion::run(ContentSink& given) {
  ProgramProbe probe(given);
  StoppableSink sink(probe, options_.operation);
  options_.operation.progress->stage("packing", root_.compressed_bytes());
  Tree tree = root_.read(sink, file_time());
  // By the owners that the source gives: not everybody's attribute becomes a capability.
  const bool settles = options_.layers.xattrs == XattrPolicy::keep && !options_.edit;  // an edit leaves them as they are
  if (settles) settle_capabilities(tree, capability_form(), warnings_);
  if (options_.all_root) {
    for (InodeId id = 0; id < tree.inode_count(); ++id) {
      tree.inode(id).metadata.uid = 0;
      tree.inode(id).metadata.gid = 0;
    }
  }
  decide_architecture(probe, tree);
  if (root_.config().raw.empty() && (is_container(tree) || options_.edit)) {
    keep_container(tree, sink);
    if (options_.edit) add_files(options_.edit->files, tree, sink);
  } else {
    add_container(tree, sink);
    warn_of_runtime(probe, tree);
  }
  return tree;
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
    const auto& wanted = options_.platform;
    expect_architecture(wanted, found);
    if (!found.empty() || wanted) architecture = found.empty() ? wanted->architecture : found;
  } else if (!found.empty() && found != architecture) {
    architecture_differs_ = true;
    warnings_.add("architecture",
                  fmt::format("the image says it is for {}, its programs are for {}", in_quotes(architecture), found));
  }
}

void Conversion::warn_of_runtime(const ProgramProbe& probe, const Tree& tree) {
  const auto& config = root_.config();
  RuntimeCheckInput input;
  input.entrypoint = config.config.entrypoint;
  input.cmd = config.config.cmd;
  input.env = environment();
  input.working_dir = config.config.working_dir;
  // Where most programs are for another machine, that has been said.
  const bool doubtful = report_.architecture == "unknown" || architecture_differs_;
  if (!doubtful) input.architecture = report_.architecture;
  input.configured = !config.raw.empty();
  const auto transport = reference_.transport;
  const bool guessed = transport == oci::Transport::automatic || transport == oci::Transport::standard_input;
  input.expects_program = guessed && options_.format == OutputFormat::sif;
  input.layers = report_.layers;
  input.replaced_links = root_.replaced_links();
  const auto program_of = [&](InodeId inode) { return probe.program(tree.inode(inode).content); };
  check_runtime(tree, program_of, input, warnings_);
}

std::vector<std::string> Conversion::environment() const {
  auto env = root_.config().config.env;
  for (const auto& [name, value] : options_.env) env.push_back(name + "=" + value);
  return env;
}

TextMap Conversion::labels() const {
  auto labels =
      container_labels(root_.config(), report_.architecture, time_, reference_.bootstrap(), reference_.from());
  for (const auto& [name, value] : options_.labels) labels[name] = value;
  return labels;
}

std::string Conversion::oci_config() const {
  return changed_oci_config(root_.config().go_config_json(), options_);
}

void Conversion::add_container(Tree& tree, ContentSink& sink) {
  const auto& config = root_.config();
  const TextMap all_labels = labels();
  RuntimeFilesInput input;
  input.environment_script = environment_script(environment(), warnings_);
  input.run_script = run_script(config.config.entrypoint, config.config.cmd);
  input.labels = labels_json(all_labels);
  input.definition = definition_text(reference_.bootstrap(), reference_.from());
  input.mtime = file_time();
  ContainerAttributes attributes = add_runtime_files(tree, sink, input, warnings_);
  attributes.labels = all_labels;
  describe(attributes);
  add_object(sif::DataType::generic_json, kOciConfigName, oci_config());
  for (auto& kept : root_.objects()) {
    const bool made = std::any_of(objects_.begin(), objects_.end(), [&](const SmallObject& object) {
      return object.spec.type == kept.spec.type && object.spec.name == kept.spec.name;
    });
    if (!made) objects_.push_back(std::move(kept));
  }
}

void Conversion::add_object(sif::DataType type, std::string_view name, std::string bytes) {
  sif::ObjectSpec spec;
  spec.type = type;
  spec.name = name;
  objects_.emplace_back(std::move(spec), std::move(bytes));
}

void Conversion::describe(const ContainerAttributes& attributes) {
  add_object(sif::DataType::deffile, "", attributes.deffile);
  add_object(sif::DataType::generic_json, kInspectMetadataName, inspect_metadata_json(attributes));
}

void Conversion::keep_container(Tree& tree, ContentSink& sink) {
  objects_ = root_.objects();
  const bool edited = options_.edit && options_.edit->changes_container();
  const bool changed = edited || !options_.env.empty() || !options_.labels.empty();
  if (!is_container(tree)) {
    if (changed) throw Error(ErrorKind::unsupported, "the image is no container: it has no labels, variables or scripts");
    return;
  }
  if (!objects_.empty() && !changed) return;
  const auto texts = root_.texts(tree);
  ContainerAttributes attributes = read_attributes(*texts, options_.limits, warnings_);
  if (changed) change_container(tree, sink, *texts, attributes);
  if (objects_.empty()) return describe(attributes);
  const auto named = [&](std::string_view name) {
    return std::find_if(objects_.begin(), objects_.end(), [&](const auto& object) { return is_json(object, name); });
  };
  const auto old = named(kInspectMetadataName);
  if (old != objects_.end()) old->bytes = inspect_metadata_json(attributes);
  const auto config = named(kOciConfigName);
  if (config != objects_.end()) config->bytes = changed_oci_config(config->bytes, options_);
  if (!options_.edit || !options_.edit->definition) return;
  const auto is_definition = [](const SmallObject& object) { return object.spec.type == sif::DataType::deffile; };
  const auto definition = std::find_if(objects_.begin(), objects_.end(), is_definition);
  if (definition != objects_.end()) {
    definition->bytes = attributes.deffile;
  } else {
    add_object(sif::DataType::deffile, "", attributes.deffile);
    objects_.back().behind = true;
  }
}

void Conversion::change_container(Tree& tree, ContentSink& sink, ContainerFiles& texts,
                                  ContainerAttributes& attributes) {
  TreeEdit edit(tree, sink, file_time());
  const auto put = [&](std::string_view path, std::uint32_t mode, const std::string& text) {
    edit.expect_room(path, "the container's");
    edit.put_file(path, mode, text);
  };
  const ImageEdit more = options_.edit.value_or(ImageEdit());
  for (const auto& name : more.removed_labels) {
    if (attributes.labels.erase(name) == 0) throw Error(ErrorKind::not_found, fmt::format("the label {} is not in the image", in_quotes(name)));
  }
  for (const auto& [name, value] : options_.labels) attributes.labels[name] = value;
  if (!options_.labels.empty() || !more.removed_labels.empty()) put(kLabelsPath, 0644, labels_json(attributes.labels));
  if (more.runscript) {
    put(kRunScriptPath, 0755, *more.runscript);
    attributes.runscript = without_final_line_feeds(*more.runscript);
  }
  if (more.definition) {
    put(kDefinitionPath, 0644, *more.definition);
    attributes.deffile = without_final_line_feeds(*more.definition);
  }
  if (options_.env.empty() && more.unset.empty()) return;
  // The last script that is for the builder to write: what it sets is what counts.
  const std::string path = "/" + std::string(kCustomEnvironmentPath);
  auto others = attributes.environment;
  others.erase(path);
  auto script = texts.text(std::string(kCustomEnvironmentPath), options_.limits.json_bytes).value_or("");
  script = changed_environment(std::move(script), others, options_);
  put(kCustomEnvironmentPath, 0755, script);
  attributes.environment[path] = script;
}

std::uint64_t Conversion::expected_text_bytes() const {
  const auto& config = root_.config();
  WarningList ignored;
  ContainerAttributes attributes;
  attributes.environment["/" + std::string(kEnvironmentScriptPath)] = environment_script(environment(), ignored);
  attributes.runscript = run_script(config.config.entrypoint, config.config.cmd);
  attributes.labels = labels();
  // The definition names the source, which must not move the partition.
  attributes.labels.erase("org.label-schema.usage.singularity.deffile.bootstrap");
  attributes.labels.erase("org.label-schema.usage.singularity.deffile.from");
  return inspect_metadata_json(attributes).size() + oci_config().size() +
         expected_record_bytes(report_.layers) + kRoomForMore;
}

}  // namespace sifkit
