// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include <sifkit/inspect/disk_usage.h>
#include <sifkit/oci/image.h>

#include "commands.h"
#include "file_text.h"
#include "help_formatter.h"
#include "layer_text.h"
#include "numbers.h"
#include "source_options.h"
#include "table.h"

namespace sifkit::cli {

using namespace layers;

namespace {

struct UsageArguments {
  std::string source;
  SourceArguments from;
  std::vector<std::string> paths;
  std::size_t depth = std::numeric_limits<std::size_t>::max();
  std::size_t top = std::numeric_limits<std::size_t>::max();
  bool all = false;
  bool human = false;
  bool summary = false;
  bool total = false;
  bool by_layer = false;
  bool duplicates = false;
  bool ignored = false;
};

/// What the paths of a walk begin with.
std::string prefix_of(const std::string& path) { return path.ends_with('/') ? path : path + "/"; }

std::string size_text(std::uint64_t bytes, const UsageArguments& arguments) {
  return arguments.human ? short_size(bytes) : std::to_string(bytes);
}

/// The first column: on a terminal as wide as two tabs, so that what stands behind it stands in line.
std::string size_column(std::uint64_t bytes, const UsageArguments& arguments, const Session& session) {
  static constexpr int kWidth = 15;
  const auto text = size_text(bytes, arguments);
  return session.io.out_is_terminal && !arguments.human ? fmt::format("{:<{}} ", text, kWidth) : text + "\t";
}

/// How much of the most something is, as a part of a line.
std::string bar(std::uint64_t part, std::uint64_t most) {
  static constexpr double kWidth = 20;
  const auto length = most == 0 ? 0 : static_cast<std::size_t>(kWidth * (static_cast<double>(part) / static_cast<double>(most)));
  return fmt::format("{:<20}", std::string(length, '#'));
}

int by_path(const UsageArguments& arguments, const OpenedSource& source, Session& session) {
  std::vector<inspect::DiskUsage> rows;
  std::vector<InodeId> starts;
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    const InodeId start = source.files().require(path, path.ends_with('/'));
    starts.push_back(start);
    for (auto& usage : inspect::disk_usage(source.tree(), start, arguments.summary ? 0 : arguments.depth, arguments.all,
                                           session.operation())) {
      usage.path = usage.path.empty() ? path : prefix_of(path) + usage.path;
      rows.push_back(std::move(usage));
    }
  });
  if (arguments.top < rows.size()) {
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
    rows.resize(arguments.top);
  }
  if (session.json) {
    Json files = Json::array();
    for (const auto& row : rows) {
      Json record{{"bytes", row.bytes}, {"names", row.names}};
      put_text(record, "path", row.path);
      files.push_back(std::move(record));
    }
    Json record{{"schema", "sifkit/du/v1"}, {"files", files}};
    if (arguments.total) record["total_bytes"] = inspect::total_bytes(source.tree(), starts, session.operation());
    session.print_json(record);
    return code;
  }
  std::uint64_t most = 0;
  for (const auto& row : rows) most = std::max(most, row.bytes);
  for (const auto& row : rows) {
    session.io.out << size_column(row.bytes, arguments, session);
    if (session.io.out_is_terminal) session.io.out << bar(row.bytes, most) << '\t';
    session.io.out << shown(row.path, session) << '\n';
  }
  if (arguments.total) {
    const auto total = inspect::total_bytes(source.tree(), starts, session.operation());
    session.io.out << size_column(total, arguments, session) << (session.io.out_is_terminal ? bar(0, 0) + "\t" : "")
                   << "total\n";
  }
  return code;
}

