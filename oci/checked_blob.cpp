// SPDX-License-Identifier: Apache-2.0
#include "checked_blob.h"

#include <algorithm>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit::oci {

CheckedBlob::CheckedBlob(const ReadableBlob& blob, const OperationContext& operation, std::uint64_t& shown)
    : blob_(blob), operation_(operation), shown_(shown), source_(blob.open()), hasher_(blob.digest.algorithm()) {
  if (blob.size == 0) check();
}

std::size_t CheckedBlob::read(std::span<std::byte> into) {
  operation_.check();
  if (read_ == blob_.size) return 0;
  const auto got = source_->read(into.first(std::min<std::uint64_t>(into.size(), blob_.size - read_)));
  if (got == 0) {
    throw Error(ErrorKind::integrity,
                fmt::format("{}: expected {} bytes, found {}", blob_.digest.text(), blob_.size, read_));
  }
  if (!blob_.hashed) hasher_.update(ByteView(into).first(got));
  read_ += got;
  if (read_ > shown_) {
    operation_.progress->advance(read_ - shown_);
    shown_ = read_;
  }
  if (read_ == blob_.size) check();
  return got;
}

void CheckedBlob::check() {
  std::byte more{};
  if (source_->read({&more, 1}) != 0)
    throw Error(ErrorKind::integrity, fmt::format("{}: more than {} bytes", blob_.digest.text(), blob_.size));
  if (blob_.hashed) return;
  const auto found = hasher_.finish();
  if (found != blob_.digest)
    throw Error(ErrorKind::integrity, fmt::format("expected {}, found {}", blob_.digest.text(), found.text()));
}

}  // namespace sifkit::oci
