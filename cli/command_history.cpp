// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>

#include <fmt/format.h>

#include <sifkit/core/limits.h>
#include <sifkit/inspect.h>
#include <sifkit/oci/image.h>

#include "commands.h"
#include "file_text.h"
#include "layer_text.h"
#include "records.h"
#include "source_options.h"
#include "table.h"
#include "terminal_filter.h"

namespace sifkit::cli {

namespace {

constexpr std::size_t kSeconds = 19;  ///< "2026-01-31T12:00:00"

struct HistoryArguments {
  std::string source;
  SourceArguments from;
  bool human = false;
  bool whole = false;
  bool files = false;

  std::string size_text(std::uint64_t bytes) const { return human ? short_size(bytes) : std::to_string(bytes); }
};

/// Of each file that a layer hides a record, oldest layer first.
Json hidden_files(const HistoryArguments& arguments, const OpenedSource& source, const Session& session) {
  // About what a record takes beside its path.
  static constexpr std::uint64_t kRecordBytes = 512;
  const auto most = source_options(arguments.from, session).limits.metadata_bytes;
  std::uint64_t bytes = 0;
  Json records = Json::array();
  source.image->list_lost([&](const layers::LostFile& file) {
    bytes += kRecordBytes + file.path.size();
    if (bytes > most) {
      throw_over_limit(fmt::format("records of all hidden files take more than {} bytes of memory", most),
                       &Limits::metadata_bytes);
    }
    Json record{{"layer", file.hidden_by + 1},
                {"of_layer", file.layer + 1},
                {"how", file.replaced ? "replaced" : "removed"},
                {"bytes", file.size}};
    put_text(record, "path", file.path);
    records.push_back(std::move(record));
  });
  session.progress->done();
  return records;
}

/// A line for each, which other programs can take apart.
int show_files(const HistoryArguments& arguments, const OpenedSource& source, Session& session) {
  source.image->list_lost([&](const layers::LostFile& file) {
    session.progress->done();
    session.io.out << file.hidden_by + 1 << '\t' << (file.replaced ? "replaced" : "removed") << '\t'
                   << arguments.size_text(file.size) << '\t' << shown(file.path, session) << '\n';
  });
  session.progress->done();
  return 0;
}

int show_layers(const HistoryArguments& arguments, const OpenedSource& source, Session& session) {
  const auto& layers = source.image->image()->layers();
  const auto usage = source.image->layer_usage();
  const auto lines = history_of(*source.image->image());
  if (session.json) {
    Json records = Json::array();
    for (const auto& [step, layer] : lines) {
      records.push_back({{"created", step.created},
                         {"created_by", step.created_by},
                         {"comment", step.comment},
                         {"layer", layer ? layer_record(*layer, layers[*layer], usage[*layer]) : Json(nullptr)}});
    }
    Json record{{"schema", "sifkit/history/v1"}, {"made_of", nullptr}, {"steps", records}};
    if (arguments.files) record["hidden"] = hidden_files(arguments, source, session);
    session.print_json(record);
    return 0;
  }
  if (arguments.files) return show_files(arguments, source, session);
  Table table({"LAYER", "BYTES", "HIDES", "LOSES", "CREATED", "COMMAND"});
  for (const std::size_t column : {0u, 1u, 2u, 3u}) table.align_right(column);
  if (!arguments.whole) table.allow_cut(5, 16, Keep::start);
  for (const auto& line : lines) {
    std::vector<std::string> row{"-", "-", "-", "-"};
    if (line.layer) {
      const auto& has = usage[*line.layer];
      row = {std::to_string(*line.layer + 1), arguments.size_text(has.bytes), arguments.size_text(has.hidden_bytes),
             arguments.size_text(has.lost_bytes)};
    }
    // To the second, where a person reads it.
    const auto created = single_line(line.step.created);
    const bool shortens = session.io.out_is_terminal && !arguments.whole && created.find('.') == kSeconds;
    const auto zone = shortens ? std::min(created.find_first_not_of("0123456789", kSeconds + 1), created.size()) : 0;
    row.push_back(created.empty() ? "-" : shortens ? created.substr(0, kSeconds) + created.substr(zone) : created);
    row.push_back(single_line(line.text()));
    table.add(std::move(row));
  }
  session.io.out << table.text(session.io);
  return 0;
}

/// Of a file system without layers: what it says it was made of.
int show_origin(const HistoryArguments& arguments, const OpenedSource& source, Session& session) {
  static constexpr const char* kBootstrap = "org.label-schema.usage.singularity.deffile.bootstrap";
  static constexpr const char* kFrom = "org.label-schema.usage.singularity.deffile.from";
  static constexpr const char* kTime = "org.label-schema.build-date";
  WarningList warnings;
  const auto labels = inspect_container(*source.image, source_options(arguments.from, session).limits, warnings)
                          .value_or(InspectReport())
                          .attributes.labels;
  const auto label = [&](const char* name) {
    const auto found = labels.find(name);
    return found == labels.end() ? std::string() : found->second;
  };
  const std::string bootstrap = label(kBootstrap);
  const std::string from = bootstrap.empty() ? label(kFrom) : bootstrap + ": " + label(kFrom);
  const std::string time = label(kTime);
  if (session.json) {
    const Json origin = from.empty() ? Json(nullptr) : Json{{"source", from}, {"time", text_or_null(time)}};
    session.print_json({{"schema", "sifkit/history/v1"}, {"made_of", origin}, {"steps", Json::array()}});
    return 0;
  }
  session.io.out << "one file system, without layers";
  if (from.empty()) {
    session.io.out << "; its labels do not say what it was made of\n";
  } else {
    session.io.out << "; made of " << single_line(from) << (time.empty() ? "" : " at " + single_line(time)) << '\n';
  }
  return 0;
}

int history(const HistoryArguments& arguments, Session& session) {
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  if (source.image->image() != nullptr) return show_layers(arguments, source, session);
  if (arguments.files) {
    throw Error(ErrorKind::unsupported,
                fmt::format("{} is one file system and has no layers", in_quotes(arguments.source)));
  }
  return show_origin(arguments, source, session);
}

}  // namespace

void add_history_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "history", "Show the layers of an image, the commands that made them, and what each hides");
  const auto arguments = std::make_shared<HistoryArguments>();
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  verb->add_flag("-H,--human", arguments->human, "Sizes like 1.5K");
  auto* whole = verb->add_flag("--no-trunc", arguments->whole, "Commands whole on a terminal, too");
  verb->add_flag("--files", arguments->files,
                 "In place of layers the files that each hides: number of the layer, removed or replaced, bytes, path")
      ->excludes(whole);
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return history(*arguments, session); }; });
}

}  // namespace sifkit::cli
