// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect.h>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>
#include <sifkit/oci/source.h>
#include <sifkit/rootfs.h>
#include <sifkit/sif/image.h>

#include "container_metadata.h"
#include "runtime_scripts.h"

namespace sifkit {

using namespace layers;

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

bool shown_environment(std::string_view name) {
  return (name.starts_with("10-docker") && name.ends_with(".sh")) || (name.starts_with("9") && name.ends_with("-environment.sh"));
}

TextMap parse_labels(const std::string& text, const Limits& limits) {
  const Json document = parse_json(text, "labels.json", limits);
  const auto pairs = JsonView(document, "labels.json: ").text_map();
  return {pairs.begin(), pairs.end()};
}

/// The files of a container in place of the metadata that newer builds store beside them.
class FromFiles {
 public:
  FromFiles(RootFs rootfs, const Limits& limits) : rootfs_(std::move(rootfs)), limits_(limits) {}

  ContainerAttributes read() {
    ContainerAttributes out;
    read_folder(".singularity.d", out);
    out.deffile = text(".singularity.d/Singularity");
    out.startscript = text(".singularity.d/startscript");
    const auto& tree = rootfs_.tree();
    const auto apps = tree.resolve("scif/apps", true);
    if (!apps || tree.inode(*apps).type != EntryType::directory) return out;
    for (const NameId name : tree.sorted_children(*apps)) {
      const std::string app(tree.text_of(name));
      const std::string folder = "scif/apps/" + app + "/scif";
      if (tree.resolve(folder, true)) read_folder(folder, out.apps[app]);
    }
    return out;
  }

 private:
  std::string text(const std::string& path) { return rootfs_.reader().read_text(path, limits_.json_bytes).value_or(""); }

  void read_folder(const std::string& folder, AppAttributes& out) {
    out.runscript = text(folder + "/runscript");
    out.test = text(folder + "/test");
    out.helpfile = text(folder + "/runscript.help");
    if (const auto labels = text(folder + "/labels.json"); !labels.empty()) out.labels = parse_labels(labels, limits_);
    const auto& tree = rootfs_.tree();
    const auto env = tree.resolve(folder + "/env", true);
    if (!env || tree.inode(*env).type != EntryType::directory) return;
    for (const NameId name : tree.sorted_children(*env)) {
      if (!shown_environment(tree.text_of(name))) continue;
      const std::string path = fmt::format("{}/env/{}", folder, tree.text_of(name));
      out.environment["/" + path] = text(path);
    }
  }

  RootFs rootfs_;
  const Limits& limits_;
};

InspectReport inspect_sif(const std::shared_ptr<const File>& file, const Limits& limits, WarningList& warnings) {
  const sif::Image image(file);
  for (const auto& problem : image.problems()) warnings.add("sif-flaw", fmt::format("{}: {}", in_quotes(file->name()), printable(problem)));
  InspectReport report;
  if (const auto* config = image.find(sif::DataType::generic_json, "oci-config.json")) {
    report.oci_config = as_text(image.read_data(*config, limits.json_bytes));
  }
  if (const auto* metadata = image.find(sif::DataType::generic_json, "inspect-metadata.json")) {
    report.attributes = parse_inspect_metadata(as_text(image.read_data(*metadata, limits.json_bytes)), limits);
    return report;
  }
  report.attributes = FromFiles(RootFs::open(file, limits), limits).read();
  for (const auto* object : image.objects_of(sif::DataType::deffile)) {
    report.attributes.deffile = as_text(image.read_data(*object, limits.json_bytes));
  }
  return report;
}

InspectReport inspect_squashfs(const std::shared_ptr<const File>& file, const Limits& limits) {
  InspectReport report;
  report.attributes = FromFiles(RootFs::open(file, limits), limits).read();
  return report;
}

InspectReport inspect_source(oci::OpenedSource& source, WarningList& warnings) {
  const auto& reference = source.reference();
  const auto image = source.open_image();
  const auto& config = image->config();
  InspectReport report;
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
  return report;
}

}  // namespace

std::string InspectReport::apptainer_json() const { return indented(inspect_metadata_json(attributes)); }

InspectReport inspect(const oci::Reference& given, const oci::SourceOptions& options, WarningList& warnings) {
  const auto source = oci::open_source(given, options, warnings);
  InspectReport report = in_context([&] { return in_quotes(given.text); }, [&] {
    if (const auto file = source->image_file()) {
      return sniff_file(*file).kind == FileKind::sif ? inspect_sif(file, options.limits, warnings) : inspect_squashfs(file, options.limits);
    }
    if (source->is_root()) throw Error(ErrorKind::unsupported, "a root file system says nothing of itself", "build an image of it first");
    return inspect_source(*source, warnings);
  });
  // The same texts as in the JSON record.
  report.attributes = parse_inspect_metadata(inspect_metadata_json(report.attributes), options.limits);
  return report;
}

}  // namespace sifkit
