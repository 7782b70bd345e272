// SPDX-License-Identifier: Apache-2.0
#include "container_changes.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

#include "container_metadata.h"
#include "runtime_scripts.h"
#include "shell.h"

namespace sifkit {

namespace {

using OrderedJson = nlohmann::ordered_json;

const std::vector<std::string>& unset_names(const ConvertOptions& options) {
  static const std::vector<std::string> none;
  return options.edit ? options.edit->unset : none;
}

/// Compact, as Go writes it. The document was parsed within `json_depth`, so the recursion is bounded.
void append_as_go(const OrderedJson& value, std::string& out) {
  if (value.is_string()) {
    out += go_json_string(value.get_ref<const std::string&>());
  } else if (value.is_object()) {
    const char* before = "{";
    for (const auto& [name, member] : value.items()) {
      out += before + go_json_string(name) + ":";
      append_as_go(member, out);
      before = ",";
    }
    out += value.empty() ? "{}" : "}";
  } else if (value.is_array()) {
    const char* before = "[";
    for (const auto& member : value) {
      out += before;
      append_as_go(member, out);
      before = ",";
    }
    out += value.empty() ? "[]" : "]";
  } else {
    out += value.dump();
  }
}

/// A member that has nothing in it is left out, as Go leaves it out.
void set_member(OrderedJson& object, const char* name, OrderedJson value) {
  if (value.empty()) {
    object.erase(name);
  } else {
    object[name] = std::move(value);
  }
}

// The lines below this one are constants, so none depends on another and each can be replaced.
constexpr std::string_view kOwnLines = "# Set by sifkit; a later change of the same variable replaces its line.\n";

/// A line that was written here: `export NAME="VALUE"`, whose value may have line feeds, or `unset NAME`.
struct OwnLine {
  std::string name;
  std::string text;
  bool sets = false;
};

/// Where the quotes end that began before `at`, with the line feed behind them; nothing where more is behind them.
/// Quotes may close and open again at once (escape_in_double_quotes).
std::optional<std::size_t> end_of_value(std::string_view script, std::size_t at) {
  for (; at < script.size(); ++at) {
    if (script[at] == '\\') {
      ++at;
    } else if (script[at] == '"') {
      if (script.substr(at + 1).starts_with('\n')) return at + 2;
      if (!script.substr(at + 1).starts_with('"')) return std::nullopt;
      ++at;
    }
  }
  return std::nullopt;
}

std::optional<OwnLine> first_line(std::string_view script) {
  static constexpr std::string_view kExport = "export ";
  static constexpr std::string_view kUnset = "unset ";
  OwnLine out;
  out.sets = script.starts_with(kExport);
  if (!out.sets && !script.starts_with(kUnset)) return std::nullopt;
  const auto start = (out.sets ? kExport : kUnset).size();
  const auto end = script.find_first_of("=\n", start);
  if (end == std::string_view::npos || !is_shell_name(script.substr(start, end - start))) return std::nullopt;
  out.name = script.substr(start, end - start);
  std::optional<std::size_t> behind;
  if (!out.sets && script[end] == '\n') behind = end + 1;
  if (out.sets && script.substr(end).starts_with("=\"")) behind = end_of_value(script, end + 2);
  if (!behind) return std::nullopt;
  out.text = script.substr(0, *behind);
  return out;
}

/// Takes the lines that were written here off the end of a script. None where somebody wrote something behind them,
/// which may depend on them.
std::vector<OwnLine> take_own_lines(std::string& script) {
  const auto mark = script.rfind(kOwnLines);
  if (mark == std::string::npos || (mark != 0 && script[mark - 1] != '\n')) return {};
  std::vector<OwnLine> out;
  for (auto left = std::string_view(script).substr(mark + kOwnLines.size()); !left.empty();) {
    auto line = first_line(left);
    if (!line) return {};
    left.remove_prefix(line->text.size());
    out.push_back(std::move(*line));
  }
  script.resize(mark);
  return out;
}

/// Whether a script has an assignment of the variable, wherever in a line.
bool assigns(std::string_view script, std::string_view name) {
  const auto is_of_name = [](char c) { return is_shell_name(fmt::format("_{}", c)); };
  for (auto at = script.find(name); at != std::string_view::npos; at = script.find(name, at + 1)) {
    if (at != 0 && is_of_name(script[at - 1])) continue;
    const auto behind = script.substr(at + name.size());
    if (behind.starts_with('=') || behind.starts_with(":=") || behind.starts_with("+=")) return true;
  }
  return false;
}

}  // namespace

void expect_possible_variables(const ConvertOptions& options) {
  const auto expect_name = [](const std::string& name) {
    if (is_shell_name(name)) return;
    throw Error(ErrorKind::usage, fmt::format("{} is no name of a variable", in_quotes(name)),
                "a shell takes letters, digits and '_', no digit first");
  };
  for (const auto& name : unset_names(options)) expect_name(name);
  for (const auto& [name, value] : options.env) {
    expect_name(name);
    if (!is_reserved_variable(name)) continue;
    throw Error(ErrorKind::usage,
                fmt::format("the variable {} cannot be set: the runtime sets it itself", in_quotes(name)));
  }
}

std::string changed_oci_config(std::string_view text, const ConvertOptions& options) {
  const bool takes_away = options.edit && !(options.edit->removed_labels.empty() && options.edit->unset.empty());
  if (options.labels.empty() && options.env.empty() && !takes_away) return std::string(text);
  const Json checked = parse_json(text, kOciConfigName, options.limits);
  const JsonView view(checked, std::string(kOciConfigName) + ": ");
  view.require_object();
  const auto old_env = view["Env"].text_list();
  const auto old_labels = view["Labels"].text_map();

  auto env = old_env;
  const auto drop = [&](const std::string& name) {
    std::erase_if(env, [&](std::string_view entry) { return entry.substr(0, entry.find('=')) == name; });
  };
  for (const auto& name : unset_names(options)) drop(name);
  for (const auto& [name, value] : options.env) {
    if (std::find(env.begin(), env.end(), name + "=" + value) == env.end()) {
      drop(name);
      env.push_back(name + "=" + value);
    }
  }
  std::map<std::string, std::string> labels(old_labels.begin(), old_labels.end());
  if (options.edit) {
    for (const auto& name : options.edit->removed_labels) labels.erase(name);
  }
  for (const auto& [name, value] : options.labels) labels[name] = value;

  const bool other_labels = labels != std::map<std::string, std::string>(old_labels.begin(), old_labels.end());
  if (env == old_env && !other_labels) return std::string(text);
  auto document = OrderedJson::parse(text);
  if (env != old_env) set_member(document, "Env", env);
  if (other_labels) set_member(document, "Labels", labels);
  std::string out;
  append_as_go(document, out);
  return out;
}

std::string changed_environment(std::string script, const TextMap& others, const ConvertOptions& options) {
  if (script.empty()) script = "#!/bin/sh\n";
  if (!script.ends_with('\n')) script += '\n';
  auto lines = take_own_lines(script);
  const auto drop = [&](const std::string& name) {
    const auto last = std::find_if(lines.rbegin(), lines.rend(), [&](const auto& line) { return line.name == name; });
    const std::optional<bool> sets = last == lines.rend() ? std::nullopt : std::optional(last->sets);
    std::erase_if(lines, [&](const auto& line) { return line.name == name; });
    return sets;
  };
  for (const auto& name : unset_names(options)) {
    const auto own = drop(name);
    const bool by_others = assigns(script, name) || std::any_of(others.begin(), others.end(), [&](const auto& other) {
      return assigns(other.second, name);
    });
    if (own ? !*own : !by_others) {
      throw Error(ErrorKind::not_found, fmt::format("the variable {} is not in the image", in_quotes(name)));
    }
    if (by_others) lines.push_back({name, fmt::format("unset {}\n", name), false});
  }
  for (const auto& [name, value] : options.env) {
    drop(name);
    lines.push_back({name, fmt::format("export {}=\"{}\"\n", name, escape_in_double_quotes(value)), true});
  }
  if (!lines.empty()) script += kOwnLines;
  for (const auto& line : lines) script += line.text;
  return script;
}

}  // namespace sifkit
