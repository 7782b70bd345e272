// SPDX-License-Identifier: Apache-2.0
#include "registry_name.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/text.h>

#include "../docker_name.h"

namespace sifkit::oci {

namespace {

constexpr std::string_view kHubAddress = "registry-1.docker.io";

[[noreturn]] void refuse(std::string_view source, std::string_view why, Hint hint = {}) {
  throw Error(ErrorKind::usage, fmt::format("source {}: {}", in_quotes(source), why), std::move(hint));
}

/// Whether what stands behind an `@` is meant as a digest: no host, which has slashes, no colon, or a port behind it.
bool is_meant_as_digest(std::string_view text) {
  const auto colon = text.find(':');
  if (text.empty() || text.find('/') != std::string_view::npos || colon == std::string_view::npos) return text.empty();
  if (text.starts_with("sha256:") || text.starts_with("sha512:")) return true;
  const auto rest = text.substr(colon + 1);
  static constexpr std::size_t kPort = 5;
  return rest.size() > kPort || rest.find_first_not_of("0123456789") != std::string_view::npos;
}

/// How long the beginning of a name is that is no part of it: `USER:PASSWORD@`, as URLs have it.
std::size_t credentials_before(std::string_view name) {
  auto at = name.rfind('@');
  if (at != std::string_view::npos && is_meant_as_digest(name.substr(at + 1))) {
    name = name.substr(0, at);
    at = name.rfind('@');
  }
  if (at == std::string_view::npos) return 0;
  const auto before = name.substr(0, at);
  const bool told = name.find('/', at) != std::string_view::npos ||
                    (before.find(':') != std::string_view::npos && before.find('/') == std::string_view::npos);
  return told ? at + 1 : 0;
}

/// What the grammar refuses, in words.
[[noreturn]] void explain(std::string_view name, std::string_view source) {
  if (const auto length = credentials_before(name); length != 0) {
    // The password is not told; nor is it where something else is wrong besides.
    const auto start = source.find(name);
    const auto scheme = start == std::string_view::npos ? std::string_view() : source.substr(0, start);
    const auto shown = std::string(scheme).append(name.substr(length));
    const auto host = name.substr(length, name.find_first_of("/@", length) - length);
    refuse(shown, "credentials do not belong into the name of an image",
           {Advice::registry_login, std::string(host), {}});
  }
  const auto at = std::min(name.find('@'), name.size());
  const auto before = name.substr(0, at);
  if (at != name.size())
    static_cast<void>(Digest::parse(name.substr(at + 1), fmt::format("source {}", in_quotes(source))));
  const auto slash = before.rfind('/');
  const auto colon = before.rfind(':');
  const bool tagged = colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  const auto path = before.substr(0, tagged ? colon : before.size());
  if (path.empty() || path.ends_with('/')) refuse(source, "the name of a repository is missing");
  if (lower_case(path) != path) {
    refuse(source, "a repository's name is in lower case",
           fmt::format("try {}", printable(lower_case(path) + std::string(name.substr(path.size())))));
  }
  if (tagged && is_docker_name(path)) {
    refuse(source, fmt::format("{} is no tag: letters, digits, '_', '.' and '-', at most 128 of them",
                               in_quotes(before.substr(colon + 1))));
  }
  refuse(source, "that is no name of an image: expected [HOST[:PORT]/]NAME[:TAG][@DIGEST]");
}

}  // namespace

std::string canonical_registry_host(std::string_view host) {
  const bool hub = host == kDockerHub || host == "index.docker.io" || host == kHubAddress;
  return std::string(hub ? kDockerHub : host);
}

RegistryName RegistryName::parse(std::string_view name, std::string_view source) {
  if (!is_docker_name(name)) explain(name, source);
  RegistryName out;
  std::string full = normalized_docker_name(name);
  if (const auto at = full.find('@'); at != std::string::npos) {
    out.digest = Digest::parse(full.substr(at + 1), fmt::format("source {}", in_quotes(source)));
    full.resize(at);
  }
  const auto slash = full.find('/');
  out.host = canonical_registry_host(full.substr(0, slash));
  out.repository = full.substr(slash + 1);
  if (const auto colon = out.repository.find(':'); colon != std::string::npos) {
    out.tag = out.repository.substr(colon + 1);
    out.repository.resize(colon);
  }
  if (out.host == kDockerHub && out.repository.find('/') == std::string::npos) out.repository.insert(0, "library/");
  return out;
}

std::string RegistryName::text() const {
  return without_reference() + (tag.empty() ? "" : ":" + tag) + (digest ? "@" + digest->text() : "");
}

std::string RegistryName::address() const { return host == kDockerHub ? std::string(kHubAddress) : host; }

}  // namespace sifkit::oci
