// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include <sifkit/core/in_file.h>
#include <sifkit/inspect.h>
#include <sifkit/oci/source.h>
#include <sifkit/records/image.h>

#include "commands.h"
#include "inspect_text.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct InspectArguments {
  std::vector<std::string> sources;
  SourceArguments from;
  std::string app;
  bool summary = false;
  bool labels = false;
  bool deffile = false;
  bool runscript = false;
  bool startscript = false;
  bool test = false;
  bool environment = false;
  bool help = false;
  bool list_apps = false;
  bool all = false;
  bool oci = false;
  bool raw = false;

  bool nothing_chosen() const { return !(summary || labels || deffile || runscript || startscript || test || environment || help || list_apps || all || oci); }
};

/// Only what was asked for, as the record and the text show it.
ContainerAttributes chosen(const ContainerAttributes& all, const InspectArguments& wanted) {
  if (wanted.all) return all;
  ContainerAttributes out;
  const auto choose = [&](const AppAttributes& from, AppAttributes& to) {
    if (wanted.labels || wanted.nothing_chosen()) to.labels = from.labels;
    if (wanted.runscript) to.runscript = from.runscript;
    if (wanted.test) to.test = from.test;
    if (wanted.help) to.helpfile = from.helpfile;
    if (wanted.environment) to.environment = from.environment;
  };
  if (wanted.app.empty()) {
    choose(all, out);
    if (wanted.startscript) out.startscript = all.startscript;
  } else if (const auto app = all.apps.find(wanted.app); app != all.apps.end()) {
    choose(app->second, out.apps[wanted.app]);
  } else {
    std::string names;
    for (const auto& [name, attributes] : all.apps) names += (names.empty() ? "" : ", ") + printable(name);
    throw Error(ErrorKind::not_found, fmt::format("there is no app {} in it", in_quotes(wanted.app)), names.empty() ? "it has no apps" : "its apps: " + names);
  }
  if (wanted.deffile) out.deffile = all.deffile;
  if (wanted.list_apps) {
    for (const auto& [name, app] : all.apps) out.apps.try_emplace(name, app);
  }
  return out;
}

void print_text(std::ostream& out, const std::string& text) {
  if (!text.empty()) out << text << '\n';
}

void print_sections(std::ostream& out, const AppAttributes& part) {
  print_text(out, part.test);
  print_text(out, part.helpfile);
  for (const auto& [path, text] : part.environment) out << "=== " << path << " ===\n" << text << "\n\n";
  for (const auto& [name, value] : part.labels) out << name << ": " << value << '\n';
}

void print_parts(std::ostream& out, const ContainerAttributes& shown, const InspectArguments& arguments) {
  if (arguments.list_apps) {
    for (const auto& [name, app] : shown.apps) out << name << '\n';
  }
  const auto app = shown.apps.find(arguments.app);
  const AppAttributes& part = arguments.app.empty() || app == shown.apps.end() ? shown : app->second;
  print_text(out, shown.deffile);
  print_text(out, part.runscript);
  print_text(out, shown.startscript);
  print_sections(out, part);
}

