// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include <sifkit/push_image.h>
#include <sifkit/records/transfer.h>

#include "commands.h"
#include "copy.h"
#include "side_output.h"
#include "source_options.h"

namespace sifkit::cli {

namespace {

constexpr std::string_view kDocker = "docker://";
constexpr const char* kDescription = "org.opencontainers.image.description";

struct PushArguments {
  std::vector<std::string> places;  ///< IMG... URI
  bool allow_unsigned = false;
  std::string description;
  std::vector<std::string> annotations;
  std::string digest_file;
  std::string compression;
  SourceArguments from;
};

/// What the command line adds to what the labels say.
oci::Annotations annotations_of(const PushArguments& arguments) {
  oci::Annotations out;
  if (!arguments.description.empty()) out.emplace_back(kDescription, arguments.description);
  for (const auto& text : arguments.annotations) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      throw Error(ErrorKind::usage, fmt::format("--annotation {}: expected NAME=VALUE", in_quotes(text)));
    out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

/// What is elsewhere is fetched first; an image of layers needs no file in between.
void expect_file(const std::string& place) {
  std::error_code ignored;
  if (place.find("://") == std::string::npos || std::filesystem::exists(place, ignored)) return;
  const auto transport = oci::Reference::parse(place).transport;
  if (!oci::is_service(transport)) return;
  const auto shown = place.substr(0, place.find("://") + 3) + "NAME";  // which may have a password in it
  const bool registry = transport == oci::Transport::docker;
  const bool file = transport == oci::Transport::oras || transport == oci::Transport::library;
  throw Error(ErrorKind::usage, fmt::format("{} is no SIF file, and those go to oras://", in_quotes(shown)),
              registry ? "'sifkit copy --all docker://… docker://…' copies from registry to registry; "
                         "'sifkit pull' makes a SIF file of it"
              : file   ? fmt::format("'sifkit pull FILE {}' fetches it, then push FILE", printable(shown))
                       : "'sifkit build' makes a SIF file of it");
}

oci::SifFile sif_file(const std::string& path, const PushArguments& arguments, const oci::SourceOptions& options,
                      Session& session) {
  auto out = sif_to_push(path, annotations_of(arguments), options);
  if (!arguments.allow_unsigned && !out.is_signed) {
    session.logger->write(LogLevel::warning,
                          fmt::format("{} is not signed: whoever pulls it cannot tell who made it ('sifkit sign' signs "
                                      "it, --allow-unsigned is silent)",
                                      in_quotes(path)));
  }
  return out;
}

int push_files(const PushArguments& arguments, Session& session) {
  const auto& uri = arguments.places.back();
  if (!arguments.compression.empty())
    throw Error(ErrorKind::usage, "--compress is for images of layers: a SIF file goes to a registry as it is");
  auto options = source_options(arguments.from, session);
  options.registry = target_registry_options(arguments.from.registry, options.registry, session);
  std::vector<oci::SifFile> files;
  for (std::size_t i = 0; i + 1 < arguments.places.size(); ++i) {
    expect_file(arguments.places[i]);
    refuse_name("--digestfile", arguments.digest_file, arguments.places[i], "the source itself");
    files.push_back(sif_file(arguments.places[i], arguments, options, session));
  }
  SideOutput digest_file(arguments.digest_file, session);
  const auto report = push_to_oras(uri, files, options);
  session.progress->done();
  digest_file.write(report.digest.text() + "\n");
  if (session.json) {
    session.print_json(records::push_record(uri, arguments.places, files, report));
  } else if (!session.quiet) {
    session.logger->write_line(fmt::format("{}: {}, {} of it sent, {}", printable(uri), human_bytes(report.bytes),
                                           human_bytes(report.sent_bytes), report.digest.text()));
  }
  return 0;
}

int push(const PushArguments& arguments, Session& session) {
  if (arguments.places.size() < 2)
    throw Error(ErrorKind::usage, "expected an IMG and the URI that it goes to", "sifkit push IMG... oras://NAME");
  const auto& uri = arguments.places.back();
  if (session.json && arguments.digest_file == "-")
    throw Error(ErrorKind::usage, "only one of --json and --digestfile - can be written to standard output");
  if (uri.starts_with(kOrasScheme)) return push_files(arguments, session);
  if (uri.starts_with("library://"))
    throw Error(ErrorKind::unsupported, fmt::format("{}: nothing is pushed to libraries", in_quotes(uri)),
                "a registry takes it as oras://HOST/NAME:TAG");
  if (!uri.starts_with(kDocker))
    throw Error(ErrorKind::usage, fmt::format("{}: expected oras://NAME or docker://NAME", in_quotes(uri)),
                "the image comes first: sifkit push IMG oras://HOST/NAME:TAG");
  if (arguments.places.size() != 2)
    throw Error(ErrorKind::usage, fmt::format("{}: expected one image", in_quotes(uri)),
                "SIF files of several architectures go to oras://");
  if (!arguments.description.empty() || !arguments.annotations.empty())
    throw Error(ErrorKind::usage, "annotations are for oras://");
  return copy_image_to(arguments.places.front(), *oci::Target::parse(uri), arguments.from,
                       {.force = false, .compression = arguments.compression, .digest_file = arguments.digest_file},
                       session);
}

}  // namespace

void add_push_command(CLI::App& root, Session& session) {
  CLI::App* verb = add_verb(root, session, "push", "Put an image into a registry");
  const auto arguments = std::make_shared<PushArguments>();
  auto& a = *arguments;
  verb->add_option("places", a.places,
                   "SIF files, each of an architecture of its own, and oras://NAME; or an image and docker://NAME")
      ->required()
      ->expected(1, 1000)
      ->type_name("IMG... URI");
  verb->add_flag("-U,--allow-unsigned", a.allow_unsigned, "Do not warn of a SIF file that is not signed");
  verb->add_option("-D,--description", a.description, "Describe the image to the registry")->type_name("TEXT");
  verb->add_option("--annotation", a.annotations, "Add an annotation (may be given again)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  add_compression_option(*verb, a.compression);
  verb->add_option("--digestfile", a.digest_file, "Write the digest to a file; - for standard output")
      ->type_name("FILE");
  add_source_options(*verb, a.from);
  add_side_options(*verb, a.from.registry);
  set_action(*verb, session, arguments, push);
}

}  // namespace sifkit::cli
