// SPDX-License-Identifier: Apache-2.0
#include "library_remote.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/file.h>
#include <sifkit/core/json.h>
#include <sifkit/core/resources.h>
#include <sifkit/core/text.h>
#include <sifkit/net/url.h>
#include <sifkit/oci/registry_settings.h>

#include "../text_file.h"
#include "url_download.h"
#include "yaml.h"

namespace sifkit::oci {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kServices = "/assets/config/config.prod.json";

/// Remotes whose library is known without asking: Apptainer's own has none.
constexpr std::pair<std::string_view, std::string_view> kKnownRemotes[] = {
    {"cloud.apptainer.org", ""},
    {"cloud.sylabs.io", "https://library.sylabs.io"},
};

struct Remote {
  std::string uri;
  std::string token;
  bool exclusive = false;
  bool insecure = false;
  std::string file;
};

/// The remotes of one file by their names, and the one that is used.
struct RemoteList {
  std::string active;
  std::vector<std::pair<std::string, Remote>> remotes;
};

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

/// A token is a header's: it must stay one line.
std::string one_line(std::string token, const std::string& file) {
  const bool sound = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c != '\x7f'; });
  if (!sound) throw Error(ErrorKind::malformed, fmt::format("{}: a token that is none", in_quotes(file)));
  return token;
}

/// As YAML 1.1 has it, which is what the programs read that write this file: a switch that is not understood must not
/// pass for one that is off.
bool is_true(const JsonView& value) {
  static constexpr std::string_view kTrue[] = {"true", "yes", "on", "y"};
  static constexpr std::string_view kFalse[] = {"false", "no", "off", "n"};
  if (value.is_null()) return false;
  const auto text = value.text();
  const auto is_one_of = [&](const auto& words) {
    return std::any_of(std::begin(words), std::end(words), [&](auto word) { return equal_ignoring_case(text, word); });
  };
  if (is_one_of(kTrue)) return true;
  if (is_one_of(kFalse)) return false;
  throw Error(ErrorKind::malformed,
              fmt::format("{}: expected true or false, found {}", value.place(), in_quotes(text)));
}

RemoteList read_remotes(const fs::path& path) {
  RemoteList out;
  const auto text = read_text_file(path);
  if (!text) return out;
  const std::string& file = path.native();
  const Json document = parse_yaml(*text, in_quotes(file));
  if (document.is_null()) return out;
  const JsonView view(document, fmt::format("{}: ", in_quotes(file)));
  out.active = view.require_object()["Active"].text_or("");
  const auto remotes = view["Remotes"];
  if (remotes.is_null()) return out;
  for (const auto& [name, value] : remotes.require_object().value().items()) {
    const JsonView entry(value, fmt::format("{}: {}: ", in_quotes(file), in_quotes(name)));
    entry.require_object();
    out.remotes.emplace_back(name,
                             Remote{without_slash(entry["URI"].text_or("")), one_line(entry["Token"].text_or(""), file),
                                    is_true(entry["Exclusive"]), is_true(entry["Insecure"]), file});
  }
  return out;
}

const Remote* find_remote(const RemoteList& in, std::string_view name) {
  for (const auto& [key, remote] : in.remotes) {
    if (key == name) return &remote;
  }
  return nullptr;
}

/// The remote that a program uses. What its administrator says of a remote counts, and a remote that is the only one
/// goes before what a user has chosen.
std::optional<Remote> active_remote(const RemoteFiles& files) {
  const RemoteList user = read_remotes(files.user);
  const RemoteList system = read_remotes(files.system);
  std::string name = user.active.empty() ? system.active : user.active;
  for (const auto& [key, remote] : system.remotes) {
    if (remote.exclusive) name = key;
  }
  const Remote* const own = find_remote(user, name);
  const Remote* const of_system = find_remote(system, name);
  if (own == nullptr && of_system == nullptr) return std::nullopt;
  // Whom a file does not name, its token is not for, and its switches say nothing of.
  const auto differs = [&] { return !own->uri.empty() && own->uri != of_system->uri; };
  if (of_system == nullptr || (own != nullptr && !of_system->exclusive && differs())) {
    Remote out = *own;
    out.exclusive = false;
    return out;
  }
  Remote out = *of_system;
  if (own != nullptr && !own->token.empty() && !differs()) out.token = own->token;
  return out;
}

