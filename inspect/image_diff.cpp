// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/image_diff.h>

#include <algorithm>
#include <functional>
#include <set>

#include <sifkit/core/error.h>
#include <sifkit/inspect.h>

namespace sifkit::inspect {

namespace {

/// What an image says of itself, by what it is called; nothing for a root file system that says nothing.
std::optional<TextMap> facts_of(OpenedFileSystem& image, const Limits& limits) {
  WarningList warnings;
  const auto report = inspect_container(image, limits, warnings);
  if (!report) return std::nullopt;
  const auto& said = report->attributes;
  TextMap out{{"architecture", report->summary.architecture},
              {"runscript", said.runscript},
              {"startscript", said.startscript},
              {"test", said.test},
              {"help", said.helpfile}};
  for (const auto& [name, value] : said.environment) out["environment " + name] = value;
  for (const auto& [name, value] : said.labels) {
    // These are of the making of an image, not of what it is.
    if (!name.starts_with("org.label-schema.")) out["label " + name] = value;
  }
  std::erase_if(out, [](const auto& fact) { return fact.second.empty(); });
  return out;
}

std::vector<FactChange> fact_changes(const TextMap& before, const TextMap& after) {
  std::vector<FactChange> out;
  for (const auto& [name, value] : before) {
    const auto there = after.find(name);
    if (there == after.end()) {
      out.push_back({name, value, std::nullopt});
    } else if (there->second != value) {
      out.push_back({name, value, there->second});
    }
  }
  for (const auto& [name, value] : after) {
    if (!before.contains(name)) out.push_back({name, std::nullopt, value});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

/// Whether a path, or a directory on the way to it, matches.
bool is_below_match(std::string_view path, const layers::PathPatterns& patterns) {
  for (std::size_t at = 0; at != std::string_view::npos;) {
    at = path.find('/', at + 1);
    if (patterns.matches(path.substr(0, at))) return true;
  }
  return false;
}

/// Files that have not changed say the same of both. So only where those that have say something else is all of both
/// images asked: a package may be there twice.
std::vector<PackageChange> package_changes(OpenedFileSystem& first, OpenedFileSystem& second,
                                           const std::vector<TreeChange>& changes, const layers::PathPatterns& ignored,
                                           const OperationContext& operation, WarningList& warnings) {
  std::set<std::string, std::less<>> paths;
  for (const auto& change : changes) {
    paths.insert(change.path);
    if (!change.old_path.empty()) paths.insert(change.old_path);
  }
  const auto compare = [&](const std::function<bool(std::string_view)>& counts, WarningList& said) {
    const auto of_first = sbom::take_inventory(first, operation, said, counts);
    return package_diff(of_first, sbom::take_inventory(second, operation, said, counts));
  };
  WarningList of_changed;
  auto out = compare([&](std::string_view path) { return paths.contains(path); }, of_changed);
  if (!out.empty()) return compare([&](std::string_view path) { return !is_below_match(path, ignored); }, warnings);
  warnings.add_all(of_changed);
  return out;
}

}  // namespace

ImageDiff diff_images(OpenedFileSystem& first, OpenedFileSystem& second, const TreeDiffOptions& options,
                      const oci::SourceOptions& source, WarningList& warnings) {
  ImageDiff out;
  out.first = &first.tree();
  out.second = &second.tree();
  out.files = tree_diff(first.files(), second.files(), options, source.operation);
  const auto of_first = facts_of(first, source.limits);
  const auto of_second = of_first ? facts_of(second, source.limits) : std::nullopt;
  out.configuration_compared = of_first && of_second;
  if (out.configuration_compared) out.configuration = fact_changes(*of_first, *of_second);
  if (!out.files.empty())
    out.packages = package_changes(first, second, out.files, options.ignored, source.operation, warnings);
  return out;
}

}  // namespace sifkit::inspect
