// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>

namespace sifkit::oci {

/// OCI image-spec media-types.md, and what Docker calls the same.
inline constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kLayerType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kDockerIndexType = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifestType = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfigType = "application/vnd.docker.container.image.v1+json";
/// What Apptainer calls a SIF file in a registry (`oras://`).
inline constexpr std::string_view kSifType = "application/vnd.sylabs.sif.layer.v1.sif";

/// OCI image-spec image-index.md "platform".
struct Platform {
  std::string os;
  std::string architecture;  ///< GOARCH words: amd64, arm64, …
  std::string variant;

  bool empty() const noexcept { return os.empty() && architecture.empty(); }
  /// "linux/arm64/v8"
  SIFKIT_API std::string text() const;
  /// "linux/arm64", "arm64", and the words of uname and Debian (x86_64, aarch64, i586, armv8l, armhf, …); throws usage.
  SIFKIT_API static Platform parse(std::string_view text);
  /// The platform this program runs on (os always linux).
  SIFKIT_API static Platform host();

  friend bool operator==(const Platform&, const Platform&) = default;
};

using Annotations = std::vector<std::pair<std::string, std::string>>;

/// OCI image-spec descriptor.md.
struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  std::optional<Platform> platform;
  Annotations annotations;
  std::vector<std::string> urls;  ///< where else the blob may be fetched
};

/// One layer of an image: where its stored bytes are described, and what they must be when uncompressed.
struct Layer {
  std::string media_type;                ///< empty where the source has none (docker-archive)
  std::optional<Digest> digest;          ///< of the stored bytes, where the source states it
  std::optional<std::uint64_t> size;     ///< of the stored bytes, where the source states it
  std::optional<Digest> diff_id;         ///< of the uncompressed bytes; absent for a bare root file system only
  std::vector<std::string> urls;         ///< where else a registry's client may fetch it
};

}  // namespace sifkit::oci
