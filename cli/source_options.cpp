// SPDX-License-Identifier: Apache-2.0
#include "source_options.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <sifkit/core/option_values.h>
#include <sifkit/oci/source.h>
#include <sifkit/sif_file.h>

#include "numbers.h"

namespace sifkit::cli {

void add_remote_options(CLI::App& verb, SourceArguments& arguments) {
  auto* platform = verb.add_option("--platform", arguments.platform, "Platform to choose, for example linux/arm64")->type_name("OS/ARCH");
  verb.add_option("--arch", arguments.architecture, "Architecture to choose, for example arm64")->type_name("ARCH")->excludes(platform);
  verb.add_option("--tmpdir", arguments.scratch, "Directory for temporary data of sources that can be read only once")->type_name("DIR");
  verb.add_option("--service-timeout", arguments.service_timeout, "Timeout for a daemon or a registry that does not answer (default 300)")
      ->transform(Integer<unsigned>(1, 86400))
      ->type_name("SECONDS");
  add_registry_options(verb, arguments.registry);
}

void add_source_options(CLI::App& verb, SourceArguments& arguments) {
  add_remote_options(verb, arguments);
  verb.add_option("--docker-host", arguments.host, "Address of the Docker daemon (default: DOCKER_HOST, then Docker's context, then the local socket)")->type_name("URL");
  verb.add_option("--limit", arguments.limits,
                  "Set a limit on what the source may contain (may be given again): " + names_of_adjustable_limits())
      ->type_name("NAME=N[K|M|G|T]")
      ->allow_extra_args(false);
}

oci::SourceOptions source_options(const SourceArguments& arguments, const Session& session) {
  oci::SourceOptions options;
  options.operation = session.operation();
  const auto& wanted = arguments.platform.empty() ? arguments.architecture : arguments.platform;
  if (!wanted.empty()) options.platform = oci::Platform::parse(wanted);
  options.scratch = arguments.scratch;
  options.daemon_host = arguments.host;
  options.service_timeout = std::chrono::seconds(arguments.service_timeout);
  options.registry = registry_options(arguments.registry, session);
  for (const auto& limit : arguments.limits) {
    in_context([&] { return "--limit " + in_quotes(limit); }, [&] { set_limit(options.limits, limit); });
  }
  return options;
}

std::optional<oci::Reference> remote_sif(const std::string& place) {
  if (!place.starts_with("oras:") && !place.starts_with("library:")) return std::nullopt;
  auto reference = oci::Reference::parse(place);  // a file that is called so is that file
  const bool remote = reference.transport == oci::Transport::oras || reference.transport == oci::Transport::library;
  return remote ? std::optional(std::move(reference)) : std::nullopt;
}

sif::Image open_sif(const std::string& place, const SourceArguments& arguments, const Session& session) {
  const auto reference = remote_sif(place);
  if (!reference) {
    std::error_code error;
    if (place.find("://") == std::string::npos || std::filesystem::exists(place, error)) return sifkit::open_sif(place);
    oci::Reference::parse(place);  // may say more
    throw Error(ErrorKind::unsupported, fmt::format("{} is no SIF file", in_quotes(place)),
                "oras://NAME and library://NAME are SIF files of registries and libraries");
  }
  WarningList none;
  expect_one_registry(arguments.registry, reference->registry_host());
  const auto source = oci::open_source(*reference, source_options(arguments, session), none);
  session.progress->done();
  return sif::Image(source->image_file());
}

OpenedSource open_files(const std::string& source, const SourceArguments& arguments, Session& session,
                        layers::Opening opening) {
  OpenedSource out{std::make_unique<WarningList>(), nullptr};
  const auto reference = oci::Reference::parse(source);
  expect_one_registry(arguments.registry, reference.registry_host());
  out.image = open_file_system(reference, source_options(arguments, session), *out.warnings, opening);
  session.progress->done();
  // What a build would warn of is not asked here; flaws of the file are.
  for (const auto& warning : out.warnings->listed()) {
    const bool shown = warning.kind == "sif-flaw" || warning.kind == "overlay";
    session.logger->write(shown ? LogLevel::warning : LogLevel::debug, warning.text);
  }
  return out;
}

}  // namespace sifkit::cli
