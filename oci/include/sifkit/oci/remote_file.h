// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/file.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/cache.h>
#include <sifkit/oci/image.h>

namespace sifkit::oci {

/// A file that a server has, or that the cache has kept of it.
struct RemoteFile {
  std::string name;                   ///< what a file made of it is called, without a directory: "app_1.sif"
  std::optional<std::uint64_t> size;  ///< in bytes, where it is known before
  std::optional<Digest> digest;
  std::shared_ptr<Cache> cache;       ///< that keeps it
  std::shared_ptr<const void> turn;   ///< to fetch it
  std::shared_ptr<const File> file;   ///< of the cache, its digest checked just now; else
  std::unique_ptr<Source> bytes;      ///< which `receive` checks
};

struct ReceivedFile {
  std::uint64_t bytes = 0;
  Digest digest;
};

/// Hands on the bytes of a file. Throws integrity where they are not of the size and the digest that it should have,
/// network and denied as its server fails, cancelled, and what `write` throws.
SIFKIT_API ReceivedFile receive(RemoteFile& file, const OperationContext& operation,
                                const std::function<void(std::uint64_t at, ByteView piece)>& write);

/// "alpine_3.20.sif" for the image `alpine:3.20` of a registry. Throws usage for what is no name of an image.
SIFKIT_API std::string sif_name_of(std::string_view image, std::string_view source);

/// The SIF file that an image's name stands for in a registry (`oras://`): a manifest with one layer, or an index of
/// those, of which the platform chooses. Throws unsupported for what is something else, usage for what is no name, and
/// not_found, denied, network, malformed and limit as the registry answers.
SIFKIT_API RemoteFile open_oras(std::string_view image, std::string_view source, const SourceOptions& options);

/// The SIF file of a library's container (`library://`), of the platform's architecture. Throws as open_oras does.
SIFKIT_API RemoteFile open_library(std::string_view image, std::string_view source, const SourceOptions& options);

/// Of libyaml, which reads the file that says which library is used. Throws not_found where it is missing.
SIFKIT_API std::string yaml_library_version();

/// The file of an http:// or https:// URL; `pinned` is the digest that it must have. Throws usage for another URL,
/// not_found, denied and network.
SIFKIT_API RemoteFile open_url(const std::string& url, const SourceOptions& options,
                               const std::optional<Digest>& pinned = {});

}  // namespace sifkit::oci
