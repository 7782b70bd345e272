// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/registry_login.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>

#include <fmt/format.h>

#include <sifkit/core/base64.h>
#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/output_place.h>
#include <sifkit/core/resources.h>

#include "../text_file.h"
#include "auth_file.h"
#include "credential_helper.h"
#include "credentials.h"
#include "registry_places.h"

namespace sifkit::oci {

namespace {

/// What a program does not know in another's file keeps its place.
using Document = nlohmann::ordered_json;

constexpr unsigned kOwnerOnly = 0600;
constexpr std::string_view kEveryRegistry = "*";
constexpr std::chrono::seconds kLongestHold{60};  ///< twice as long as a credential helper may take
constexpr std::chrono::milliseconds kHoldTick{20};

std::string key_of(const std::string& host) { return host == kDockerHub ? std::string(kHubKey) : host; }

/// `name` is the place's, for errors.
Document document_of(const std::optional<std::string>& text, const std::string& name) {
  if (!text || text->empty()) return Document::object();
  auto document = Document::parse(*text, nullptr, false);
  const bool sound = document.is_object() &&
                     (!document.contains("auths") || document["auths"].is_object() || document["auths"].is_null());
  if (!sound) throw Error(ErrorKind::malformed, fmt::format("credentials in {}: expected a JSON object", name));
  return document;
}

Document read_document(const std::filesystem::path& file) {
  return document_of(read_text_file(file), in_quotes(file.native()));
}

void make_directory_of(const std::filesystem::path& file) {
  const auto directory = behind_links(file).parent_path();
  std::error_code error;
  if (directory.empty() || std::filesystem::exists(directory, error)) return;
  std::filesystem::create_directories(directory, error);
  if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) throw_errno(fmt::format("make the directory {}", in_quotes(directory.native())), error.value());
}

/// Keeps other processes that ask for the same from the file until it goes: of two that change it at once the entry of
/// one would be lost. It is the directory that is locked, as every change puts another file in place. Nothing where
/// there is none; in a directory of all anybody may hold the lock, so nobody waits for it for ever.
std::optional<File> hold(const std::filesystem::path& file, const OperationContext& operation) {
  std::error_code error;
  const auto place = std::filesystem::weakly_canonical(file, error);
  const auto directory = directory_of(error ? file : place);
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  File out(std::move(fd), directory.native());
  const auto end = std::chrono::steady_clock::now() + kLongestHold;
  while (!out.try_lock()) {
    operation.check();
    if (std::chrono::steady_clock::now() > end) return std::nullopt;
    std::this_thread::sleep_for(kHoldTick);
  }
  return out;
}

void write_document(const std::filesystem::path& file, const Document& document) {
  const auto target = behind_links(file);
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

/// The helper that a document leaves the credentials of a host to; empty where it keeps them itself.
std::string helper_of(const Document& document, const std::string& host) {
  if (document.contains("credHelpers") && document["credHelpers"].is_object()) {
    for (const auto& [key, name] : document["credHelpers"].items()) {
      if (normalized_auth_key(key) == host && name.is_string()) return name;
    }
  }
  return member_text(document, "credsStore");
}

bool has_credentials(const CredentialPlace& place, const std::string& host, const OperationContext& operation) {
  RegistryName name;
  name.host = host;
  try {
    const auto text = place.text();
    return text && credentials_in(*text, place.name(), name, operation).has_value();
  } catch (const Error& error) {
    // What is wrong with another place is told by whoever needs it.
    if (error.kind() == ErrorKind::cancelled) throw;
    return false;
  }
}

StoredLogin login_of(const std::string& key, const Document& entry, const std::string& helper) {
  StoredLogin out;
  out.host = key;
  out.user = member_text(entry, "username");
  out.helper = helper;
  if (const auto decoded = base64_decode(member_text(entry, "auth")); decoded && out.user.empty()) {
    const auto pair = as_text(*decoded);
    if (const auto colon = pair.find(':'); colon != std::string_view::npos) out.user = pair.substr(0, colon);
  }
  return out;
}

/// Of one document: what is left to helpers for single hosts, then its own entries.
std::vector<StoredLogin> logins_of(const Document& document) {
  std::vector<StoredLogin> out;
  std::set<std::string> helped;
  if (document.contains("credHelpers") && document["credHelpers"].is_object()) {
    for (const auto& [key, name] : document["credHelpers"].items()) {
      if (!name.is_string()) continue;
      helped.insert(normalized_auth_key(key));
      out.push_back(login_of(key, Document::object(), name));
    }
  }
  const auto store = member_text(document, "credsStore");
  const bool entries = document.contains("auths") && !document["auths"].empty();
  if (!store.empty()) out.push_back(login_of(std::string(kEveryRegistry), Document::object(), store));
  if (!entries) return out;
  for (const auto& [key, entry] : document["auths"].items()) {
    // Docker leaves an empty entry beside a helper.
    if (!helped.contains(normalized_auth_key(key))) out.push_back(login_of(key, entry, store));
  }
  return out;
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
  // What stands before an `@` may be a password.
  const auto shown = text.substr(text.rfind('@') + 1);
  throw Error(ErrorKind::usage, fmt::format("{} is no registry: expected HOST[:PORT]", in_quotes(shown)));
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

std::string expect_credential_store(const std::filesystem::path& file, const std::string& host) {
  const auto helper = helper_of(read_document(file), host);
  if (!helper.empty()) expect_credential_helper(helper);
  return helper;
}

std::string store_credentials(const std::filesystem::path& file, const std::string& host,
                              const RegistryCredentials& credentials, const OperationContext& operation) {
  make_directory_of(file);
  const auto held = hold(file, operation);
  auto document = read_document(file);
  const auto helper = helper_of(document, host);
  remove_host(document, host);
  Document entry = Document::object();
  if (helper.empty()) {
    entry["auth"] = base64_encode(as_bytes(credentials.user + ":" + credentials.password));
  } else {
    store_in_credential_helper(helper, key_of(host), credentials, operation);
  }
  document["auths"][key_of(host)] = std::move(entry);
  write_document(file, document);
  return helper;
}

bool remove_credentials(const std::filesystem::path& file, const std::string& host,
                        const OperationContext& operation) {
  const auto held = hold(file, operation);
  auto document = read_document(file);
  const auto helper = helper_of(document, host);
  const bool erased = !helper.empty() && erase_in_credential_helper(helper, key_of(host), operation);
  const bool removed = remove_host(document, host);
  if (removed) write_document(file, document);
  return removed || erased;
}

std::vector<StoredLogin> list_credentials(const std::filesystem::path& given) {
  std::vector<StoredLogin> out;
  if (const auto known = credentials_of_environment(); given.empty() && !known.empty())
    out.push_back({std::string(kEveryRegistry), known.user, {}, known.origin});
  for (const auto& place : credential_places(given)) {
    for (auto& login : logins_of(document_of(place.text(), place.name()))) {
      login.place = place.variable.empty() ? place.file.native() : place.variable;
      out.push_back(std::move(login));
    }
  }
  return out;
}

std::string credentials_asked_before(const std::filesystem::path& file, const std::string& host,
                                     const OperationContext& operation) {
  if (const auto known = credentials_of_environment(); !known.empty()) return known.origin;
  const auto places = credential_places({});
  const auto own = std::find_if(places.begin(), places.end(), [&](const auto& place) { return place.file == file; });
  if (own == places.end()) return {};  // it is asked alone, by its name
  const auto found = std::find_if(places.begin(), own,
                                  [&](const auto& place) { return has_credentials(place, host, operation); });
  return found == own ? std::string() : found->name();
}

std::string credentials_left(const std::string& host, const OperationContext& operation) {
  if (const auto known = credentials_of_environment(); !known.empty()) return known.origin;
  for (const auto& place : credential_places({})) {
    if (has_credentials(place, host, operation)) return place.name();
  }
  return {};
}

}  // namespace sifkit::oci
