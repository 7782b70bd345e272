// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <sifkit/core/digest.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>
#include <sifkit/oci/image_destination.h>

namespace sifkit::oci {

/// The bytes of a blob while they are sent. They have the size and the digest that they should have before the last of
/// them is handed on; else `read` throws integrity. One that was hashed already is not again.
class CheckedBlob : public Source {
 public:
  /// All of it outlives the object. `shown` is how much of the blob the progress has counted, in this try or an earlier
  /// one.
  CheckedBlob(const ReadableBlob& blob, const OperationContext& operation, std::uint64_t& shown);
  std::size_t read(std::span<std::byte> into) override;

 private:
  void check();

  const ReadableBlob& blob_;
  const OperationContext& operation_;
  std::uint64_t& shown_;
  std::unique_ptr<Source> source_;
  Hasher hasher_;
  std::uint64_t read_ = 0;
};

}  // namespace sifkit::oci
