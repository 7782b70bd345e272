// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include <sifkit/core/digest.h>
#include <sifkit/core/export.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

namespace sifkit {

/// Reads a source on a thread of its own, up to `window` bytes ahead, so that reading, hashing and inflating run beside
/// the consumer. An error of the source comes behind all whole chunks before it; of the chunk in which it happened nothing
/// is given. The destructor stops the thread; a source that blocks in a read delays it.
class SIFKIT_API ReadAhead : public Source {
 public:
  /// The window for a consumer that only hashes: what goes from one processor to another stays in their caches.
  static constexpr std::size_t kForHashing = 1u << 20;

  explicit ReadAhead(std::unique_ptr<Source> source, std::size_t window = 4u << 20);
  ~ReadAhead() override;
  std::size_t read(std::span<std::byte> into) override;
  ByteView view(std::span<std::byte> scratch) override;

  /// All that is there of the next bytes, without a copy: valid until the next call of anything. Empty at the end.
  ByteView next();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Hashes the rest of a source, which another thread reads, and counts it as progress. How many bytes there were.
SIFKIT_API std::uint64_t hash_ahead(std::unique_ptr<Source> source, Hasher& hasher, const OperationContext& operation);

}  // namespace sifkit
