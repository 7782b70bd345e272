// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/decompress.h>
#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/layers/content.h>
#include <sifkit/layers/entry.h>

namespace sifkit::layers {

/// What is known of a layer's bytes before they are read.
struct LayerBlob {
  std::unique_ptr<Source> source;       ///< as stored, compressed or not
  std::string name;                     ///< for errors: "layer 2 of 5 sha256:…"
  std::string media_type;               ///< as the source states it; content decides, a contradiction is a warning
  std::optional<Digest> digest;         ///< of the stored bytes
  std::optional<std::uint64_t> size;    ///< of the stored bytes
  std::optional<Digest> diff_id;        ///< of the uncompressed bytes
  bool is_root = false;                 ///< a root file system that no image describes: no name is a whiteout, and it may be a backup (TarTypes::any)
};

/// The compression that a layer's media type names; nothing for a type that names none that is known.
SIFKIT_API std::optional<Compression> stated_compression(std::string_view media_type) noexcept;

/// Which extended attributes reach the image.
enum class XattrPolicy : std::uint8_t { keep, user_only, none };

/// Whether a policy keeps an attribute of that name.
constexpr bool keeps(XattrPolicy policy, std::string_view name) noexcept {
  return policy == XattrPolicy::keep || (policy == XattrPolicy::user_only && name.starts_with("user."));
}

struct LayerOptions {
  XattrPolicy xattrs = XattrPolicy::keep;
  bool clamp_climbing_names = false;  ///< `..` above the root: clamp and warn instead of refusing
  /// There are processors to spare: uncompressed bytes are hashed beside their inflating, and read further ahead.
  bool many_threads = false;
  /// Most contents are passed over. Where nothing has to be hashed or inflated for it, they are not read then.
  bool few_contents = false;
};

/// Gives the changes of a layer in archive order. Reading, decompression and both digests run on threads of their own;
/// digests, sizes, checksums and trailing bytes are all checked by the time `next` has returned nothing. Not thread
/// safe.
class SIFKIT_API LayerReader {
 public:
  LayerReader(LayerBlob blob, const LayerOptions& options, const Limits& limits, WarningList& warnings);
  ~LayerReader();
  LayerReader(const LayerReader&) = delete;
  LayerReader& operator=(const LayerReader&) = delete;

  std::optional<Entry> next();

  /// Hands the bytes of the current regular file to `sink` (begin, append, append_zeros, end).
  ContentId read_content(ContentSink& sink);

  /// Stored bytes consumed so far, for progress.
  std::uint64_t compressed_bytes() const noexcept;
  /// Uncompressed bytes consumed so far.
  std::uint64_t uncompressed_bytes() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sifkit::layers
