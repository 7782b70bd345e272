// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/registry_settings.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/option_values.h>
#include <sifkit/core/resources.h>

#include "credentials.h"

namespace sifkit::oci {

namespace {

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

CacheOptions cache_options(bool disabled) {
  CacheOptions options;
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
      throw Error(ErrorKind::usage, fmt::format("SIFKIT_CACHE_SIZE {}: expected a number, with K, M, G or T behind it",
                                                in_quotes(size)));
    options.max_bytes = *bytes;
  }
  return options;
}

/// Of Apptainer's switches everything but these is a yes.
bool is_cache_disabled() {
  const auto value = environment("DISABLE_CACHE");
  return value && !value->empty() && *value != "0" && *value != "false" && *value != "no";
}

bool is_tls_disabled() { return truth_of_variable("SIFKIT_NOHTTPS", environment_variable("SIFKIT_NOHTTPS")); }

std::string library_of_environment() { return environment("LIBRARY").value_or(""); }

void expect_one_registry(const RegistryOptions& options, const std::string& first, const std::string& second,
                         const Hint& hint) {
  if (first.empty() || second.empty() || first == second) return;
  std::string shared;
  if (options.credentials) {
    shared = options.credentials->origin.empty() ? "a set of credentials" : options.credentials->origin;
  } else if (!options.credentials_of_files_only) {
    shared = credentials_of_environment().origin;
  }
  if (shared.empty()) return;
  throw Error(ErrorKind::usage, fmt::format("{} is for one registry, and two are asked: {} and {}", shared,
                                            in_quotes(first), in_quotes(second)),
              hint);
}

RegistryOptions with_own(RegistryOptions both, const OwnRegistry& own) {
  both.plain_http = both.plain_http || own.plain_http;
  if (!own.has_credentials()) return both;
  both.credentials = own.credentials;
  if (own.auth_file.empty()) return both;
  both.auth_file = own.auth_file;
  both.credentials_of_files_only = true;
  return both;
}

}  // namespace sifkit::oci
