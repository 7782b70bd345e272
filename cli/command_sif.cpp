// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/sif/image.h>

#include "commands.h"
#include "numbers.h"
#include "sif_text.h"
#include "source_options.h"
#include "stream_sink.h"

namespace sifkit::cli {

namespace {

struct SifArguments {
  std::string id;
  std::string file;
  SourceArguments from;
};

int show_header(const SifArguments& arguments, Session& session) {
  const auto image = open_sif(arguments.file, arguments.from, session);
  warn_of_problems(session, arguments.file, image.problems());
  if (session.json) {
    Json record = header_record(image);
    record["schema"] = "sifkit/sif-header/v1";
    session.print_json(record);
  } else {
    session.io.out << header_text(image);
  }
  return 0;
}

int show_list(const SifArguments& arguments, Session& session) {
  const auto image = open_sif(arguments.file, arguments.from, session);
  warn_of_problems(session, arguments.file, image.problems());
  if (session.json) {
    Json objects = Json::array();
    for (const auto* object : image.objects()) objects.push_back(object_record(*object));
    session.print_json({{"schema", "sifkit/sif-list/v1"}, {"objects", objects}, {"problems", image.problems()}});
  } else {
    session.io.out << list_text(image);
  }
  return 0;
}

int show_info(const SifArguments& arguments, Session& session) {
  const auto id = parse_object_id(arguments.id);
  const auto image = open_sif(arguments.file, arguments.from, session);
  const auto& object = image.object(id);
  warn_of_problems(session, arguments.file, image.problems());
  if (session.json) {
    Json record = object_record(object);
    record["schema"] = "sifkit/sif-info/v1";
    record["problems"] = image.problems();
    session.print_json(record);
  } else {
    session.io.out << info_text(object);
  }
  return 0;
}

int dump(const SifArguments& arguments, Session& session) {
  const auto id = parse_object_id(arguments.id);
  const auto image = open_sif(arguments.file, arguments.from, session);
  warn_of_problems(session, arguments.file, image.problems());
  const auto& object = image.object(id);
  const auto source = image.open_data(object);
  StreamSink sink(session.io);
  const auto copied = copy(*source, sink);
  // Another program may have given the object's bytes to a new one meanwhile.
  if (copied != static_cast<std::uint64_t>(object.size) || !image.still_has(object)) {
    throw Error(ErrorKind::io, fmt::format("{}: object {} changed while it was read", in_quotes(arguments.file), id),
                "what was written is not all of one object; dump it again");
  }
  return 0;
}

}  // namespace

std::uint32_t parse_object_id(std::string_view text) {
  const auto id = whole_number<std::uint32_t>(text);
  if (!id) throw Error(ErrorKind::usage, fmt::format("object id {}: expected a number from 1 to {}", in_quotes(text), ~std::uint32_t{0}));
  if (*id == 0) throw Error(ErrorKind::usage, "invalid object ID");
  return *id;
}

void add_sif_command(CLI::App& root, Session& session) {
  CLI::App* family = root.add_subcommand("sif", "Inspect and edit SIF files, as siftool does");
  family->require_subcommand(1);
  const auto add = [&](const char* name, const char* description, bool by_id, int (*run)(const SifArguments&, Session&)) {
    CLI::App* verb = add_verb(*family, session, name, description);
    const auto arguments = std::make_shared<SifArguments>();
    if (by_id) verb->add_option("id", arguments->id, "The object's id")->required()->type_name("ID");
    verb->add_option("file", arguments->file, "The SIF file, of a registry (oras://NAME) or a library (library://NAME), too")->required()->type_name("FILE");
    add_remote_options(*verb, arguments->from);
    set_action(*verb, session, arguments, run);
    return verb;
  };
  add("header", "Show the global header", false, show_header);
  add("list", "List the data objects (also: ls)", false, show_list)->alias("ls");
  add("info", "Show one data object's descriptor", true, show_info);
  only_errors_are_records(*add("dump", "Write one data object's data to standard output", true, dump));
  add_sif_edit_verbs(*family, session);
  add_help_command(*family, session);
}

}  // namespace sifkit::cli
