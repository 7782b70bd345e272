// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <system_error>

#include <fmt/format.h>

#include <sifkit/core/digest.h>
#include <sifkit/core/file.h>
#include <sifkit/inspect/report.h>

#include "commands.h"
#include "layer_text.h"
#include "sbom.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

struct ReportArguments {
  std::string source;
  SourceArguments from;
  std::string output;
  bool force = false;
};

std::vector<inspect::ReportedLayer> reported_layers(OpenedFileSystem& image) {
  std::vector<inspect::ReportedLayer> out;
  if (image.image() == nullptr) return out;
  const auto usage = image.layer_usage();
  const auto& layers = image.image()->layers();
  for (std::size_t i = 0; i < usage.size(); ++i) out.push_back({layer_name(layers[i]), {}, usage[i]});
  for (const auto& line : history_of(*image.image())) {
    if (line.layer) out[*line.layer].command = line.text();
  }
  return out;
}

int report(const ReportArguments& arguments, Session& session) {
  if (arguments.output == "-") {
    throw Error(ErrorKind::usage, "a page is written to a file", "'./-' is a file of that name");
  }
  const auto reference = oci::Reference::parse(arguments.source);
  std::error_code none;
  if (std::filesystem::equivalent(reference.location, arguments.output, none)) {
    throw Error(ErrorKind::usage, fmt::format("the page {} is the source itself", in_quotes(arguments.output)), "choose another name for the page");
  }
  AtomicFile target(arguments.output, arguments.force ? Overwrite::yes : Overwrite::no);
  const OpenedSource source = open_files(arguments.source, arguments.from, session);
  WarningList warnings;
  const auto limits = source_options(arguments.from, session).limits;
  const inspect::ReportInput input{
      sbom::name_of(reference),
      inspect::stored_digests(*source.image, session.operation()),
      inspect_container(*source.image, limits, warnings).value_or(InspectReport()),
      reported_layers(*source.image), sbom::take_inventory(*source.image, session.operation(), warnings),
      check::check_image(*source.image, {.operation = session.operation()})};
  const std::string page = inspect::report_page(input, source.tree(), session.operation());
  target.file().write_at(0, as_bytes(page));
  target.commit();
  session.progress->done();
  session.show_warnings(warnings);
  if (session.json) {
    session.print_json({{"schema", "sifkit/report/v1"}, {"page", arguments.output}, {"bytes", page.size()}, {"digest", digest_of(as_bytes(page)).text()}});
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: {}", printable(arguments.output), human_bytes(page.size())));
  }
  return 0;
}

}  // namespace

void add_report_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "report", "Write what is to know of an image to one HTML page");
  const auto arguments = std::make_shared<ReportArguments>();
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  verb->add_option("-o,--output", arguments->output, "The page to write")->required()->type_name("FILE");
  verb->add_flag("-F,--force", arguments->force, "Replace an existing page");
  add_source_options(*verb, arguments->from);
  set_action(*verb, session, arguments, report);
}

}  // namespace sifkit::cli
