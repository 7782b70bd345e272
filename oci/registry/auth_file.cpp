// SPDX-License-Identifier: Apache-2.0
#include "auth_file.h"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/resources.h>

#include "credential_helper.h"

namespace sifkit::oci {

namespace {

[[noreturn]] void fail(const std::string& origin, std::string_view why) {
  throw Error(ErrorKind::malformed, fmt::format("credentials in {}: {}", origin, why));
}

std::optional<RegistryCredentials> of_entry(const Json& entry, const std::string& origin, const std::string& key) {
  RegistryCredentials out;
  out.origin = origin;
  out.user = member_text(entry, "username");
  out.password = member_text(entry, "password");
  out.identity_token = member_text(entry, "identitytoken");
  out.registry_token = member_text(entry, "registrytoken");
  if (const auto encoded = member_text(entry, "auth"); !encoded.empty()) {
    const auto decoded = base64_decode(encoded);
    if (!decoded) fail(origin, fmt::format("the auth of {} is no base64", in_quotes(key)));
    std::string pair(as_text(*decoded));
    const auto colon = pair.find(':');
    if (colon == std::string::npos) fail(origin, fmt::format("the auth of {} has no colon", in_quotes(key)));
    out.user = pair.substr(0, colon);
    out.password = pair.substr(colon + 1);
    while (out.password.ends_with('\0')) out.password.pop_back();
  }
  const auto one_line = [](const std::string& text) { return text.find_first_of("\r\n") == std::string::npos; };
  if (!one_line(out.registry_token)) fail(origin, fmt::format("the token of {} is no token", in_quotes(key)));
  // What Docker leaves beside a helper is an entry with nothing in it.
  return out.empty() ? std::nullopt : std::optional(std::move(out));
}

/// The helper is another program's: an image that needs no credentials must not fail for it.
std::optional<RegistryCredentials> of_helper(const std::string& helper, const RegistryName& name,
                                             const std::string& origin, const OperationContext& operation) {
  try {
    auto out = ask_credential_helper(helper, name.host == kDockerHub ? std::string(kHubKey) : name.host, operation);
    if (out) out->origin = fmt::format("{} ({})", out->origin, origin);
    return out;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    operation.logger->write(LogLevel::warning,
                            fmt::format("no credentials by the helper that {} names: {}", origin, error.what()));
    return std::nullopt;
  }
}

std::optional<RegistryCredentials> of_entries(const Json& auths, const std::string& origin, const RegistryName& name) {
  std::string wanted = name.without_reference();
  while (true) {
    for (const auto& [key, entry] : auths.items()) {
      if (normalized_auth_key(key) != wanted) continue;
      if (auto out = of_entry(entry, origin, key)) return out;
    }
    const auto slash = wanted.rfind('/');
    if (slash == std::string::npos) return std::nullopt;
    wanted.resize(slash);
  }
}

}  // namespace

std::string normalized_auth_key(std::string_view key) {
  if (const auto scheme = key.find("://"); scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
  while (key.ends_with('/')) key.remove_suffix(1);
  const auto slash = std::min(key.find('/'), key.size());
  // Docker writes a registry as its URL, https://index.docker.io/v1/; in the name of a repository it is a part.
  if (const auto path = key.substr(slash); path == "/v1" || path == "/v2") key.remove_suffix(3);
  return canonical_registry_host(key.substr(0, slash)) + std::string(key.substr(slash));
}

std::optional<RegistryCredentials> credentials_in(std::string_view text, const std::string& origin,
                                                  const RegistryName& name, const OperationContext& operation) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) fail(origin, "expected a JSON object");
  if (const auto helpers = document.find("credHelpers"); helpers != document.end() && helpers->is_object()) {
    for (const auto& [key, helper] : helpers->items()) {
      if (normalized_auth_key(key) == name.host && helper.is_string())
        return of_helper(helper, name, origin, operation);
    }
  }
  if (const auto store = member_text(document, "credsStore"); !store.empty()) {
    if (auto out = of_helper(store, name, origin, operation)) return out;
  }
  const auto auths = document.find("auths");
  if (auths == document.end() || auths->is_null()) return std::nullopt;
  if (!auths->is_object()) fail(origin, "auths: expected a JSON object");
  return of_entries(*auths, origin, name);
}

std::vector<std::filesystem::path> usual_auth_files() {
  const auto home = home_directory();
  const auto of_session = environment_variable("XDG_RUNTIME_DIR");
  const auto directory_or = [](const char* variable, std::filesystem::path otherwise) {
    const auto value = environment_variable(variable);
    return value.empty() ? otherwise : std::filesystem::path(value);
  };
  return {directory_or("APPTAINER_CONFIGDIR", home / ".apptainer") / "docker-config.json",
          directory_or("SINGULARITY_CONFIGDIR", home / ".singularity") / "docker-config.json",
          directory_or("DOCKER_CONFIG", home / ".docker") / "config.json",
          of_session.empty() ? std::filesystem::path(fmt::format("/run/containers/{}/auth.json", ::getuid()))
                             : std::filesystem::path(of_session) / "containers" / "auth.json",
          directory_or("XDG_CONFIG_HOME", home / ".config") / "containers" / "auth.json"};
}

}  // namespace sifkit::oci
