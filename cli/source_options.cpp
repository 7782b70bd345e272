// SPDX-License-Identifier: Apache-2.0
#include "source_options.h"

namespace sifkit::cli {

void add_source_options(CLI::App& verb, SourceArguments& arguments) {
  auto* platform = verb.add_option("--platform", arguments.platform, "The platform to take, for example linux/arm64")->type_name("OS/ARCH");
  verb.add_option("--arch", arguments.architecture, "The architecture to take, for example arm64")->type_name("ARCH")->excludes(platform);
  verb.add_option("--tmpdir", arguments.scratch, "Folder for what a stream makes necessary to keep")->type_name("DIR");
  verb.add_option("--docker-host", arguments.host, "Address of the Docker service (default: DOCKER_HOST, then the local socket)")->type_name("URL");
  verb.add_option("--service-timeout", arguments.service_timeout, "How long the service may be silent (default 300)")
      ->check(CLI::Range(1u, 86400u).description(""))
      ->type_name("SECONDS");
}

oci::SourceOptions source_options(const SourceArguments& arguments, const Session& session) {
  oci::SourceOptions options;
  options.operation = session.operation();
  const auto& wanted = arguments.platform.empty() ? arguments.architecture : arguments.platform;
  if (!wanted.empty()) options.platform = oci::Platform::parse(wanted);
  options.scratch = arguments.scratch;
  options.daemon_host = arguments.host;
  options.service_timeout = std::chrono::seconds(arguments.service_timeout);
  return options;
}

}  // namespace sifkit::cli
