// SPDX-License-Identifier: Apache-2.0
#include "registry_options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include <sifkit/core/option_values.h>
#include <sifkit/core/resources.h>

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
  verb.add_option("--retries", arguments.retries, "Times that a failed transfer is tried again (default 5)")
      ->transform(Integer<unsigned>(0, 1000))
      ->type_name("N");
  verb.add_option("--retry-delay", arguments.retry_delay,
                  "Delay before the first new try (default 0.5); doubled each time, up to 60")
      ->transform(Milliseconds())
      ->type_name("SECONDS");
  verb.add_option("--connections", arguments.connections, "Layers that are transferred at once (default 4)")
      ->transform(Integer<unsigned>(1, 64))
      ->type_name("N");
  verb.add_flag("--disable-cache", arguments.no_cache, "Neither take from the cache nor keep in it what is fetched");
  verb.add_option("--library", arguments.library,
                  "Library of library:// names without a host (default: SIFKIT_LIBRARY, then the remote that Apptainer uses)")
      ->type_name("URL");
}

namespace {

/// Of Apptainer's switches everything but these is a yes.
bool is_set(std::string_view name) {
  const auto value = environment(name);
  return value && !value->empty() && *value != "0" && *value != "false" && *value != "no";
}

std::filesystem::path cache_directory() {
  if (const auto own = environment_variable("SIFKIT_CACHEDIR"); !own.empty()) return own;
  for (const char* name : {"APPTAINER_CACHEDIR", "SINGULARITY_CACHEDIR", "XDG_CACHE_HOME"}) {
    // A relative XDG path counts as not set (XDG base directory specification).
    const std::filesystem::path directory = environment_variable(name);
    if (directory.is_absolute()) return directory / "sifkit";
  }
  const auto home = home_directory();
  return home.is_absolute() ? home / ".cache" / "sifkit" : std::filesystem::path();
}

}  // namespace

oci::CacheOptions cache_options(bool disabled) {
  oci::CacheOptions options;
  if (disabled) return options;
  options.directory = cache_directory();
  std::string_view shared;
  const auto all = environment_variable("SIFKIT_SHARED_CACHE");
  for (shared = all; !shared.empty();) {
    const auto end = std::min(shared.find(':'), shared.size());
    if (end != 0) options.read_only.emplace_back(shared.substr(0, end));
    shared.remove_prefix(std::min(end + 1, shared.size()));
  }
  if (const auto size = environment_variable("SIFKIT_CACHE_SIZE"); !size.empty()) {
    const auto bytes = scaled_number(size);
    if (!bytes)
      throw Error(ErrorKind::usage, fmt::format("SIFKIT_CACHE_SIZE {}: expected a number, with K, M, G or T behind it", in_quotes(size)));
    options.max_bytes = *bytes;
  }
  return options;
}

oci::RegistryOptions registry_options(const RegistryArguments& arguments, const Session& session) {
  oci::RegistryOptions options;
  options.auth_file = arguments.auth_file;
  options.plain_http = arguments.plain_http;
  options.retries = arguments.retries;
  options.retry_delay = std::chrono::milliseconds(arguments.retry_delay);
  options.connections = arguments.connections;
  options.library = arguments.library.empty() ? environment("LIBRARY").value_or("") : arguments.library;
  options.cache = cache_options(arguments.no_cache || is_set("DISABLE_CACHE"));
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
