// SPDX-License-Identifier: Apache-2.0
#include "registry_options.h"

#include <fmt/format.h>

#include "numbers.h"
#include "passphrase.h"

namespace sifkit::cli {

std::vector<std::string> add_registry_options(CLI::App& verb, RegistryArguments& arguments) {
  verb.add_option("--creds", arguments.credentials,
                  "Credentials for the registry; a password that is left out is asked for")
      ->type_name("USER[:PASSWORD]");
  verb.add_option("--authfile", arguments.auth_file,
                  "File with credentials, as Docker and podman write it (default: REGISTRY_AUTH_FILE, then theirs)")
      ->type_name("FILE");
  verb.add_flag("--no-https,--nohttps", arguments.plain_http, "Ask the registry without TLS");
  verb.add_option("--retries", arguments.retries, "Times that a failed transfer is tried again (default 5)")
      ->transform(Integer<unsigned>(0, 1000))
      ->type_name("N");
  return {"--creds", "--authfile", "--no-https", "--retries"};
}

oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session) {
  oci::RegistryOptions options;
  options.auth_file = arguments.auth_file;
  options.plain_http = arguments.plain_http;
  options.retries = arguments.retries;
  if (arguments.credentials.empty()) return options;
  oci::RegistryCredentials credentials;
  const auto colon = arguments.credentials.find(':');
  credentials.user = arguments.credentials.substr(0, colon);
  if (credentials.user.empty()) throw Error(ErrorKind::usage, "--creds: expected USER or USER:PASSWORD");
  credentials.password =
      colon == std::string::npos
          ? ask_terminal(fmt::format("Password of {}: ", printable(credentials.user)), Echo::no, session.io.stop,
                         "a password is needed, and there is no terminal to ask for it",
                         "--authfile names a file with credentials")
          : arguments.credentials.substr(colon + 1);
  credentials.origin = "--creds";
  options.credentials = std::move(credentials);
  return options;
}

}  // namespace sifkit::cli
