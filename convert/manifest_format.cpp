// SPDX-License-Identifier: Apache-2.0
#include "manifest_format.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/core/json.h>

namespace sifkit {

namespace {

/// What OCI (image-spec media-types.md "Compatibility Matrix") and Docker call the same.
struct TypePair {
  std::string_view oci;
  std::string_view docker;  ///< empty: Docker has no name for it
};

constexpr TypePair kTypes[] = {
    {oci::kManifestType, oci::kDockerManifestType},
    {oci::kConfigType, oci::kDockerConfigType},
    {"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"},
    {"application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
     "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
};
/// Written by some tools, and read by none that keeps to Docker's list.
constexpr TypePair kZstd = {"application/vnd.oci.image.layer.v1.tar+zstd",
                            "application/vnd.docker.image.rootfs.diff.tar.zstd"};

std::string oci_type(const std::string& type) {
  for (const auto& pair : kTypes) {
    if (type == pair.docker) return std::string(pair.oci);
  }
  return type == kZstd.docker ? std::string(kZstd.oci) : type;
}

std::string docker_type(const std::string& type, std::string_view place) {
  for (const auto& pair : kTypes) {
    if (type == pair.oci || type == pair.docker) return std::string(pair.docker);
  }
  const bool zstd = type == kZstd.oci || type == kZstd.docker;
  throw Error(ErrorKind::unsupported,
              fmt::format("manifest: {} is of the type {}, which Docker has no name for", place, in_quotes(type)),
              zstd ? "layers that are compressed by gzip can be in one" : "a manifest of OCI can name it");
}

/// One that is not told is that of an image's, as which it was read.
std::string config_type(const Json& manifest) {
  const auto type = member_text(manifest.at("config"), "mediaType");
  return type.empty() ? std::string(oci::kConfigType) : type;
}

/// Of its members Docker's has these.
Json docker_descriptor(const Json& descriptor, const std::string& type, std::string_view place) {
  Json out = {{"mediaType", docker_type(type, place)},
              {"size", descriptor.at("size")},
              {"digest", descriptor.at("digest")}};
  if (descriptor.contains("urls")) out["urls"] = descriptor["urls"];
  return out;
}

Json as_docker(const Json& manifest) {
  Json out = {{"schemaVersion", 2},
              {"mediaType", oci::kDockerManifestType},
              {"config", docker_descriptor(manifest.at("config"), config_type(manifest), "the configuration")},
              {"layers", Json::array()}};
  std::size_t number = 0;
  for (const auto& layer : manifest.at("layers"))
    out["layers"].push_back(docker_descriptor(layer, member_text(layer, "mediaType"), fmt::format("layer {}", ++number)));
  return out;
}

Json as_oci(const Json& manifest) {
  Json out = manifest;
  out["mediaType"] = oci::kManifestType;
  out.at("config")["mediaType"] = oci_type(config_type(manifest));
  for (auto& layer : out.at("layers")) layer["mediaType"] = oci_type(member_text(layer, "mediaType"));
  return out;
}

}  // namespace

oci::Manifest in_format(const oci::Manifest& manifest, ManifestFormat format) {
  try {
    const Json before = Json::parse(manifest.text);  // it was checked when the image was opened
    const bool docker = format == ManifestFormat::docker;
    Json after = docker ? as_docker(before) : as_oci(before);
    if (!docker && !before.contains("mediaType")) after.erase("mediaType");  // OCI's need not say what they are
    if (after == before) return manifest;
    return {std::string(docker ? oci::kDockerManifestType : oci::kManifestType), after.dump()};
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::malformed, fmt::format("manifest: {}", printable(error.what())));
  }
}

void warn_of_docker_type(const oci::Target& target, std::string_view type, WarningList& warnings, Hint hint) {
  const bool layout =
      target.transport == oci::Transport::oci_layout || target.transport == oci::Transport::oci_archive;
  if (!layout || (type != oci::kDockerManifestType && type != oci::kDockerIndexType)) return;
  warnings.add("docker-manifest",
               fmt::format("the image has {} of Docker's: skopeo, podman and umoci find none of those in an OCI layout",
                           type == oci::kDockerIndexType ? "an index" : "a manifest"),
               std::move(hint));
}

oci::Manifest manifest_for(const oci::Target& target, oci::Manifest manifest,
                           const std::optional<ManifestFormat>& format, WarningList& warnings) {
  if (format) return in_format(manifest, *format);
  warn_of_docker_type(target, manifest.media_type, warnings, Advice::oci_manifest);
  return manifest;
}

}  // namespace sifkit
