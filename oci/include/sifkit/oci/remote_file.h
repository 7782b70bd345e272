// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/cache.h>
#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// A file that a server has. Whoever reads it checks size and digest.
struct RemoteFile {
  std::string name;                   ///< what a file made of it is called, without a directory: "app_1.sif"
  std::optional<std::uint64_t> size;  ///< where it is known before
  std::optional<Digest> digest;
  std::shared_ptr<Cache> cache;       ///< that keeps it
  std::shared_ptr<const void> turn;   ///< to fetch it
  std::unique_ptr<Source> bytes;
};

/// "alpine_3.20.sif" for the image `alpine:3.20` of a registry. Throws usage for what is no name of an image.
SIFKIT_API std::string sif_name_of(std::string_view image, std::string_view source);

/// The SIF file that an image's name stands for in a registry (`oras://`): a manifest with one layer, or an index of
/// those, of which the platform chooses. Throws unsupported for what is something else.
SIFKIT_API RemoteFile open_oras(std::string_view image, std::string_view source, const SourceOptions& options);

/// The file of an http:// or https:// URL. Its bytes are not asked for again where they break off.
SIFKIT_API RemoteFile open_url(const std::string& url, const SourceOptions& options);

}  // namespace sifkit::oci
