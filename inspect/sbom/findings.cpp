// SPDX-License-Identifier: Apache-2.0
#include "findings.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

namespace sifkit::sbom {

namespace {

/// The namespace of a distribution's packages, where it is not its id.
std::string space_of(const Distribution& distribution) {
  static constexpr std::pair<std::string_view, std::string_view> kOthers[] = {
      {"rhel", "redhat"}, {"opensuse-leap", "opensuse"}, {"opensuse-tumbleweed", "opensuse"}, {"archarm", "arch"}};
  for (const auto& [id, space] : kOthers) {
    if (distribution.id == id) return std::string(space);
  }
  return distribution.id;
}

std::string distro_of(const Distribution& distribution) {
  if (distribution.id.empty() || distribution.version_id.empty()) return distribution.id;
  return fmt::format("{}-{}", distribution.id, distribution.version_id);
}

}  // namespace

std::string person(std::string_view text) {
  text = trimmed(text);
  const auto open = text.find('<');
  const auto close = text.rfind('>');
  if (text.empty()) return {};
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return fmt::format("Person: {}", text);
  }
  const auto name = trimmed(text.substr(0, open), " \t\"");
  const auto mail = trimmed(text.substr(open + 1, close - open - 1));
  if (name.empty() && mail.empty()) return {};
  if (name.empty() || mail.empty()) return fmt::format("Person: {}", name.empty() ? mail : name);
  return fmt::format("Person: {} ({})", name, mail);
}

std::string organization(std::string_view name) {
  name = trimmed(name);
  return name.empty() ? std::string() : fmt::format("Organization: {}", name);
}

void Findings::read(std::string_view kind, const std::string& path, const std::function<void()>& parse) {
  kind_ = kind;
  path_ = path;
  said_.clear();
  try {
    parse();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    warn(error.what());
  }
}

void Findings::read_once(std::string_view kind, const std::vector<std::string>& paths,
                         const std::function<void()>& parse) {
  const auto before = entries_.size();
  read(kind, paths.front(), parse);
  const auto behind = entries_.size();
  const auto said = std::move(said_);
  for (std::size_t i = 1; i < paths.size(); ++i) {
    read(kind, paths[i], [&] {
      for (auto at = before; at < behind; ++at) add(Found(entries_[at].found));
      for (const auto& text : said) warn(text);
    });
  }
}

void Findings::warn(const std::string& text) {
  said_.push_back(text);
  warnings_.add("package-database", fmt::format("{}: {}", in_quotes("/" + path_), text));
}

void Findings::add(Found found) {
  if (found.purl.name.empty()) return;
  if (entries_.size() == kMaxPackages) {
    throw Error(ErrorKind::limit, fmt::format("more than {} packages in one image", kMaxPackages));
  }
  entries_.push_back({std::move(found), kind_, path_});
}

std::vector<Package> Findings::packages() {
  std::map<std::string, Package> by_purl;
  // The order of reading is that in which files lie, which says nothing.
  std::stable_sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  for (auto& [found, kind, path] : entries_) {
    if (found.of_system) {
      found.purl.space = space_of(distribution);
      found.purl.qualifiers.emplace_back("distro", distro_of(distribution));
    }
    const auto purl = found.purl.text();
    const auto [at, fresh] = by_purl.try_emplace(purl);
    Package& package = at->second;
    if (fresh) {
      package.kind = kind;
      package.name = found.name.empty() ? found.purl.name : found.name;
      package.version = found.version.empty() ? found.purl.version : found.version;
      package.purl = purl;
      package.license = std::move(found.license);
      package.supplier = std::move(found.supplier);
      package.homepage = std::move(found.homepage);
      package.properties = std::move(found.properties);
      std::erase_if(package.properties, [](const auto& property) { return property.second.empty(); });
      std::sort(package.properties.begin(), package.properties.end());
    }
    if (package.license.empty()) package.license = found.license;
    auto& locations = package.locations;
    if (locations.empty() || locations.back() != "/" + path) locations.push_back("/" + path);
  }
  std::vector<Package> out;
  out.reserve(by_purl.size());
  for (auto& [purl, package] : by_purl) out.push_back(std::move(package));
  entries_.clear();
  return out;
}

}  // namespace sifkit::sbom
