// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <sifkit/inspect/image_diff.h>
#include <sifkit/inspect/tree_digest.h>
#include <sifkit/records/findings.h>

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
  bool summary = false;
};

/// The names of attributes that one of two files has not, or with another value.
std::vector<std::string> changed_attributes(const Tree& first, const Inode& before, const Tree& second,
                                            const Inode& after) {
  std::set<std::string> left_out;
  const Xattrs of_first = inspect::comparable_xattrs(first, before, left_out);
  const Xattrs of_second = inspect::comparable_xattrs(second, after, left_out);
  Xattrs changed;
  std::set_symmetric_difference(of_first.begin(), of_first.end(), of_second.begin(), of_second.end(),
                                std::back_inserter(changed));
  std::vector<std::string> out;
  for (const auto& [name, value] : changed) {
    if (out.empty() || out.back() != name) out.push_back(name);
  }
  return out;
}

/// "changed /etc/motd: content, time (0644 0:0 12 @7 -> 0644 0:0 15 @9)". What those numbers do not show stands beside
/// its word: "changed /bin/sh: target 'dash' -> 'bash'".
std::string line_of(const TreeChange& change, const Tree& first, const Tree& second, const Session& session) {
  std::string out = fmt::format("{} ", to_string(change.kind));
  if (change.kind == ChangeKind::renamed) out += shown("/" + change.old_path, session) + " -> ";
  out += shown("/" + change.path, session);
  if (change.facts.empty()) return out + "\n";
  const Inode& before = first.inode(change.before);
  const Inode& after = second.inode(change.after);
  std::vector<std::string> facts;
  for (const auto& fact : change.facts) {
    const auto from_to = [&](const auto& a, const auto& b) { facts.push_back(fmt::format("{} {} -> {}", fact, a, b)); };
    if (fact == "type") {
      from_to(type_word(before.type), type_word(after.type));
    } else if (fact == "target") {
      const auto target = [&](const Tree& tree, const Inode& link) {
        return "'" + shown(std::string(tree.symlink_target(link)), session) + "'";
      };
      from_to(target(first, before), target(second, after));
    } else if (fact == "device") {
      from_to(device_text(before), device_text(after));
    } else if (fact == "xattrs") {
      const auto names = changed_attributes(first, before, second, after);
      facts.push_back(printable(fmt::format("{} {}", fact, fmt::join(names, " "))));
    } else {
      facts.push_back(fact);
    }
  }
  const auto numbers = [](const Tree& tree, const Inode& inode) {
    return fmt::format("{:04o} {}:{} {} @{}", inode.metadata.mode, inode.metadata.uid, inode.metadata.gid,
                       size_of(tree, inode), inode.metadata.mtime);
  };
  const std::string of_first = numbers(first, before);
  const std::string of_second = numbers(second, after);
  out += fmt::format(": {}", fmt::join(facts, ", "));
  if (of_first != of_second) out += fmt::format(" ({} -> {})", of_first, of_second);
  return out + "\n";
}

/// Texts are shown whole where they fit into a line.
constexpr std::size_t kMaxShownText = 256;
/// How much of a longer one is shown in front of the place where it differs.
constexpr std::size_t kShownBefore = 40;

/// Two texts from where they differ.
std::string from_to(const std::string& before, const std::string& after) {
  std::size_t start = 0;
  if (std::max(before.size(), after.size()) > kMaxShownText) {
    const auto differ = std::mismatch(before.begin(), before.end(), after.begin(), after.end()).first;
    const auto same = static_cast<std::size_t>(differ - before.begin());
    start = same > kShownBefore ? same - kShownBefore : 0;
  }
  const auto part = [&](const std::string& text) {
    const auto shown = printable(std::string_view(text).substr(start), kMaxShownText);
    return fmt::format("'{}{}'", start == 0 ? "" : "...", shown);
  };
  return part(before) + " -> " + part(after);
}

/// "configuration label k: '1' -> '2'"; of texts of several lines the first that differs, with its number.
std::string line_of(const inspect::FactChange& change) {
  std::string out = fmt::format("configuration {}: ", printable(change.name));
  if (!change.before || !change.after) {
    const auto text = [](const std::optional<std::string>& value) { return value ? in_quotes(*value) : "nothing"; };
    return out + fmt::format("{} -> {}\n", text(change.before), text(change.after));
  }
  const bool lines = (*change.before + *change.after).find('\n') != std::string::npos;
  if (!lines) return out + from_to(*change.before, *change.after) + "\n";
  const auto [before, after] = inspect::first_line_change(change);
  if (before && after) {
    out += fmt::format("line {}", before->number);
    if (before->number != after->number) out += fmt::format(" and {}", after->number);
    return out + ": " + from_to(before->text, after->text) + "\n";
  }
  // They may differ in the line feed at the end alone.
  if (!before && !after) return out + from_to(*change.before, *change.after) + "\n";
  const auto text = [](const std::optional<inspect::NumberedLine>& line) {
    return line ? fmt::format("line {}: {}", line->number, in_quotes(line->text)) : "nothing";
  };
  return out + fmt::format("{} -> {}\n", text(before), text(after));
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
  WarningList warnings;
  const auto found =
      inspect::diff_images(*first.image, *second.image, options, source_options(arguments.from, session), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  if (!found.configuration_compared)
    session.logger->write(LogLevel::info, "configuration is not compared: not both of them say anything of it");
  const int code = found.equal() ? 0 : 1;
  if (session.json) {
    session.print_json(records::diff_record(found));
    return code;
  }
  if (arguments.summary) {
    std::map<ChangeKind, std::size_t> counts;
    for (const auto& change : found.files) ++counts[change.kind];
    const std::string said = found.configuration_compared
                                 ? fmt::format("{} of the configuration", found.configuration.size())
                                 : "configuration not compared";
    session.io.out << fmt::format("{} added, {} removed, {} changed, {} renamed; {}; {} packages\n",
                                  counts[ChangeKind::added], counts[ChangeKind::removed], counts[ChangeKind::changed],
                                  counts[ChangeKind::renamed], said, found.packages.size());
    return code;
  }
  for (const auto& fact : found.configuration) session.io.out << line_of(fact);
  for (const auto& package : found.packages) session.io.out << line_of(package);
  for (const auto& change : found.files) session.io.out << line_of(change, first.tree(), second.tree(), session);
  if (code == 0 && !session.quiet) session.io.out << "equal\n";
  return code;
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
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return diff(*arguments, session); }; });
}

}  // namespace sifkit::cli
