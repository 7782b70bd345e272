// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/core/text.h>
#include <sifkit/oci/descriptor.h>

namespace sifkit::oci {

inline constexpr std::string_view kIndexTypes[] = {kIndexType, kDockerIndexType};
inline constexpr std::string_view kManifestTypes[] = {kManifestType, kDockerManifestType};
inline constexpr std::string_view kConfigTypes[] = {kConfigType, kDockerConfigType};
inline constexpr std::string_view kLayerTypes[] = {
    kLayerType,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
};

/// What a descriptor may state of a document that is read as a manifest or an index, if only to say which old one it
/// is. Other types are no error of an index (image-spec image-index.md), and what they stand for may be of any size.
inline bool may_be_document(std::string_view stated) {
  static constexpr std::string_view kDockerTypes = "application/vnd.docker.distribution.manifest.";
  return stated.empty() || is_one_of(kIndexTypes, stated) || is_one_of(kManifestTypes, stated) ||
         stated.starts_with(kDockerTypes);
}

}  // namespace sifkit::oci
