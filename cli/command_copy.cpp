// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <fmt/format.h>

#include <sifkit/copy_image.h>
#include <sifkit/oci/reference.h>
#include <sifkit/records/transfer.h>

#include "commands.h"
#include "copy.h"
#include "one_of.h"
#include "side_output.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

std::string counted(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// What was meant, where DST is nothing that can be copied to.
std::string other_way(const std::string& source, const std::string& target) {
  const auto archive = [](std::string_view name) { return name.ends_with(".tar") || name.ends_with(".tar.gz"); };
  if (target.starts_with("oras:")) {
    return source.ends_with(".sif") || source.starts_with("sif:")
               ? fmt::format("a SIF file goes there by 'sifkit push {} {}'", printable(source), printable(target))
               : "an image of layers goes to docker://NAME, a SIF file to oras:// by 'sifkit push'";
  }
  if (oci::names_source(target)) return "that is a source only";
  if (archive(target)) return fmt::format("docker-archive:{0} or oci-archive:{0} is an archive", printable(target));
  return fmt::format("a SIF file is made by 'sifkit build {} {}'", printable(target), printable(source));
}

}  // namespace

int copy_image_to(const std::string& source, const oci::Target& target, const SourceArguments& from,
                  const CopyArguments& arguments, Session& session) {
  if (session.json && arguments.digest_file == "-")
    throw Error(ErrorKind::usage, "only one of --json and --digestfile - can be written to standard output");
  const auto reference = oci::Reference::parse(source);
  const bool into_registry = target.transport == oci::Transport::docker;
  if (into_registry) {
    expect_one_registry(from.registry, reference.registry_host(), oci::Reference::parse(target.text).registry_host());
  } else {
    refuse_target_options(from.registry, target.text);
  }
  CopyOptions options{source_options(from, session)};
  if (into_registry) options.target_registry = target_registry_options(from.registry, options.registry, session);
  options.overwrite = arguments.force ? Overwrite::yes : Overwrite::no;
  if (!arguments.compression.empty()) {
    if (arguments.all) throw Error(ErrorKind::usage, "--all copies blobs as they are: --compress cannot be combined with it");
    options.compression = StreamCompression::parse(arguments.compression);
  }
  if (arguments.all && options.platform)
    throw Error(ErrorKind::usage, "--all copies every platform: --platform and --arch choose one");
  if (!arguments.format.empty()) {
    if (arguments.all)
      throw Error(ErrorKind::usage, "--all copies manifests as they are: --format cannot be combined with it");
    options.format = arguments.format == "oci" ? ManifestFormat::oci : ManifestFormat::docker;
  }
  refuse_source("--digestfile", arguments.digest_file, reference);
  refuse_name("--digestfile", arguments.digest_file, target.path.native(), "the output itself");
  SideOutput digest_file(arguments.digest_file, session);
  WarningList warnings;
  const auto copy = arguments.all ? &copy_all : &copy_image;
  const auto report = copy(reference, target, options, warnings);
  session.progress->done();
  session.show_warnings(warnings);
  const auto digest = records::digest_at(target, report).text();
  digest_file.write(digest + "\n");
  if (session.json) {
    session.print_json(records::copy_record(source, target, report, arguments.all));
  } else if (!session.quiet) {
    const auto what = arguments.all ? counted(report.images, "image") + ", " + counted(report.layers, "blob")
                                    : counted(report.layers, "layer");
    session.logger->write_line(fmt::format("{}: {}, {} in {}, {}", printable(target.text), what,
                                           human_bytes(report.bytes), human_time(report.seconds), digest));
  }
  return 0;
}

void add_compression_option(CLI::App& verb, std::string& compression) {
  verb.add_option("--compress", compression,
                  "Compress layers: gzip, zstd or none, with a level as in zstd:19 (default: they stay as they are; "
                  "that of a SIF or a directory is plain, in a registry gzip)")
      ->type_name("KIND[:LEVEL]");
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
  verb->add_flag("-a,--all", arguments->how.all,
                 "Copy all that the name stands for as it is: an index with its images of every platform");
  add_compression_option(*verb, arguments->how.compression);
  verb->add_option("--format", arguments->how.format,
                   "Write the manifest as one of OCI or of Docker: oci or docker (default: as it is, its digest, too)")
      ->transform(OneOf({"oci", "docker"}))
      ->type_name("FORMAT");
  verb->add_option("--digestfile", arguments->how.digest_file, "Write the digest to a file; - for standard output")
      ->type_name("FILE");
  add_source_options(*verb, arguments->from);
  add_side_options(*verb, arguments->from.registry);
  verb->callback([arguments, &session] {
    session.action = [arguments, &session] {
      const auto target = oci::Target::require(arguments->target, other_way(arguments->source, arguments->target));
      return copy_image_to(arguments->source, target, arguments->from, arguments->how, session);
    };
  });
}

}  // namespace sifkit::cli
