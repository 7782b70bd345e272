// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect.h>

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/file_system.h>
#include <sifkit/oci/source.h>
#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>

#include "container_attributes.h"
#include "container_files.h"
#include "container_metadata.h"
#include "container_summary.h"
#include "naming.h"
#include "runtime_scripts.h"

namespace sifkit {

namespace {

/// Compact JSON as Go's json.Indent would lay it out with TABs.
std::string indented(std::string_view compact) {
  std::string out;
  std::size_t depth = 0;
  bool in_text = false;
  const auto new_line = [&] { out += "\n" + std::string(depth, '\t'); };
  for (std::size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[i];
    if (in_text) {
      out += c;
      if (c == '\\') {
        out += compact[++i];
      } else if (c == '"') {
        in_text = false;
      }
      continue;
    }
    switch (c) {
      case '"':
        in_text = true;
        out += c;
        break;
      case '{':
      case '[':
        out += c;
        if (compact[i + 1] == '}' || compact[i + 1] == ']') {
          out += compact[++i];
        } else {
          ++depth;
          new_line();
        }
        break;
      case '}':
      case ']':
        --depth;
        new_line();
        out += c;
        break;
      case ',':
        out += c;
        new_line();
        break;
      case ':': out += ": "; break;
      default: out += c;
    }
  }
  return out;
}

/// JSON holds no bytes that are no UTF-8: where it has U+FFFD in their place, and the file itself reads the same but for that,
/// the file's bytes are the text.
void restore_bytes(std::string& text, const std::string& exact) {
  if (text != exact && text == valid_utf8(exact)) text = exact;
}

void restore_bytes(AppAttributes& out, const AppAttributes& exact) {
  restore_bytes(out.runscript, exact.runscript);
  restore_bytes(out.test, exact.test);
  restore_bytes(out.helpfile, exact.helpfile);
  for (auto& [path, text] : out.environment) {
    if (const auto same = exact.environment.find(path); same != exact.environment.end()) restore_bytes(text, same->second);
  }
}

bool holds_replacements(const std::string& text) { return text.find("\xef\xbf\xbd") != std::string::npos; }

InspectReport inspect_sif(const sif::Image& image, const std::shared_ptr<const File>& file, const Limits& limits,
                          WarningList& warnings) {
  InspectReport report;
  report.summary = summary_of_sif(image);
  if (const auto* config = image.find(sif::DataType::generic_json, kOciConfigName)) {
    read_part(kOciConfigName, warnings, [&] { report.oci_config = as_text(image.read_data(*config, limits.json_bytes)); });
  }
  std::optional<std::string> definition;
  for (const auto* object : image.objects_of(sif::DataType::deffile)) {
    read_part("the definition", warnings, [&] { definition = without_final_line_feeds(as_text(image.read_data(*object, limits.json_bytes))); });
  }
  bool described = false;
  if (const auto* metadata = image.find(sif::DataType::generic_json, kInspectMetadataName)) {
    read_part(kInspectMetadataName, warnings, [&] {
      report.attributes = parse_inspect_metadata(as_text(image.read_data(*metadata, limits.json_bytes)), limits, warnings);
      described = true;
    });
  }
  if (!described) {
    const auto files = [&] { return files_of_image(RootFs::open(file, limits)); };
    if (!definition) {
      report.attributes = read_attributes(*files(), limits, warnings);
    } else {
      read_part("what the root file system says", warnings, [&] { report.attributes = read_attributes(*files(), limits, warnings); });
      report.attributes.deffile = *definition;
    }
    return report;
  }
  auto& attributes = report.attributes;
  if (definition) restore_bytes(attributes.deffile, *definition);
  const bool scripts = holds_replacements(attributes.runscript) || holds_replacements(attributes.test) || holds_replacements(attributes.helpfile) || holds_replacements(attributes.startscript) ||
                       std::any_of(attributes.environment.begin(), attributes.environment.end(), [](const auto& entry) { return holds_replacements(entry.second); });
  if (scripts) {
    WarningList unheard;  // the record has been read, and is what counts
    read_part("the root file system", unheard, [&] {
      const auto exact = read_attributes(*files_of_image(RootFs::open(file, limits)), limits, unheard);
      restore_bytes(attributes, exact);
      restore_bytes(attributes.startscript, exact.startscript);
    });
  }
  return report;
}

InspectReport inspect_squashfs(const std::shared_ptr<const File>& file, const Limits& limits, WarningList& warnings) {
  InspectReport report;
  report.summary.kind = "squashfs";
  report.summary.bytes = file->size();
  add_superblock(*file, sniff_file(*file).offset, report.summary);
  report.attributes = read_attributes(*files_of_image(RootFs::open(file, limits)), limits, warnings);
  return report;
}

/// Nothing where no metadata is in it.
std::optional<InspectReport> inspect_sandbox(ContainerFiles& files, const Limits& limits, WarningList& warnings) {
  if (!files.names(std::string(kRuntimeDirectory))) return std::nullopt;
  InspectReport report;
  report.summary.kind = "sandbox";
  report.attributes = read_attributes(files, limits, warnings);
  return report;
}

InspectReport inspect_image(const oci::Reference& reference, const oci::Image& image, const Limits& limits,
                            WarningList& warnings) {
  const auto& config = image.config();
  InspectReport report;
  report.summary.kind = oci::to_string(reference.transport);
  report.summary.created = config.created_seconds;
  report.summary.layers = image.layers().size();
  auto& attributes = report.attributes;
  attributes.environment["/" + std::string(kEnvironmentScriptPath)] = environment_script(config.config.env, warnings);
  for (const auto& script : fixed_scripts()) {
    if (script.path == kCustomEnvironmentPath) attributes.environment["/" + std::string(script.path)] = script.text;
    if (script.path == kStartScriptPath) attributes.startscript = script.text;
  }
  attributes.labels = container_labels(config, config.platform.architecture, config.created_seconds.value_or(0),
                                       reference.bootstrap(), reference.from());
  attributes.runscript = run_script(config.config.entrypoint, config.config.cmd);
  attributes.deffile = definition_text(reference.bootstrap(), reference.from());
  report.oci_config = config.go_config_json();
  // The same texts as in the record of a build.
  attributes = parse_inspect_metadata(inspect_metadata_json(attributes), limits, warnings);
  return report;
}

/// Not of every container there is a header that says it.
void add_architecture(InspectReport& report) {
  const auto architecture = report.attributes.labels.find("org.label-schema.build-arch");
  if (report.summary.architecture.empty() && architecture != report.attributes.labels.end())
    report.summary.architecture = architecture->second;
}

}  // namespace

std::string InspectReport::apptainer_json() const { return indented(inspect_metadata_json(attributes)); }

InspectReport inspect_container(const std::shared_ptr<const File>& file, const Limits& limits, WarningList& warnings) {
  if (sniff_file(*file).kind != FileKind::sif) return inspect_squashfs(file, limits, warnings);
  const sif::Image image(file);
  for (const auto& problem : image.problems())
    warnings.add("sif-flaw", fmt::format("{}: {}", in_quotes(file->name()), printable(problem)));
  return inspect_sif(image, file, limits, warnings);
}

InspectReport inspect_container(const oci::Reference& given, const oci::SourceOptions& options, WarningList& warnings) {
  const auto source = oci::open_source(given, options, warnings);
  const auto& reference = source->reference();
  InspectReport report = naming({reference.location, given.text}, [&] { return in_quotes(given.text); }, [&] {
    if (const auto file = source->image_file()) return inspect_container(file, options.limits, warnings);
    if (!source->is_root()) return inspect_image(reference, *source->open_image(), options.limits, warnings);
    if (reference.transport != oci::Transport::directory)
      throw Error(ErrorKind::unsupported, "a tar archive of a root file system has no metadata that is read", "build an image of it first");
    auto sandbox = inspect_sandbox(*files_of_directory(reference.location), options.limits, warnings);
    if (!sandbox)
      throw Error(ErrorKind::unsupported, "there is no directory '/.singularity.d' in it, which holds the metadata",
                  "build an image of it first");
    return std::move(*sandbox);
  });
  add_architecture(report);
  return report;
}

std::optional<InspectReport> inspect_container(OpenedFileSystem& container, const Limits& limits,
                                               WarningList& warnings) {
  std::optional<InspectReport> report;
  if (const auto file = container.image_file()) {
    report = container.sif() != nullptr ? inspect_sif(*container.sif(), file, limits, warnings)
                                        : inspect_squashfs(file, limits, warnings);
  } else if (!container.image()->config().raw.empty()) {
    report = inspect_image(container.reference(), *container.image(), limits, warnings);
  } else if (container.reference().transport == oci::Transport::directory) {
    auto& files = container.files();
    report = inspect_sandbox(
        *files_of_tree(files.tree(),
                       [&](layers::InodeId inode) { return files.text(inode, files.tree().inode(inode).size); }),
        limits, warnings);
  }
  if (report) add_architecture(*report);
  return report;
}

}  // namespace sifkit
