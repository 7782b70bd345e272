// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/package_diff.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace sifkit::inspect {

namespace {

using Versions = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;  // of kind and name
using Architectures = std::map<std::pair<std::string, std::string>, std::set<std::string>>;

std::string architecture_of(const sbom::Package& package) {
  for (const std::string_view key : {"?arch=", "&arch="}) {
    const auto at = package.purl.find(key);
    if (at == std::string::npos) continue;
    const auto value = at + key.size();
    return package.purl.substr(value, package.purl.find('&', value) - value);
  }
  return {};
}

/// Names that an image has for several machines at once, as x86_64 and i686.
void note_architectures(const sbom::Inventory& inventory, std::set<std::pair<std::string, std::string>>& out) {
  Architectures all;
  for (const auto& package : inventory.packages)
    all[{package.kind, package.name}].insert(architecture_of(package));
  for (const auto& [name, architectures] : all) {
    if (architectures.size() > 1) out.insert(name);
  }
}

Versions versions_of(const sbom::Inventory& inventory, const std::set<std::pair<std::string, std::string>>& several) {
  Versions out;
  for (const auto& package : inventory.packages) {
    auto name = package.name;
    const auto architecture = several.contains({package.kind, name}) ? architecture_of(package) : std::string();
    if (!architecture.empty()) name += " (" + architecture + ")";
    out[{package.kind, name}].push_back(package.version);
  }
  for (auto& [name, versions] : out) std::sort(versions.begin(), versions.end());
  return out;
}

std::vector<std::string> without(const std::vector<std::string>& all, const std::vector<std::string>& taken) {
  std::vector<std::string> out;
  std::set_difference(all.begin(), all.end(), taken.begin(), taken.end(), std::back_inserter(out));
  return out;
}

}  // namespace

std::vector<PackageChange> package_diff(const sbom::Inventory& first, const sbom::Inventory& second) {
  std::set<std::pair<std::string, std::string>> several;
  note_architectures(first, several);
  note_architectures(second, several);
  const Versions of_first = versions_of(first, several);
  Versions names = of_first;
  const Versions of_second = versions_of(second, several);
  names.insert(of_second.begin(), of_second.end());
  const auto in = [](const Versions& all, const auto& name) {
    const auto found = all.find(name);
    return found == all.end() ? std::vector<std::string>() : found->second;
  };
  std::vector<PackageChange> out;
  for (const auto& [name, versions] : names) {
    const auto before = in(of_first, name);
    const auto after = in(of_second, name);
    if (before == after) continue;
    out.push_back({name.first, name.second, without(before, after), without(after, before)});
  }
  return out;
}

}  // namespace sifkit::inspect