int by_layer(const UsageArguments& arguments, const OpenedSource& source, Session& session) {
  const auto usage = source.image->layer_usage();
  if (usage.empty()) {
    throw Error(ErrorKind::unsupported, fmt::format("{} is one file system and has no layers", in_quotes(arguments.source)));
  }
  const auto& layers = source.image->image()->layers();
  std::vector<std::size_t> order(usage.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (arguments.top < order.size()) {
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return usage[a].bytes > usage[b].bytes; });
    order.resize(arguments.top);
  }
  if (session.json) {
    Json records = Json::array();
    for (const auto i : order) records.push_back(layer_record(i, layers[i], usage[i]));
    session.print_json({{"schema", "sifkit/du/v1"}, {"layers", records}});
    return 0;
  }
  std::uint64_t most = 0;
  for (const auto i : order) most = std::max(most, usage[i].bytes);
  Table table({"LAYER", "BYTES", session.io.out_is_terminal ? std::string(20, ' ') : "", "FILES", "HIDES", "LOSES", "DIGEST"});
  for (const std::size_t column : {0u, 1u, 3u, 4u, 5u}) table.align_right(column);
  table.allow_cut(6, 12, Keep::start);
  for (const auto i : order) {
    const auto& layer = usage[i];
    table.add({std::to_string(i + 1), size_text(layer.bytes, arguments),
               session.io.out_is_terminal ? bar(layer.bytes, most) : "", std::to_string(layer.files),
               size_text(layer.hidden_bytes, arguments), size_text(layer.lost_bytes, arguments), layer_name(layers[i])});
  }
  session.io.out << table.text(session.io);
  return 0;
}

int duplicates(const UsageArguments& arguments, const OpenedSource& source, Session& session) {
  Json records = Json::array();
  std::string text;
  const int code = for_each_path(arguments.source, arguments.paths, session, [&](const std::string& path) {
    const InodeId start = source.files().require(path, path.ends_with('/'));
    auto groups = inspect::duplicate_files(source.files(), start, session.operation());
    session.progress->done();
    if (arguments.top < groups.size()) groups.resize(arguments.top);
    for (const auto& group : groups) {
      Json names = Json::array();
      text += size_text(group.wasted(), arguments) + "\t";
      for (const auto& each : group.paths) {
        const std::string name = prefix_of(path) + each;
        Json record = Json::object();
        put_text(record, "path", name);
        names.push_back(std::move(record));
        text += (&each == &group.paths.front() ? "" : ", ") + shown(name, session);
      }
      text += '\n';
      records.push_back({{"size", group.size}, {"wasted", group.wasted()}, {"files", names}});
    }
  });
  if (session.json) {
    session.print_json({{"schema", "sifkit/du/v1"}, {"duplicates", records}});
  } else {
    session.io.out << text;
  }
  return code;
}

int du(UsageArguments arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  if (arguments.paths.empty()) arguments.paths = {"/"};
  if (arguments.by_layer) return by_layer(arguments, source, session);
  return arguments.duplicates ? duplicates(arguments, source, session) : by_path(arguments, source, session);
}

}  // namespace

void add_du_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "du", "Show what takes the room inside an image, in bytes of files");
  const auto arguments = std::make_shared<UsageArguments>();
  verb->set_help_flag("--help", "Print this help")->group(kCommonOptions);  // -h is that of du
  keep_short_debug_free(*verb, session);
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  auto* paths = verb->add_option("path", arguments->paths, "Files or directories (default: the root)")->type_name("PATH");
  auto* all = verb->add_flag("-a,--all", arguments->all, "Of files, too");
  auto* depth = verb->add_option("-d,--max-depth", arguments->depth, "Directories so deep below PATH at most")
                    ->transform(Integer<std::size_t>())
                    ->type_name("N");
  auto* summary = verb->add_flag("-s,--summarize", arguments->summary, "Of each PATH alone")->excludes(depth);
  auto* total = verb->add_flag("-c,--total", arguments->total, "A last line of all PATHs together, each file once");
  verb->add_option("-n,--top", arguments->top, "Only so many, the largest first")
      ->transform(Integer<std::size_t>())
      ->type_name("N");
  verb->add_flag("-h,--human-readable", arguments->human, "Sizes like 1.5K");
  verb->add_flag("-b,--bytes", arguments->ignored, "Sizes in bytes (always so without -h)");
  auto* layers = verb->add_flag("--layers", arguments->by_layer,
                                "Of each layer: what it brings, what it hides of others, what others hide of it")
                     ->excludes(paths);
  auto* duplicates = verb->add_flag("--duplicates", arguments->duplicates,
                                    "Files with the same bytes, and what all but one of them take")
                         ->excludes(layers);
  for (auto* each : {layers, duplicates}) each->excludes(all)->excludes(depth)->excludes(summary)->excludes(total);
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return du(*arguments, session); }; });
}

}  // namespace sifkit::cli
