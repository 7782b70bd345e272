// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <fmt/format.h>

#include <sifkit/copy_image.h>

#include "commands.h"
#include "copy.h"
#include "side_output.h"
#include "source_options.h"

namespace sifkit::cli {

int copy_image_to(const std::string& source, const oci::Target& target, const SourceArguments& from,
                  const CopyArguments& arguments, Session& session) {
  if (session.json && arguments.digest_file == "-")
    throw Error(ErrorKind::usage, "only one of --json and --digestfile - can be written to standard output");
  CopyOptions options{source_options(from, session)};
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  SideOutput digest_file(arguments.digest_file, session);
  WarningList warnings;
  const auto report = copy_image(oci::Reference::parse(source), target, options, warnings);
  session.progress->done();
  session.show_warnings(warnings);
  // Docker's archives and its daemon know an image by its configuration.
  const bool by_id =
      target.transport == oci::Transport::docker_archive || target.transport == oci::Transport::docker_daemon;
  const auto digest = (by_id ? report.config_digest : report.manifest_digest).text();
  digest_file.write(digest + "\n");
  if (session.json) {
    session.print_json({{"schema", "sifkit/copy/v1"},
                        {"source", source},
                        {"target", target.text},
                        {"manifest_digest", by_id ? Json(nullptr) : Json(digest)},
                        {"config_digest", report.config_digest.text()},
                        {"layers", report.layers},
                        {"bytes", report.bytes},
                        {"seconds", report.seconds}});
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: {} {}, {} in {}, {}", printable(target.text), report.layers,
                                           report.layers == 1 ? "layer" : "layers", human_bytes(report.bytes),
                                           human_time(report.seconds), digest));
  }
  return 0;
}

void add_copy_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "copy", "Copy an image to a registry, a daemon, an archive or a layout");
  struct Arguments {
    std::string source;
    std::string target;
    CopyArguments how;
    SourceArguments from;
  };
  const auto arguments = std::make_shared<Arguments>();
  verb->add_option("source", arguments->source, kSourceDescription)->required()->type_name("SRC");
  verb->add_option("target", arguments->target,
                   "docker://NAME, docker-daemon:NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG] or "
                   "docker-archive:FILE[:NAME]")
      ->required()
      ->type_name("DST");
  verb->add_flag("-F,--force", arguments->how.force, "Replace an existing file, or the image of that tag in a layout");
  verb->add_option("--digestfile", arguments->how.digest_file, "Write the digest to a file; - for standard output")
      ->type_name("FILE");
  add_source_options(*verb, arguments->from);
  verb->callback([arguments, &session] {
    session.action = [arguments, &session] {
      const auto target = oci::Target::parse(arguments->target);
      if (!target) {
        throw Error(ErrorKind::usage,
                    fmt::format("{}: expected docker://NAME, docker-daemon:NAME, oci:DIR, oci-archive:FILE or "
                                "docker-archive:FILE",
                                in_quotes(arguments->target)),
                    fmt::format("a SIF file is made by 'sifkit build {} {}'", printable(arguments->target),
                                printable(arguments->source)));
      }
      return copy_image_to(arguments->source, *target, arguments->from, arguments->how, session);
    };
  });
}

}  // namespace sifkit::cli