/// Where the library of a remote is; empty where it has none.
std::string library_of(const Remote& remote, const SourceOptions& options) {
  for (const auto& [uri, library] : kKnownRemotes) {
    if (remote.uri == uri) return std::string(library);
  }
  if (remote.uri.empty()) return {};
  const auto url = fmt::format("{}://{}{}", remote.insecure ? "http" : "https", remote.uri, kServices);
  const auto parsed = net::Url::parse(url);
  if (!parsed || !parsed->user.empty())
    throw Error(ErrorKind::malformed,
                fmt::format("{}: {} is no address of a remote", in_quotes(remote.file), in_quotes(remote.uri)));
  Backoff backoff(options.registry, options.operation);
  std::atomic<bool> known = false;
  auto response = send_patiently(client_of_url(url, remote.uri, options), {.url = url}, backoff, known);
  if (response.status() != 200)
    throw Error(net::error_kind_of(response.status()),
                fmt::format("{}: status {} where it names its services", response.name(), response.status()));
  const auto text = response.text(options.limits.json_bytes);
  const Json document = parse_json(text, response.name(), options.limits);
  const JsonView view(document, fmt::format("{}: ", response.name()));
  const auto library = view.require_object()["libraryAPI"];
  return library.is_null() ? std::string() : without_slash(library.require_object()["uri"].text_or(""));
}

void expect_url(const std::string& url) {
  const auto parsed = net::Url::parse(url);
  if (!parsed || !parsed->user.empty() || parsed->path.find_first_of("?#") != std::string::npos)
    throw Error(ErrorKind::usage,
                fmt::format("library {}: expected https://HOST", in_quotes(net::url_without_secrets(url))));
}

}  // namespace

void expect_tls(const std::string& library, std::string_view remote) {
  if (const auto url = net::Url::parse(library); !url || url->scheme != "https")
    throw Error(ErrorKind::denied, fmt::format("{}: its library is {}: credentials are not sent without TLS",
                                               printable(remote), in_quotes(net::url_without_secrets(library))));
}

std::vector<RemoteFiles> usual_remote_files() {
  std::vector<RemoteFiles> out;
  for (const std::string program : {"apptainer", "singularity"}) {
    std::string variable = program == "apptainer" ? "APPTAINER_CONFIGDIR" : "SINGULARITY_CONFIGDIR";
    const auto named = environment_variable(variable.c_str());
    const auto user = named.empty() ? home_directory() / ("." + program) : fs::path(named);
    RemoteFiles files{user / "remote.yaml", fs::path("/etc") / program / "remote.yaml"};
    std::error_code error;
    const auto local = fs::path("/usr/local/etc") / program / "remote.yaml";
    if (!fs::exists(files.system, error) && fs::exists(local, error)) files.system = local;
    out.push_back(std::move(files));
  }
  return out;
}

LibraryPlace find_library(std::string_view host, const SourceOptions& options, const std::vector<RemoteFiles>& files) {
  const auto& library_of_options = options.registry.library;
  std::string named = without_slash(library_of_options.empty() ? library_of_environment() : library_of_options);
  if (!host.empty()) named = fmt::format("{}://{}", options.registry.plain_http ? "http" : "https", host);
  if (!named.empty()) expect_url(named);
  for (const auto& each : files) {
    const auto remote = active_remote(each);
    // Who names a library asks no remote where it is, unless an administrator allows that one only.
    if (!remote || (!named.empty() && !remote->exclusive)) continue;
    const auto library = library_of(*remote, options);
    if (!named.empty() && named != library) {
      throw Error(ErrorKind::denied, fmt::format("library {}: {} allows {} only", in_quotes(named),
                                                 in_quotes(remote->file), in_quotes(library)));
    }
    if (library.empty()) continue;
    expect_url(library);
    if (!remote->insecure && !options.registry.plain_http) expect_tls(library, remote->uri);
    options.operation.logger->write(
        LogLevel::debug, fmt::format("library {} of {}", net::url_without_secrets(library), in_quotes(remote->file)));
    return {library, remote->token};
  }
  if (named.empty())
    throw Error(ErrorKind::usage, "no library is set", {Advice::name_library, {}, "Apptainer's own remote has none"});
  return {named, {}};
}

}  // namespace sifkit::oci
