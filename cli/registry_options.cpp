// SPDX-License-Identifier: Apache-2.0
#include "registry_options.h"

#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "numbers.h"
#include "passphrase.h"

namespace sifkit::cli {

namespace {

/// A number of seconds, with a fraction or without, becomes one of milliseconds.
class Milliseconds : public CLI::Validator {
 public:
  Milliseconds() {
    func_ = [](std::string& text) -> std::string {
      double seconds = -1;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
      if (error != std::errc() || end != text.data() + text.size() || !(seconds >= 0 && seconds <= 60))
        return fmt::format("expected seconds from 0 to 60, got {}", in_quotes(text));
      text = std::to_string(std::llround(seconds * 1000));
      return {};
    };
  }
};

}  // namespace

void add_registry_options(CLI::App& verb, RegistryArguments& arguments) {
  verb.add_option("--creds", arguments.credentials,
                  "Credentials for the registry; a password that is left out is asked for")
      ->type_name("USER[:PASSWORD]");
  verb.add_option("--authfile", arguments.auth_file,
                  "File with credentials, as Docker and podman write it (default: REGISTRY_AUTH_FILE, then theirs)")
      ->type_name("FILE");
  verb.add_flag("--no-https,--nohttps", arguments.plain_http, "Ask the registry without TLS");
  verb.add_option("--retries", arguments.retries,
                  "Times that a failed transfer is tried again (default 5; 2 for a host that has not answered yet)")
      ->transform(Integer<unsigned>(0, 1000))
      ->type_name("N");
  verb.add_option("--retry-delay", arguments.retry_delay,
                  "Delay before the first new try (default 0.5); doubled each time, up to 60")
      ->transform(Milliseconds())
      ->type_name("SECONDS");
  verb.add_option("--connections", arguments.connections, "Layers that are transferred at once (default 4)")
      ->transform(Integer<unsigned>(1, oci::RegistryOptions::kMaxConnections))
      ->type_name("N");
  verb.add_flag("--disable-cache", arguments.no_cache, "Neither take from the cache nor keep in it what is fetched");
  verb.add_option("--library", arguments.library,
                  "Library of library:// names without a host (default: SIFKIT_LIBRARY, then the remote that Apptainer uses)")
      ->type_name("URL");
}

void add_side_options(CLI::App& verb, RegistryArguments& arguments) {
  const auto add = [&](const std::string& side, SideArguments& own, const std::string& whose) {
    verb.add_option("--" + side + "-creds", own.credentials, "Credentials for the registry of the " + whose + " alone")
        ->type_name("USER[:PASSWORD]");
    verb.add_option("--" + side + "-authfile", own.auth_file, "File with credentials for the registry of the " + whose)
        ->type_name("FILE");
    verb.add_flag("--" + side + "-no-https", own.plain_http, "Ask the registry of the " + whose + " without TLS");
  };
  add("src", arguments.source, "source");
  add("dest", arguments.target, "target");
}

namespace {

oci::RegistryCredentials credentials_of(const std::string& text, const std::string& option, const Session& session) {
  oci::RegistryCredentials credentials;
  const auto colon = text.find(':');
  credentials.user = text.substr(0, colon);
  if (credentials.user.empty()) throw Error(ErrorKind::usage, option + ": expected USER or USER:PASSWORD");
  credentials.password =
      colon == std::string::npos
          ? ask_terminal(fmt::format("Password of {}: ", printable(credentials.user)), Echo::no, session.io.stop,
                         "a password is needed, and there is no terminal to ask for it",
                         "--authfile names a file with credentials")
          : text.substr(colon + 1);
  credentials.origin = option;
  return credentials;
}

void set_own(const SideArguments& own, const std::string& option, oci::RegistryOptions& options,
             const Session& session) {
  oci::OwnRegistry side;
  if (!own.credentials.empty()) side.credentials = credentials_of(own.credentials, option, session);
  side.auth_file = own.auth_file;
  side.plain_http = own.plain_http;
  options = oci::with_own(std::move(options), side);
}

/// What all registries are asked with. Whether that may be is said before a password is asked for.
oci::RegistryOptions without_password(const RegistryArguments& arguments) {
  oci::RegistryOptions options;
  if (!arguments.credentials.empty()) options.credentials.emplace().origin = "--creds";
  return options;
}

}  // namespace

oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session) {
  oci::RegistryOptions options;
  options.auth_file = arguments.auth_file;
  options.plain_http = arguments.plain_http || oci::is_tls_disabled();
  options.retries = arguments.retries;
  options.retry_delay = std::chrono::milliseconds(arguments.retry_delay);
  options.connections = arguments.connections;
  options.library = arguments.library;
  options.cache = cache_options(arguments.no_cache || oci::is_cache_disabled());
  if (!arguments.credentials.empty() && !arguments.source.has_credentials())
    options.credentials = credentials_of(arguments.credentials, "--creds", session);
  set_own(arguments.source, "--src-creds", options, session);
  return options;
}

oci::RegistryOptions target_registry_options(const RegistryArguments& arguments, const oci::RegistryOptions& source,
                                             const Session& session) {
  auto options = source;
  options.auth_file = arguments.auth_file;
  options.plain_http = arguments.plain_http || oci::is_tls_disabled();
  options.credentials_of_files_only = false;
  if (arguments.source.has_credentials()) {
    options.credentials.reset();
    if (!arguments.credentials.empty() && !arguments.target.has_credentials())
      options.credentials = credentials_of(arguments.credentials, "--creds", session);
  }
  set_own(arguments.target, "--dest-creds", options, session);
  return options;
}

void expect_one_registry(const RegistryArguments& arguments, const std::string& host) {
  if (host.empty()) return;
  auto& first = arguments.host_of_credentials;
  if (first.empty()) first = host;
  oci::expect_one_registry(without_password(arguments), first, host,
                           "without it: --authfile, or 'sifkit registry login', has credentials for both");
}

void expect_one_registry(const RegistryArguments& arguments, const std::string& source, const std::string& target) {
  if (arguments.source.has_credentials() || arguments.target.has_credentials()) return;
  oci::expect_one_registry(without_password(arguments), source, target,
                           "--src-creds and --dest-creds name credentials for each, --src-authfile and "
                           "--dest-authfile files with them");
}

void refuse_target_options(const RegistryArguments& arguments, const std::string& output) {
  if (!arguments.target.any()) return;
  const auto& own = arguments.target;
  const char* const option = !own.credentials.empty() ? "--dest-creds"
                             : !own.auth_file.empty() ? "--dest-authfile"
                                                      : "--dest-no-https";
  throw Error(ErrorKind::usage,
              fmt::format("{} is for what goes into a registry, not for {}", option, in_quotes(output)));
}

}  // namespace sifkit::cli
