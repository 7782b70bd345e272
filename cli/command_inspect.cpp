// SPDX-License-Identifier: Apache-2.0
#include <memory>

#include <fmt/format.h>

#include <sifkit/inspect.h>

#include "commands.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct InspectArguments {
  std::string source;
  SourceArguments from;
  std::string app;
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

  bool nothing_chosen() const { return !(labels || deffile || runscript || startscript || test || environment || help || list_apps || oci); }
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

int run(const InspectArguments& arguments, Session& session) {
  WarningList warnings;
  InspectReport report = sifkit::inspect(oci::Reference::parse(arguments.source), source_options(arguments.from, session), warnings);
  session.progress->done();
  session.show_warnings(warnings);
  auto& out = session.io.out;
  if (arguments.oci) {
    if (report.oci_config.empty()) throw Error(ErrorKind::not_found, fmt::format("{} has no OCI configuration", in_quotes(arguments.source)));
    out << report.oci_config << '\n';
    return 0;
  }
  report.attributes = chosen(report.attributes, arguments);
  if (session.json || arguments.all) {
    out << report.apptainer_json() << '\n';
    return 0;
  }
  const auto& shown = report.attributes;
  if (arguments.list_apps) {
    for (const auto& [name, app] : shown.apps) out << name << '\n';
  }
  const auto app = shown.apps.find(arguments.app);
  const AppAttributes& part = arguments.app.empty() || app == shown.apps.end() ? shown : app->second;
  print_text(out, shown.deffile);
  print_text(out, part.runscript);
  print_text(out, shown.startscript);
  print_sections(out, part);
  return 0;
}

}  // namespace

void add_inspect_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "inspect", "Show what a SIF file or an image says of itself");
  const auto arguments = std::make_shared<InspectArguments>();
  auto& a = *arguments;
  verb->add_option("source", a.source, "A SIF file, a squashfs image or any source of 'build'")->required()->type_name("SRC");
  verb->add_flag("-l,--labels", a.labels, "Labels (default)");
  verb->add_flag("-d,--deffile", a.deffile, "The definition it was built from");
  verb->add_flag("-r,--runscript", a.runscript, "What 'run' starts");
  verb->add_flag("-s,--startscript", a.startscript, "What starting an instance starts");
  verb->add_flag("-t,--test", a.test, "The test script");
  verb->add_flag("-e,--environment", a.environment, "The environment it sets");
  verb->add_flag("-H,--helpfile", a.help, "The help text");
  verb->add_flag("--list-apps", a.list_apps, "Names of the applications in it");
  verb->add_option("--app", a.app, "Look at one application")->type_name("NAME");
  verb->add_flag("--all", a.all, "Everything, as JSON");
  verb->add_flag("--oci", a.oci, "The OCI configuration, as JSON");
  add_source_options(*verb, a.from);
  verb->callback([arguments, &session] { session.action = [arguments, &session] { return run(*arguments, session); }; });
}

}  // namespace sifkit::cli
