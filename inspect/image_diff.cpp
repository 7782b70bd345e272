// SPDX-License-Identifier: Apache-2.0
#include <sifkit/inspect/image_diff.h>

#include <algorithm>
#include <functional>
#include <set>

#include <sifkit/core/error.h>

#include "image_facts.h"
#include "script_text.h"

namespace sifkit::inspect {

namespace {

/// Errors of what is done with one of two images say which.
template <class Work>
auto naming(OpenedFileSystem& image, const Work& work) -> decltype(work()) {
  return in_context([&] { return in_quotes(image.reference().text); }, work);
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
    const auto inventory = [&](OpenedFileSystem& image) {
      return naming(image, [&] { return sbom::take_inventory(image, operation, said, counts); });
    };
    const auto of_first = inventory(first);
    return package_diff(of_first, inventory(second));
  };
  WarningList of_changed;
  auto out = compare([&](std::string_view path) { return paths.contains(path); }, of_changed);
  if (!out.empty()) return compare([&](std::string_view path) { return !is_below_match(path, ignored); }, warnings);
  warnings.add_all(of_changed);
  return out;
}

}  // namespace

LineChange first_line_change(const FactChange& change) {
  const auto use = change.sourced ? ScriptUse::sourced : ScriptUse::run;
  const auto lines = [&](const std::string& text) { return change.script ? acting_lines(text, use) : lines_of(text); };
  const auto before = lines(change.before.value());
  const auto after = lines(change.after.value());
  const auto [first, second] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
  LineChange out;
  if (first != before.end()) out.before = {first->number, first->text};
  if (second != after.end()) out.after = {second->number, second->text};
  return out;
}

ImageDiff diff_images(OpenedFileSystem& first, OpenedFileSystem& second, const TreeDiffOptions& given,
                      const oci::SourceOptions& source, WarningList& warnings) {
  TreeDiffOptions options = given;
  options.first_name = in_quotes(first.reference().text);
  options.second_name = in_quotes(second.reference().text);
  ImageDiff out;
  out.first = &first.tree();
  out.second = &second.tree();
  out.files = tree_diff(first.files(), second.files(), options, source.operation);
  const auto facts = [&](OpenedFileSystem& image) {
    return naming(image, [&] { return facts_of(image, source.limits, warnings); });
  };
  const auto of_first = facts(first);
  const auto of_second = of_first ? facts(second) : std::nullopt;
  out.configuration_compared = of_first && of_second;
  if (out.configuration_compared) {
    out.configuration = fact_changes(*of_first, *of_second);
    auto overlay = overlay_change(first, second, source.operation);
    if (overlay) out.configuration.push_back(std::move(*overlay));
    std::sort(out.configuration.begin(), out.configuration.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
  }
  if (!out.files.empty())
    out.packages = package_changes(first, second, out.files, options.ignored, source.operation, warnings);
  return out;
}

}  // namespace sifkit::inspect
