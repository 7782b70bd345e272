// SPDX-License-Identifier: Apache-2.0
#include "source_options.h"

#include <algorithm>

#include <sys/stat.h>

#include <fmt/format.h>

#include "numbers.h"

namespace sifkit::cli {

namespace {

std::string names_of_limits() {
  std::string names;
  for (const auto& limit : adjustable_limits()) names += fmt::format("{}{}", names.empty() ? "" : ", ", limit.name);
  return names;
}

void set_limit(Limits& limits, std::string_view text) {
  const auto equals = std::min(text.find('='), text.size());
  const auto name = text.substr(0, equals);
  const auto number = text.substr(std::min(equals + 1, text.size()));
  const auto known = adjustable_limits();
  const auto limit = std::find_if(known.begin(), known.end(), [&](const auto& entry) { return entry.name == name; });
  if (limit == known.end())
    throw Error(ErrorKind::usage, fmt::format("--limit {}: unknown limit {}", in_quotes(text), in_quotes(name)),
                "the limits are " + names_of_limits());
  const auto value = scaled_number(number);
  if (!value) throw Error(ErrorKind::usage, fmt::format("--limit {}: expected NAME=NUMBER, with K, M, G or T behind it", in_quotes(text)));
  limits.*limit->value = *value;
}

}  // namespace

void add_source_options(CLI::App& verb, SourceArguments& arguments) {
  auto* platform = verb.add_option("--platform", arguments.platform, "Platform to choose, for example linux/arm64")->type_name("OS/ARCH");
  verb.add_option("--arch", arguments.architecture, "Architecture to choose, for example arm64")->type_name("ARCH")->excludes(platform);
  verb.add_option("--tmpdir", arguments.scratch, "Directory for temporary data of sources that can be read only once")->type_name("DIR");
  verb.add_option("--docker-host", arguments.host, "Address of the Docker daemon (default: DOCKER_HOST, then Docker's context, then the local socket)")->type_name("URL");
  verb.add_option("--service-timeout", arguments.service_timeout, "Timeout for a daemon or a registry that does not answer (default 300)")
      ->transform(Integer<unsigned>(1, 86400))
      ->type_name("SECONDS");
  add_registry_options(verb, arguments.registry);
  verb.add_option("--limit", arguments.limits,
                  "Set a limit on what the source may contain (may be given again): " + names_of_limits())
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
  for (const auto& limit : arguments.limits) set_limit(options.limits, limit);
  return options;
}

bool is_stream(const oci::Reference& reference) {
  struct stat status {};
  return reference.location == "-" || (::stat(reference.location.c_str(), &status) == 0 && S_ISFIFO(status.st_mode));
}

OpenedSource open_files(const std::string& source, const SourceArguments& arguments, Session& session,
                        layers::Opening opening) {
  OpenedSource out{std::make_unique<WarningList>(), nullptr};
  out.image = open_file_system(oci::Reference::parse(source), source_options(arguments, session), *out.warnings, opening);
  session.progress->done();
  // What a build would warn of is not asked here; flaws of the file are.
  for (const auto& warning : out.warnings->listed()) {
    session.logger->write(warning.kind == "sif-flaw" ? LogLevel::warning : LogLevel::debug, warning.text);
  }
  return out;
}

}  // namespace sifkit::cli