InspectReport look_into(const std::string& source, const InspectArguments& arguments, Session& session) {
  WarningList warnings;
  const auto reference = oci::Reference::parse(source);
  expect_one_registry(arguments.from.registry, reference.registry_host());
  auto report = inspect_container(reference, source_options(arguments.from, session), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  return report;
}

/// The record of one source.
Json record_of(const std::string& source, const InspectReport& report, const InspectArguments& arguments) {
  Json record = arguments.oci ? Json{{"config", parse_json(report.oci_config, "oci-config.json")}} : Json::parse(report.apptainer_json());
  if (arguments.summary) record = {{"summary", records::summary_record(report)}};
  record["source"] = source;
  return record;
}

/// Shows one source of several, or the only one.
void show(const std::string& source, const InspectArguments& arguments, Session& session, Json& records) {
  auto report = look_into(source, arguments, session);
  const bool alone = arguments.sources.size() == 1;
  in_file(source, [&] {
    if (arguments.oci && report.oci_config.empty()) throw Error(ErrorKind::not_found, "there is no OCI configuration in it");
    const bool summary = arguments.summary || (arguments.nothing_chosen() && arguments.app.empty() && session.io.out_is_terminal && !session.json);
    if (!summary) report.attributes = chosen(report.attributes, arguments);
    auto& out = session.io.out;
    if (session.json && (arguments.summary || !alone)) {
      records.push_back(record_of(source, report, arguments));
    } else if (summary) {
      out << (records.empty() ? "" : "\n") << summary_text(source, report);
      records.push_back(nullptr);
    } else {
      if (!alone) {
        out << (records.empty() ? "" : "\n") << "==> " << source << " <==\n";
        records.push_back(nullptr);
      }
      if (arguments.oci) {
        out << report.oci_config << '\n';
      } else if (session.json || arguments.all) {
        out << report.apptainer_json() << '\n';
      } else {
        print_parts(out, report.attributes, arguments);
      }
    }
  });
}

/// The manifest as it is stored: of all that the name stands for, an index say, unless a platform chooses one image of it.
std::string raw_manifest(const std::string& name, const oci::SourceOptions& options, WarningList& warnings) {
  const auto source = oci::open_source(oci::Reference::parse(name), options, warnings);
  const auto transport = source->reference().transport;
  const bool is_set = transport == oci::Transport::docker || transport == oci::Transport::oci_layout ||
                      transport == oci::Transport::oci_archive;
  if (is_set && !options.platform) {
    const auto set = source->open_all();
    return set->read(set->top()).text;
  }
  std::optional<oci::Manifest> manifest;
  if (!source->is_root() && source->image_file() == nullptr) manifest = source->open_image()->manifest();
  if (!manifest)
    throw Error(ErrorKind::unsupported, fmt::format("{} has no manifest", in_quotes(name)),
                "manifests are in layouts (oci:, oci-archive:) and registries (docker://)");
  return manifest->text;
}

int print_raw(const InspectArguments& arguments, Session& session) {
  if (arguments.sources.size() != 1) throw Error(ErrorKind::usage, "--raw is of one source");
  WarningList warnings;
  const auto text = raw_manifest(arguments.sources.front(), source_options(arguments.from, session), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  session.io.out << text;
  return 0;
}

int run(const InspectArguments& arguments, Session& session) {
  if (arguments.raw) return print_raw(arguments, session);
  Json records = Json::array();
  int code = 0;
  for (const auto& source : arguments.sources) {
    try {
      show(source, arguments, session, records);
    } catch (const Error& error) {
      if (arguments.sources.size() == 1 || error.kind() == ErrorKind::cancelled || session.is_stopping()) throw;
      session.progress->done();
      report_error(session, error);
      code = std::max(code, exit_code(error.kind()));
    }
  }
  if (session.json && (arguments.summary || arguments.sources.size() > 1)) session.print_json({{"schema", "sifkit/inspect/v1"}, {"images", records}});
  return code;
}

}  // namespace

void add_inspect_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "inspect", "Show the metadata of an image");
  const auto arguments = std::make_shared<InspectArguments>();
  auto& a = *arguments;
  verb->add_option("source", a.sources,
                   "SIF files, squashfs images, sandboxes, or what else 'build' takes (no tar:, no plain dir:)")
      ->required()
      ->type_name("SRC");
  verb->add_flag("--summary", a.summary, "What it is, made of what, signed by whom, and the labels (default on a terminal)");
  verb->add_flag("-l,--labels", a.labels, "Labels (default elsewhere)");
  keep_short_debug_free(*verb, session);
  verb->add_flag("-d,--deffile", a.deffile, "The definition file it was built from");
  verb->add_flag("-r,--runscript", a.runscript, "The runscript");
  verb->add_flag("-s,--startscript", a.startscript, "The startscript of instances");
  verb->add_flag("-t,--test", a.test, "The test script");
  verb->add_flag("-e,--environment", a.environment, "The environment it sets");
  verb->add_flag("-H,--helpfile", a.help, "The help text");
  verb->add_flag("--list-apps", a.list_apps, "Names of its apps");
  verb->add_option("--app", a.app, "Show one app's metadata")->type_name("NAME");
  verb->add_flag("--all", a.all, "Everything, as JSON");
  verb->add_flag("--oci", a.oci, "The OCI configuration, as JSON");
  verb->add_flag("--raw", a.raw,
                 "The manifest, or the index that the name stands for, byte by byte as it is stored; with --platform "
                 "that image's");
  add_source_options(*verb, a.from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return run(*arguments, session); }; });
}

}  // namespace sifkit::cli
