// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sifkit/core/bytes.h>
#include <sifkit/core/export.h>

namespace sifkit {

/// Bytes that are pulled, in order. Not thread safe; may be handed from one thread to another.
class SIFKIT_API Source {
 public:
  virtual ~Source() = default;

  /// Fills a part of `into` (not empty) and returns its length; 0 means the end. Throws Error.
  virtual std::size_t read(std::span<std::byte> into) = 0;

  /// The next bytes, at most as many as `scratch` holds and empty at the end: where they lie in memory already, or else
  /// read into `scratch` (not empty). Valid until the next call of anything.
  virtual ByteView view(std::span<std::byte> scratch) { return ByteView(scratch).first(read(scratch)); }

  /// Passes over up to `count` bytes and returns how many there were. The default reads them.
  virtual std::uint64_t skip(std::uint64_t count);
};

/// Bytes that are pushed, in order.
class SIFKIT_API Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(ByteView bytes) = 0;
};

/// Fills all of `into`; returns less than its size only at the end of the source.
SIFKIT_API std::size_t read_full(Source& source, std::span<std::byte> into);

/// Everything up to the end; more than `limit` bytes is ErrorKind::limit. `what` names the thing in the error.
SIFKIT_API Bytes read_all(Source& source, std::uint64_t limit, std::string_view what);

/// Copies up to the end and returns the number of bytes.
SIFKIT_API std::uint64_t copy(Source& source, Sink& sink);

/// A source over a buffer that outlives it.
class SIFKIT_API MemorySource : public Source {
 public:
  explicit MemorySource(ByteView bytes) : left_(bytes) {}
  std::size_t read(std::span<std::byte> into) override;
  std::uint64_t skip(std::uint64_t count) override;

 private:
  ByteView left_;
};

/// Collects what is written.
class SIFKIT_API MemorySink : public Sink {
 public:
  void write(ByteView bytes) override { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  const Bytes& bytes() const noexcept { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace sifkit
