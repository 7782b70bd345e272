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

/// What the grammar refuses, in words.
[[noreturn]] void explain(std::string_view name, std::string_view source) {
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
