// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <fmt/format.h>

#include <sifkit/inspect.h>
#include <sifkit/inspect/package_diff.h>
#include <sifkit/inspect/tree_diff.h>

#include "commands.h"
#include "file_text.h"
#include "source_options.h"

namespace sifkit::cli {

using namespace layers;
using inspect::ChangeKind;
using inspect::TreeChange;

namespace {

struct DiffArguments {
  std::string first;
  std::string second;
  SourceArguments from;
  std::vector<std::string> ignored;
  bool ignore_times = false;
  bool with_runtime_files = false;
  bool ignored_flag = false;
  bool summary = false;
};

/// What an image says of itself, by what it is called; nothing for a root file system that says nothing.
std::optional<TextMap> facts_of(const std::string& source, const DiffArguments& arguments, const Session& session) {
  const auto reference = oci::Reference::parse(source);
  if (is_stream(reference)) return std::nullopt;
  WarningList warnings;
  InspectReport report;
  try {
    report = inspect_container(reference, source_options(arguments.from, session), warnings);
  } catch (const Error& error) {
    // It is there and has been read, so that is about its metadata.
    if (error.kind() != ErrorKind::not_found && error.kind() != ErrorKind::unsupported) throw;
    return std::nullopt;
  }
  const auto& said = report.attributes;
  TextMap out{{"architecture", report.summary.architecture},
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

struct FactChange {
  std::string name;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

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

constexpr std::string_view word_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::added: return "added";
    case ChangeKind::removed: return "removed";
    case ChangeKind::changed: return "changed";
    case ChangeKind::renamed: return "renamed";
  }
  return {};
}

/// "changed /etc/motd: content, time (0644 0:0 12 -> 0644 0:0 15)"
std::string line_of(const TreeChange& change, const Tree& first, const Tree& second, const Session& session) {
  const auto numbers = [](const Tree& tree, InodeId id) {
    const Inode& inode = tree.inode(id);
    return fmt::format("{:04o} {}:{} {} @{}", inode.metadata.mode, inode.metadata.uid, inode.metadata.gid,
                       size_of(tree, inode), inode.metadata.mtime);
  };
  std::string out = fmt::format("{} ", word_of(change.kind));
  if (change.kind == ChangeKind::renamed) out += shown("/" + change.old_path, session) + " -> ";
  out += shown("/" + change.path, session);
  if (!change.facts.empty()) {
    out += fmt::format(": {} ({} -> {})", fmt::join(change.facts, ", "), numbers(first, change.before),
                       numbers(second, change.after));
  }
  return out + "\n";
}

Json record_of(const TreeChange& change, const Tree& first, const Tree& second) {
  Json record{{"kind", word_of(change.kind)}, {"changed", change.facts}, {"before", nullptr}, {"after", nullptr}};
  put_text(record, "path", "/" + change.path);
  const bool renamed = change.kind == ChangeKind::renamed;
  if (change.before != kNone) {
    record["before"] = file_record(first, "/" + (renamed ? change.old_path : change.path), change.before);
  }
  if (change.after != kNone) record["after"] = file_record(second, "/" + change.path, change.after);
  return record;
}

/// Whether a path, or a directory on the way to it, matches.
bool is_below_match(std::string_view path, const PathPatterns& patterns) {
  for (std::size_t at = 0; at != std::string_view::npos;) {
    at = path.find('/', at + 1);
    if (patterns.matches(path.substr(0, at))) return true;
  }
  return false;
}

/// Files that have not changed say the same of both. So only where those that have say something else is all of both
/// images asked: a package may be there twice.
std::vector<inspect::PackageChange> package_changes(const OpenedSource& first, const OpenedSource& second,
                                                    const std::vector<TreeChange>& changes,
                                                    const PathPatterns& ignored, const Session& session) {
  std::set<std::string, std::less<>> paths;
  for (const auto& change : changes) {
    paths.insert(change.path);
    if (!change.old_path.empty()) paths.insert(change.old_path);
  }
  const auto compare = [&](const std::function<bool(std::string_view)>& counts, WarningList& warnings) {
    const auto of_first = sbom::take_inventory(*first.image, session.operation(), warnings, counts);
    return inspect::package_diff(of_first, sbom::take_inventory(*second.image, session.operation(), warnings, counts));
  };
  WarningList of_changed;
  auto out = compare([&](std::string_view path) { return paths.contains(path); }, of_changed);
  WarningList warnings;
  if (!out.empty()) out = compare([&](std::string_view path) { return !is_below_match(path, ignored); }, warnings);
  session.progress->done();
  session.show_warnings(out.empty() ? of_changed : warnings);
  return out;
}

std::string line_of(const inspect::PackageChange& change) {
  const std::string name = printable(change.kind + " " + change.name);
  const std::string before = printable(fmt::format("{}", fmt::join(change.before, ", ")));
  const std::string after = printable(fmt::format("{}", fmt::join(change.after, ", ")));
  if (change.before.empty()) return fmt::format("package added {} {}\n", name, after);
  if (change.after.empty()) return fmt::format("package removed {} {}\n", name, before);
  return fmt::format("package changed {} {} -> {}\n", name, before, after);
}

int diff(const DiffArguments& arguments, Session& session) {
  inspect::TreeDiffOptions options;
  options.ignored = PathPatterns(arguments.ignored);
  options.ignore_times = arguments.ignore_times;
  options.with_runtime_files = arguments.with_runtime_files;
  const OpenedSource first = open_files(arguments.first, arguments.from, session);
  const OpenedSource second = open_files(arguments.second, arguments.from, session);
  const auto changes = inspect::tree_diff(first.files(), second.files(), options, session.operation());
  const auto of_first = facts_of(arguments.first, arguments, session);
  const auto of_second = of_first ? facts_of(arguments.second, arguments, session) : std::nullopt;
  session.progress->done();
  std::vector<FactChange> facts;
  if (of_first && of_second) {
    facts = fact_changes(*of_first, *of_second);
  } else {
    session.logger->write(LogLevel::info, "configuration is not compared: not both of them say anything of it");
  }
  std::vector<inspect::PackageChange> packages;
  if (!changes.empty()) packages = package_changes(first, second, changes, options.ignored, session);
  std::map<ChangeKind, std::size_t> counts;
  for (const auto& change : changes) ++counts[change.kind];
  const bool equal = changes.empty() && facts.empty();
  if (session.json) {
    Json files = Json::array();
    for (const auto& change : changes) files.push_back(record_of(change, first.tree(), second.tree()));
    Json said = Json::array();
    for (const auto& fact : facts) {
      said.push_back({{"name", fact.name},
                      {"before", fact.before ? Json(*fact.before) : Json(nullptr)},
                      {"after", fact.after ? Json(*fact.after) : Json(nullptr)}});
    }
    Json listed = Json::array();
    for (const auto& package : packages) {
      listed.push_back({{"kind", package.kind}, {"name", package.name}, {"before", package.before}, {"after", package.after}});
    }
    session.print_json({{"schema", "sifkit/diff/v1"},
                        {"equal", equal},
                        {"files", files},
                        {"configuration", said},
                        {"packages", listed}});
    return equal ? 0 : 1;
  }
  if (arguments.summary) {
    session.io.out << fmt::format("{} added, {} removed, {} changed, {} renamed; {} of the configuration; {} packages\n",
                                  counts[ChangeKind::added], counts[ChangeKind::removed], counts[ChangeKind::changed],
                                  counts[ChangeKind::renamed], facts.size(), packages.size());
    return equal ? 0 : 1;
  }
  for (const auto& fact : facts) {
    const auto text = [](const std::optional<std::string>& value) { return value ? in_quotes(*value) : "nothing"; };
    session.io.out << fmt::format("configuration {}: {} -> {}\n", printable(fact.name), text(fact.before), text(fact.after));
  }
  for (const auto& package : packages) session.io.out << line_of(package);
  for (const auto& change : changes) session.io.out << line_of(change, first.tree(), second.tree(), session);
  if (equal && !session.quiet) session.io.out << "equal\n";
  return equal ? 0 : 1;
}

}  // namespace

void add_diff_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "diff", "Compare two images: files, metadata, configuration and packages");
  const auto arguments = std::make_shared<DiffArguments>();
  verb->add_option("first", arguments->first, kSourceDescription)->required()->type_name("A");
  verb->add_option("second", arguments->second, "The same; a change is what makes it of A")->required()->type_name("B");
  verb->add_flag("--stat", arguments->summary, "How many differences there are, in one line");
  verb->add_option("--ignore", arguments->ignored, "Leave out files that match (may be given again)")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  verb->add_flag("--ignore-times", arguments->ignore_times, "Times of files do not count");
  verb->add_flag("--with-singularity", arguments->with_runtime_files,
                 "What building an image adds to its files counts, too");
  verb->add_flag("--packages", arguments->ignored_flag)->group("");  // always so
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return diff(*arguments, session); }; });
}

}  // namespace sifkit::cli
