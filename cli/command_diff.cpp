// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <sifkit/inspect/image_diff.h>
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

/// "changed /etc/motd: content, time (0644 0:0 12 -> 0644 0:0 15)"
std::string line_of(const TreeChange& change, const Tree& first, const Tree& second, const Session& session) {
  const auto numbers = [](const Tree& tree, InodeId id) {
    const Inode& inode = tree.inode(id);
    return fmt::format("{:04o} {}:{} {} @{}", inode.metadata.mode, inode.metadata.uid, inode.metadata.gid,
                       size_of(tree, inode), inode.metadata.mtime);
  };
  std::string out = fmt::format("{} ", to_string(change.kind));
  if (change.kind == ChangeKind::renamed) out += shown("/" + change.old_path, session) + " -> ";
  out += shown("/" + change.path, session);
  if (!change.facts.empty()) {
    out += fmt::format(": {} ({} -> {})", fmt::join(change.facts, ", "), numbers(first, change.before),
                       numbers(second, change.after));
  }
  return out + "\n";
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
    session.io.out << fmt::format("{} added, {} removed, {} changed, {} renamed; {} of the configuration; {} packages\n",
                                  counts[ChangeKind::added], counts[ChangeKind::removed], counts[ChangeKind::changed],
                                  counts[ChangeKind::renamed], found.configuration.size(), found.packages.size());
    return code;
  }
  for (const auto& fact : found.configuration) {
    const auto text = [](const std::optional<std::string>& value) { return value ? in_quotes(*value) : "nothing"; };
    session.io.out << fmt::format("configuration {}: {} -> {}\n", printable(fact.name), text(fact.before), text(fact.after));
  }
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
