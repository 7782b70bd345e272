// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>

namespace sifkit {

/// Bounds on what an input may ask for. None depends on the machine. Those in `adjustable_limits` may be set by a user and
/// are named in the error when they are exceeded; the others are bounds of the formats.
struct Limits {
  std::uint64_t json_bytes = 8u << 20;             ///< one JSON document (manifest, index, configuration)
  std::uint64_t documents_bytes = 256u << 20;      ///< all JSON documents that a source of images makes us read
  unsigned json_depth = 64;                        ///< nesting of a JSON document
  std::uint64_t entries = 50'000'000;              ///< entries of all layers together
  std::uint64_t metadata_bytes = 4ull << 30;       ///< names, targets, attributes and records of them, as held in memory
  std::uint64_t image_bytes = 1ull << 44;          ///< files of all layers together, holes included (16 TiB)
  std::uint64_t layers = 4096;                     ///< layers of one image
  std::uint64_t stream_bytes = 1ull << 44;         ///< one compressed stream (a layer, an archive), uncompressed (16 TiB)
  std::uint64_t expansion_ratio = 5000;            ///< bytes per compressed byte of a stream; zeros and 64 MiB are free
  std::uint64_t file_bytes = 1ull << 44;           ///< one file of the image, holes included
  unsigned path_bytes = 4095;                      ///< a path inside the image
  unsigned name_bytes = 255;                       ///< one component of it
  unsigned path_depth = 2048;                      ///< components of a path
  unsigned symlink_bytes = 4095;                   ///< a symbolic link's target
  unsigned symlink_hops = 255;                     ///< links followed while one path is resolved
  unsigned xattr_name_bytes = 255;                 ///< name of one extended attribute
  unsigned xattr_value_bytes = 65536;              ///< value of one extended attribute
  unsigned xattrs = 1024;                          ///< extended attributes of one entry
  std::uint64_t tar_extension_bytes = 1u << 20;    ///< one PAX or GNU extension header
  std::uint64_t trailing_bytes = 1u << 30;         ///< behind the end of an archive or a layer
  std::uint64_t sparse_segments = 1u << 20;        ///< segments of one sparse file
  unsigned signatures = 64;                        ///< signature objects of one SIF, signatures in one envelope
  std::uint64_t signature_bytes = 1u << 20;        ///< one signature object
  std::uint64_t archive_members = 1u << 20;        ///< members of an archive of images
  unsigned index_depth = 8;                        ///< indexes nested in indexes
  std::uint64_t decoder_window = 128u << 20;       ///< window or dictionary of a zstd or xz stream, bytes
};

struct AdjustableLimit {
  std::string_view name;  ///< of the member
  std::uint64_t Limits::* value;
};

/// The limits that an unusual but honest input may exceed.
SIFKIT_API std::span<const AdjustableLimit> adjustable_limits() noexcept;

/// Throws ErrorKind::limit with a hint that names the limit, which is one of `adjustable_limits`.
[[noreturn]] SIFKIT_API void throw_over_limit(std::string message, std::uint64_t Limits::* limit);

}  // namespace sifkit
