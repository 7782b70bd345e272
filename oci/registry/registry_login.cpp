// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/registry_login.h>

#include <system_error>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/output_place.h>
#include <sifkit/core/resources.h>

#include "../text_file.h"
#include "auth_file.h"
#include "registry_places.h"

namespace sifkit::oci {

namespace {

/// What a program does not know in another's file keeps its place.
using Document = nlohmann::ordered_json;

constexpr unsigned kOwnerOnly = 0600;

std::string key_of(const std::string& host) { return host == kDockerHub ? std::string(kHubKey) : host; }

Document read_document(const std::filesystem::path& file) {
  const auto text = read_text_file(file);
  if (!text || text->empty()) return Document::object();
  auto document = Document::parse(*text, nullptr, false);
  const bool sound = document.is_object() && (!document.contains("auths") || document["auths"].is_object());
  if (!sound)
    throw Error(ErrorKind::malformed,
                fmt::format("credentials in {}: expected a JSON object", in_quotes(file.native())));
  return document;
}

void write_document(const std::filesystem::path& file, const Document& document) {
  const auto target = behind_links(file);
  std::error_code error;
  if (const auto directory = target.parent_path(); !directory.empty() && !std::filesystem::exists(directory, error)) {
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    if (error) throw_errno(fmt::format("make the directory {}", in_quotes(directory.native())), error.value());
  }
  AtomicFile output(target, Overwrite::yes, kOwnerOnly);
  const auto text = document.dump(1, '\t') + "\n";
  output.file().write_at(0, as_bytes(text));
  output.commit();
}

/// Takes out every name of a host; whether there was one.
bool remove_host(Document& document, const std::string& host) {
  if (!document.contains("auths")) return false;
  Document kept = Document::object();
  bool found = false;
  for (const auto& [key, entry] : document["auths"].items()) {
    if (normalized_auth_key(key) == host) {
      found = true;
    } else {
      kept[key] = entry;
    }
  }
  document["auths"] = std::move(kept);
  return found;
}

void refuse_helper(const Document& document, const std::string& host, const std::filesystem::path& file) {
  std::string helper = member_text(document, "credsStore");
  if (document.contains("credHelpers") && document["credHelpers"].is_object()) {
    for (const auto& [key, name] : document["credHelpers"].items()) {
      if (normalized_auth_key(key) == host && name.is_string()) helper = name;
    }
  }
  if (helper.empty()) return;
  throw Error(ErrorKind::unsupported,
              fmt::format("{} leaves the credentials of {} to 'docker-credential-{}'", in_quotes(file.native()), host,
                          printable(helper)),
              "'docker login' and 'docker logout' change them there; another file may have its own");
}

}  // namespace

std::string registry_host(std::string_view text) {
  std::string_view host = text;
  if (const auto scheme = host.find("://"); scheme != std::string_view::npos) host.remove_prefix(scheme + 3);
  while (host.ends_with('/')) host.remove_suffix(1);
  if (const auto out = normalized_auth_key(host); out == kDockerHub) return out;
  const auto name = host.find('/') == std::string_view::npos ? fmt::format("{}/x", host) : std::string();
  try {
    if (auto parsed = RegistryName::parse(name, text); parsed.host == host) return parsed.host;
  } catch (const Error&) {
    // It is told below.
  }
  throw Error(ErrorKind::usage, fmt::format("{} is no registry: expected HOST[:PORT]", in_quotes(text)));
}

void check_registry_login(const std::string& host, const SourceOptions& options) {
  RegistryName name;
  name.host = host;
  const auto reached = reach_registry(RegistriesConf::load(*options.operation.logger), name, options);
  RegistryClient client(reached.name, reached.options);
  auto response = client.send({.url = ""});
  if (response.status() != 200) throw client.failure(response);
}

std::filesystem::path registry_auth_file(const std::filesystem::path& given) {
  if (!given.empty()) return given;
  if (const auto named = environment_variable("REGISTRY_AUTH_FILE"); !named.empty()) return named;
  const auto directory = environment_variable("DOCKER_CONFIG");
  return (directory.empty() ? home_directory() / ".docker" : std::filesystem::path(directory)) / "config.json";
}

void store_credentials(const std::filesystem::path& file, const std::string& host,
                       const RegistryCredentials& credentials) {
  auto document = read_document(file);
  refuse_helper(document, host, file);
  remove_host(document, host);
  document["auths"][key_of(host)] = {{"auth", base64_encode(as_bytes(credentials.user + ":" + credentials.password))}};
  write_document(file, document);
}

bool remove_credentials(const std::filesystem::path& file, const std::string& host) {
  auto document = read_document(file);
  refuse_helper(document, host, file);
  if (!remove_host(document, host)) return false;
  write_document(file, document);
  return true;
}

std::vector<StoredLogin> list_credentials(const std::filesystem::path& file) {
  const auto document = read_document(file);
  std::vector<StoredLogin> out;
  if (!document.contains("auths")) return out;
  for (const auto& [key, entry] : document["auths"].items()) {
    StoredLogin login{key, member_text(entry, "username")};
    if (const auto decoded = base64_decode(member_text(entry, "auth")); decoded && login.user.empty()) {
      const auto pair = as_text(*decoded);
      if (const auto colon = pair.find(':'); colon != std::string_view::npos) login.user = pair.substr(0, colon);
    }
    out.push_back(std::move(login));
  }
  return out;
}

}  // namespace sifkit::oci
