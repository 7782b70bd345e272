// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/text.h>

#include "catalogers.h"
#include "fields.h"

namespace sifkit::sbom {

namespace {

/// "name" or "name (version)" as the qualifier that scanners look a source package up by.
std::string upstream_of(std::string_view source, std::string_view package) {
  const auto open = source.find('(');
  const auto close = source.find(')', open);
  const std::string name(trimmed(source.substr(0, open)));
  if (name.empty() || open == std::string_view::npos || close == std::string_view::npos) {
    return name == package ? std::string() : name;
  }
  return fmt::format("{}@{}", name, trimmed(source.substr(open + 1, close - open - 1)));
}

/// Whether dpkg has a package's files on the disk. What is wanted does not matter, only what state it is in.
bool files_are_there(std::string_view status) {
  const auto state = status.substr(status.rfind(' ') + 1);
  return state != "not-installed" && state != "config-files" && !state.empty();
}

std::string word_list(std::string_view key, const std::map<std::string, std::vector<std::string>>& fields,
                      std::string_view between) {
  std::string out;
  const auto found = fields.find(std::string(key));
  if (found == fields.end()) return out;
  for (const auto& value : found->second) out += (out.empty() ? "" : std::string(between)) + value;
  return out;
}

std::string unquoted(std::string_view value) {
  value = trimmed(value);
  const char quote = value.empty() ? '\0' : value[0];
  if (quote != '"' && quote != '\'') return std::string(value.substr(0, value.find_first_of(" \t")));
  std::string out;
  for (std::size_t i = 1; i < value.size() && value[i] != quote; ++i) {
    if (quote == '"' && value[i] == '\\' && i + 1 < value.size()) ++i;
    out += value[i];
  }
  return out;
}

}  // namespace

Distribution read_os_release(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    const auto line = trimmed(take_line(text));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || line.starts_with('#')) continue;
    values[std::string(line.substr(0, equals))] = unquoted(line.substr(equals + 1));
  }
  auto version = values["VERSION_ID"];
  if (version.empty()) version = values["BUILD_ID"];
  auto name = values["PRETTY_NAME"];
  if (name.empty()) name = values["NAME"];
  return {lower_case(values["ID"]), version, name};
}

void read_dpkg(std::string_view text, bool always_installed, Findings& out) {
  for_each_block(text, [&](const Fields& fields) {
    const auto status = fields.get("Status");
    if (fields.has("Status") ? !files_are_there(status) : !always_installed) return;
    const std::string name(fields.get("Package"));
    const std::string version(fields.get("Version"));
    if (name.empty() || version.empty()) return;
    Found found{.purl = {"deb", {}, name, version, {}}, .of_system = true};
    found.purl.qualifiers = {{"arch", std::string(fields.get("Architecture"))},
                             {"upstream", upstream_of(fields.get("Source"), name)}};
    found.supplier = person(fields.get("Maintainer"));
    found.homepage = fields.get("Homepage");
    if (status.find(" installed") == std::string_view::npos) found.properties = {{"dpkg:status", std::string(status)}};
    out.add(std::move(found));
  });
}

void read_opkg(std::string_view text, Findings& out) {
  for_each_block(text, [&](const Fields& fields) {
    if (!files_are_there(fields.get("Status"))) return;
    Found found{.purl = {"opkg", {}, std::string(fields.get("Package")), std::string(fields.get("Version")), {}}};
    found.purl.qualifiers = {{"arch", std::string(fields.get("Architecture"))}};
    found.license = fields.get("License");
    found.supplier = person(fields.get("Maintainer"));
    out.add(std::move(found));
  });
}

