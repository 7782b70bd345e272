// SPDX-License-Identifier: Apache-2.0
#include <sifkit/oci/image_destination.h>

#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "docker_archive_destination.h"
#include "docker_name.h"
#include "engine_destination.h"
#include "layout_destination.h"
#include "registry/registry_destination.h"
#include "registry/registry_name.h"

namespace sifkit::oci {

namespace {

constexpr std::pair<std::string_view, Transport> kTargets[] = {
    {"oci:", Transport::oci_layout},
    {"oci-archive:", Transport::oci_archive},
    {"docker-archive:", Transport::docker_archive},
    {"docker-daemon:", Transport::docker_daemon},
    {"docker://", Transport::docker},
};

/// The name of an image of Docker's, with a tag. Throws usage.
std::string tagged_docker_name(std::string_view name, std::string_view text) {
  if (!is_docker_name(name) || name.find('@') != std::string::npos) {
    throw Error(ErrorKind::usage, fmt::format("{}: {} is no name of an image", in_quotes(text), in_quotes(name)),
                "as in app:1 or registry.example.org/me/app:1");
  }
  const bool tagged = name.find(':', name.rfind('/') + 1) != std::string::npos;
  return std::string(name) + (tagged ? "" : ":latest");
}

}  // namespace

void ImageDestination::add_layer(ReadableBlob) { throw Error(ErrorKind::internal, "layers are written here"); }
void ImageDestination::add_blob(ReadableBlob) { throw Error(ErrorKind::internal, "no place for blobs"); }
void ImageDestination::add_manifest(const Descriptor&, const std::string&) {
  throw Error(ErrorKind::internal, "no place for manifests");
}
void ImageDestination::finish_set(const Descriptor&, const std::string&) {
  throw Error(ErrorKind::internal, "no place for an index");
}

std::optional<Target> Target::parse(std::string_view text) {
  for (const auto& [prefix, transport] : kTargets) {
    if (!text.starts_with(prefix)) continue;
    Target out;
    out.transport = transport;
    out.text = text;
    std::string_view rest = text.substr(prefix.size());
    if (rest.starts_with("//")) rest.remove_prefix(2);
    if (transport == Transport::docker) {
      out.name = RegistryName::parse(rest, text).text();
      return out;
    }
    if (transport == Transport::docker_daemon) {
      out.name = tagged_docker_name(rest, text);
      return out;
    }
    const auto colon = rest.find(':');
    out.path = rest.substr(0, colon);
    if (colon != std::string_view::npos) out.name = rest.substr(colon + 1);
    if (out.path.empty()) {
      throw Error(ErrorKind::usage, fmt::format("{}: expected a path behind '{}'", in_quotes(text), prefix));
    }
    if (out.path == "-" && transport != Transport::oci_layout) {
      throw Error(ErrorKind::usage,
                  fmt::format("{}: it cannot be written to standard output: it is not written sequentially",
                              in_quotes(text)),
                  fmt::format("'{}./-' is a file of that name", prefix));
    }
    if (transport == Transport::docker_archive && !out.name.empty()) out.name = tagged_docker_name(out.name, text);
    return out;
  }
  return std::nullopt;
}

Target Target::require(std::string_view text, Hint hint) {
  if (auto target = parse(text)) return std::move(*target);
  throw Error(ErrorKind::usage,
              fmt::format("{}: expected docker://NAME, docker-daemon:NAME, oci:DIR, oci-archive:FILE or "
                          "docker-archive:FILE",
                          in_quotes(text)),
              std::move(hint));
}

std::unique_ptr<ImageDestination> open_destination(const Target& target, const DestinationOptions& options) {
  switch (target.transport) {
    case Transport::oci_layout: return open_layout_destination(target, options);
    case Transport::oci_archive: return open_layout_archive_destination(target, options);
    case Transport::docker_archive: return open_docker_archive_destination(target, options);
    case Transport::docker_daemon: return open_engine_destination(target, options);
    case Transport::docker: return open_registry_destination(target, options);
    default: break;
  }
  throw Error(ErrorKind::internal, "no place for images");
}

}  // namespace sifkit::oci
