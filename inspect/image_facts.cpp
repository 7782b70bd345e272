// SPDX-License-Identifier: Apache-2.0
#include "image_facts.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sifkit/container_tree.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/error.h>
#include <sifkit/core/read_ahead.h>
#include <sifkit/sif/image.h>

#include "script_text.h"

namespace sifkit::inspect {

namespace {

/// Of a configuration, what is compared in another place or says how and where the image was made.
constexpr std::string_view kPassedOver[] = {"Env", "Labels", "Hostname", "Image"};

/// Of the document around it, what says what the image is; the architecture is compared with that of other images.
constexpr std::string_view kDocumentMembers[] = {"author", "os", "os.features", "os.version", "variant"};

/// Whether a build writes a label, which so is of the making of an image and not of what it is.
bool is_of_build(std::string_view label) {
  static constexpr std::string_view kNamespace = "org.label-schema.";
  if (!label.starts_with(kNamespace)) return false;
  label.remove_prefix(kNamespace.size());
  return label == "build-arch" || label == "build-date" || label == "schema-version" || label == "usage" ||
         label.starts_with("usage.singularity.") || label.starts_with("usage.apptainer.");
}

/// As Go leaves members out: what is empty is what is not there.
bool is_empty(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_number()) return value == 0;
  if (value.is_boolean()) return !value.get<bool>();
  return value.empty();
}

/// The members of an object that say something, as texts.
TextMap members_of(const Json& object, const std::set<std::string_view>& wanted, bool leave_out) {
  TextMap out;
  for (const auto& [name, value] : object.items()) {
    // How a Dockerfile takes the entrypoint of its base away.
    const bool none = name == "Entrypoint" && value == Json::array({""});
    if (wanted.contains(name) == leave_out || none || is_empty(value)) continue;
    out[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return out;
}

TextMap config_members(const Json& config) {
  return members_of(config, {std::begin(kPassedOver), std::end(kPassedOver)}, true);
}

TextMap document_members(const Json& document) {
  return members_of(document, {std::begin(kDocumentMembers), std::end(kDocumentMembers)}, false);
}

/// The last value that is given to a variable counts; an entry without one gives none.
TextMap variables_of(const Json& config) {
  TextMap out;
  const auto env = config.find("Env");
  if (env == config.end() || !env->is_array()) return out;
  for (const auto& entry : *env) {
    if (!entry.is_string()) continue;
    const auto& text = entry.get_ref<const std::string&>();
    const auto end = text.find('=');
    if (end != std::string::npos) out[text.substr(0, end)] = text.substr(end + 1);
  }
  return out;
}

using Changes = std::map<std::string, FactChange>;

std::optional<std::string> value_of(const TextMap& map, const std::string& name) {
  const auto there = map.find(name);
  return there == map.end() ? std::nullopt : std::optional(there->second);
}

std::set<std::string> names_of(const TextMap& a, const TextMap& b) {
  std::set<std::string> out;
  for (const auto* map : {&a, &b}) {
    for (const auto& [name, value] : *map) out.insert(name);
  }
  return out;
}

/// What is there already, from a better source, stays.
void add_changes(const TextMap& before, const TextMap& after, std::string_view prefix, Changes& out) {
  for (const auto& name : names_of(before, after)) {
    FactChange change{std::string(prefix) + name, value_of(before, name), value_of(after, name), false};
    if (change.before != change.after) out.try_emplace(change.name, change);
  }
}

void add_script_changes(const TextMap& before, const TextMap& after, Changes& out) {
  for (const auto& name : names_of(before, after)) {
    FactChange change{name, value_of(before, name), value_of(after, name), true};
    if (!same_script(change.before.value_or(""), change.after.value_or(""))) out.try_emplace(change.name, change);
  }
}

/// What a build makes of another entrypoint or command is another script, and nothing more to say.
void drop_consequence(Changes& changes) {
  const auto script = changes.find("runscript");
  if (script == changes.end() || (!changes.contains("Entrypoint") && !changes.contains("Cmd"))) return;
  const auto& [before, after] = std::pair(script->second.before, script->second.after);
  if (before && after && is_of_entrypoint(*before) && is_of_entrypoint(*after)) changes.erase(script);
}

/// What scripts set variables to; nothing: they take one away.
using Values = std::map<std::string, std::optional<std::string>>;

void apply(const std::vector<Assignment>& assignments, Values& variables) {
  for (const auto& [name, value, gives_way, unsets] : assignments) {
    auto& there = variables[name];
    if (unsets) {
      there.reset();
    } else if (!gives_way || there.value_or("").empty()) {
      there = value;
    }
  }
}

/// The text of an environment script: its "#!" is a comment to the shell that reads it.
std::string environment_text(const TextMap& scripts, const std::string& path) {
  const auto text = value_of(scripts, path).value_or("");
  return text.starts_with("#!") ? text.substr(std::min(text.find('\n'), text.size())) : text;
}

/// Whether two environment scripts leave the same behind when each is read alone.
bool same_environment(const std::string& a, const std::string& b) {
  if (same_script(a, b)) return true;
  const auto first = exports_of(a);
  const auto second = first ? exports_of(b) : std::nullopt;
  if (!second) return false;
  Values of_first;
  Values of_second;
  apply(*first, of_first);
  apply(*second, of_second);
  return of_first == of_second;
}

/// What all scripts come to, in the order in which the runtime reads them. Nothing where one of them is not understood:
/// it may change what any other one sets.
std::optional<TextMap> exported_variables(const TextMap& scripts) {
  Values values;
  for (const auto& [path, text] : scripts) {
    const auto exports = exports_of(environment_text(scripts, path));
    if (!exports) return std::nullopt;
    apply(*exports, values);
  }
  TextMap out;
  for (auto& [name, value] : values) {
    // What an image says of these has no effect in a container, and not every build writes it down.
    if (value && !is_reserved_variable(name)) out.emplace(name, std::move(*value));
  }
  return out;
}

/// Scripts that only set variables are compared by what those come to, others one by one.
void add_environment_changes(const TextMap& before, const TextMap& after, Changes& out) {
  const auto of_first = exported_variables(before);
  const auto of_second = of_first ? exported_variables(after) : std::nullopt;
  if (of_second) {
    add_changes(*of_first, *of_second, "environment ", out);
    return;
  }
  for (const auto& path : names_of(before, after)) {
    if (same_environment(environment_text(before, path), environment_text(after, path))) continue;
    const std::string name = "environment " + path;
    out.try_emplace(name, FactChange{name, value_of(before, path), value_of(after, path), true, true});
  }
}

std::optional<Json> object_of(const std::string& text, std::string_view what, const Limits& limits,
                              WarningList& warnings) {
  if (text.empty()) return std::nullopt;
  try {
    auto out = parse_json(text, what, limits);
    JsonView(out, std::string(what)).require_object();
    return out;
  } catch (const Error& error) {
    warnings.add("metadata-left-out", fmt::format("{} is left out: {}", what, error.what()));
    return std::nullopt;
  }
}

/// The partitions that lie over the root file system, in one line.
std::string overlays_of(const sif::Image& image, bool with_digests, const OperationContext& operation) {
  std::string out;
  for (const auto* object : image.objects_of(sif::DataType::partition)) {
    const auto partition = object->partition();
    if (!partition || partition->type != sif::PartitionType::overlay) continue;
    out += fmt::format("{}{}, {} bytes", out.empty() ? "" : "; ", sif::to_string(partition->fs), object->size);
    if (!with_digests) continue;
    Hasher hasher;
    hash_ahead(image.open_data(*object), hasher, operation);
    out += ", " + hasher.finish().text();
  }
  return out;
}

}  // namespace

std::optional<ImageFacts> facts_of(OpenedFileSystem& image, const Limits& limits, WarningList& warnings) {
  WarningList said;  // much of it is about building
  const auto report = inspect_container(image, limits, said);
  if (!report) return std::nullopt;
  for (const auto& warning : said.listed()) {
    if (warning.kind == "metadata-left-out") warnings.add("metadata-left-out", warning.text, warning.hint);
  }
  ImageFacts out;
  const auto& attributes = report->attributes;
  out.texts = {{"architecture", report->summary.architecture}, {"help", attributes.helpfile}};
  out.scripts = {
      {"runscript", attributes.runscript}, {"startscript", attributes.startscript}, {"test", attributes.test}};
  out.environment = attributes.environment;
  for (auto* map : {&out.texts, &out.scripts, &out.environment}) {
    std::erase_if(*map, [](const auto& fact) { return fact.second.empty(); });
  }
  for (const auto& [name, value] : attributes.labels) {
    if (!is_of_build(name)) out.texts["label " + name] = value;
  }
  out.oci_config = object_of(report->oci_config, "oci-config.json", limits, warnings);
  if (auto* layered = image.image(); layered != nullptr && out.oci_config) {
    out.oci_document = object_of(layered->config().raw, "image configuration", limits, warnings);
  }
  return out;
}

std::vector<FactChange> fact_changes(const ImageFacts& before, const ImageFacts& after) {
  Changes changes;
  add_changes(before.texts, after.texts, "", changes);
  const bool documents = before.oci_document && after.oci_document;
  if (documents) {
    add_changes(document_members(*before.oci_document), document_members(*after.oci_document), "", changes);
  }
  if (before.oci_config && after.oci_config) {
    // The document has members that no container keeps.
    const auto config = [&](const ImageFacts& facts) {
      const Json& kept = *facts.oci_config;
      if (!documents) return kept;
      const auto whole = facts.oci_document->find("config");
      return whole != facts.oci_document->end() && whole->is_object() ? *whole : kept;
    };
    const Json first = config(before);
    const Json second = config(after);
    add_changes(config_members(first), config_members(second), "", changes);
    add_changes(variables_of(first), variables_of(second), "environment ", changes);
  }
  // Of an image that is no container yet, scripts are what a build would make of its configuration.
  if (!documents) {
    add_script_changes(before.scripts, after.scripts, changes);
    drop_consequence(changes);
    add_environment_changes(before.environment, after.environment, changes);
  }
  std::vector<FactChange> out;
  for (auto& [name, change] : changes) out.push_back(std::move(change));
  return out;
}

std::optional<FactChange> overlay_change(OpenedFileSystem& first, OpenedFileSystem& second,
                                         const OperationContext& operation) {
  if (first.sif() == nullptr || second.sif() == nullptr) return std::nullopt;
  // They are read only where their sizes do not tell them apart.
  for (const bool with_digests : {false, true}) {
    const auto text = [&](OpenedFileSystem& image) -> std::optional<std::string> {
      auto out = in_context([&] { return in_quotes(image.reference().text); },
                            [&] { return overlays_of(*image.sif(), with_digests, operation); });
      return out.empty() ? std::nullopt : std::optional(std::move(out));
    };
    FactChange change{"overlay", text(first), text(second), false};
    if (change.before != change.after) return change;
    if (!change.before) break;
  }
  return std::nullopt;
}

}  // namespace sifkit::inspect
