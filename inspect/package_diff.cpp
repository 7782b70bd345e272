// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/package_diff.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace sifkit::inspect {

namespace {

using Versions = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;  // of kind and name

Versions versions_of(const sbom::Inventory& inventory) {
  Versions out;
  for (const auto& package : inventory.packages) out[{package.kind, package.name}].push_back(package.version);
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
  const Versions of_first = versions_of(first);
  Versions names = of_first;
  const Versions of_second = versions_of(second);
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
