// SPDX-License-Identifier: Apache-2.0
#include "blob_store.h"

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

std::string FileBlobs::name_of(const Digest& digest, BlobKind kind) const {
  if (named_ && kind == BlobKind::manifest && named_->first == digest) return named_->second;
  if (!flat_) return fmt::format("blobs/{}/{}", to_string(digest.algorithm()), digest.hex());
  return digest.hex() + (kind == BlobKind::manifest ? ".manifest.json" : "");
}

std::optional<std::uint64_t> FileBlobs::size_of(const Descriptor& descriptor, BlobKind kind) {
  return files_.find(name_of(descriptor.digest, kind));
}

std::optional<std::string> FileBlobs::read(const Descriptor& descriptor, BlobKind kind, const Limits& limits,
                                           std::string_view what) {
  const auto file = name_of(descriptor.digest, kind);
  const auto size = files_.find(file);
  if (!size) return std::nullopt;
  if (*size != descriptor.size) {
    throw Error(ErrorKind::integrity,
                fmt::format("{} {}: expected {} bytes, found {}", what, file, descriptor.size, *size));
  }
  return files_.read_document(file, limits, what);
}

}  // namespace sifkit::oci