void read_apk(std::string_view text, Findings& out) {
  while (!text.empty()) {
    std::map<char, std::string_view> fields;
    bool files = false;  // letters behind the first folder are of files
    while (!text.empty()) {
      const auto line = take_line(text);
      if (line.empty()) break;
      if (line.size() < 2 || line[1] != ':') continue;
      if (line[0] == 'F') files = true;
      if (!files) fields.emplace(line[0], line.substr(2));
    }
    const std::string name(fields['P']);
    if (name.empty() || name.starts_with('.')) continue;  // `apk add -t .NAME`: a name for a list of others
    Found found{.purl = {"apk", {}, name, std::string(fields['V']), {}}, .of_system = true};
    found.purl.qualifiers = {{"arch", std::string(fields['A'])},
                             {"upstream", fields['o'] == name ? std::string() : std::string(fields['o'])}};
    found.license = fields['L'];
    found.supplier = person(fields['m']);
    found.homepage = fields['U'];
    out.add(std::move(found));
  }
}

void read_pacman(std::string_view text, Findings& out) {
  std::map<std::string, std::vector<std::string>> fields;
  std::string key;
  while (!text.empty()) {
    const auto line = take_line(text);
    if (line.size() > 2 && line.starts_with('%') && line.ends_with('%')) {
      key = line;
    } else if (line.empty()) {
      key.clear();
    } else if (!key.empty()) {
      fields[key].emplace_back(line);
    }
  }
  const auto name = word_list("%NAME%", fields, "");
  const auto base = word_list("%BASE%", fields, "");
  Found found{.purl = {"alpm", {}, name, word_list("%VERSION%", fields, ""), {}}, .of_system = true};
  found.purl.qualifiers = {{"arch", word_list("%ARCH%", fields, "")}, {"upstream", base == name ? "" : base}};
  auto& licenses = fields["%LICENSE%"];
  for (auto& license : licenses) {
    // All of them count, and AND binds more tightly than OR.
    if (licenses.size() > 1 && license.find(" OR ") != std::string::npos) license = "(" + license + ")";
  }
  found.license = word_list("%LICENSE%", fields, " AND ");
  found.supplier = person(word_list("%PACKAGER%", fields, ""));
  found.homepage = word_list("%URL%", fields, "");
  out.add(std::move(found));
}

void read_portage(std::string_view text, const std::string& path, Findings& out) {
  const std::string full(trimmed(text, " \t\r\n"));
  // The version begins behind the last '-' that a digit follows, a revision ("-r1") apart.
  auto end = full.size();
  std::size_t dash = std::string::npos;
  while ((dash = full.rfind('-', end == 0 ? 0 : end - 1)) != std::string::npos && dash != 0) {
    if (dash + 1 < full.size() && full[dash + 1] >= '0' && full[dash + 1] <= '9') break;
    end = dash;
  }
  if (dash == std::string::npos || dash == 0) return;
  const auto parts = path.find("var/db/pkg/") + std::string_view("var/db/pkg/").size();
  const auto category = path.substr(parts, path.find('/', parts) - parts);
  Found found{.purl = {"ebuild", category, full.substr(0, dash), full.substr(dash + 1), {}}};
  out.add(std::move(found));
}

void read_rpm_manifest(std::string_view text, Findings& out) {
  while (!text.empty()) {
    std::string_view line = take_line(text);
    std::vector<std::string> columns;
    while (!line.empty()) {
      const auto column = line.substr(0, line.find('\t'));
      columns.emplace_back(column);
      line.remove_prefix(std::min(line.size(), column.size() + 1));
    }
    if (columns.size() < 8) continue;
    const auto set = [](const std::string& value) { return value == "(none)" ? std::string() : value; };
    Found found{.purl = {"rpm", {}, columns[0], columns[1], {}}, .of_system = true};
    found.purl.qualifiers = {{"arch", set(columns[7])}, {"epoch", set(columns[5])}};
    if (columns.size() > 9) found.purl.qualifiers.emplace_back("upstream", set(columns[9]));
    found.supplier = organization(set(columns[4]));
    out.add(std::move(found));
  }
}

}  // namespace sifkit::sbom
