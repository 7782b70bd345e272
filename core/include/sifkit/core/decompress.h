// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>
#include <sifkit/core/stream.h>

namespace sifkit {

enum class Compression : std::uint8_t { none, gzip, zstd, xz, bzip2 };

SIFKIT_API std::string_view to_string(Compression compression) noexcept;

/// What the first bytes of a stream say (6 are enough). Content decides, never a name or a media type.
/// A zstd skippable frame counts as zstd.
SIFKIT_API Compression sniff_compression(ByteView first_bytes) noexcept;

/// A source that gives back bytes which were read from another one to look at them.
class SIFKIT_API PeekedSource : public Source {
 public:
  explicit PeekedSource(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  /// Up to `count` first bytes without consuming them; fewer only when the source ends.
  ByteView peek(std::size_t count);
  std::size_t read(std::span<std::byte> into) override;
  std::uint64_t skip(std::uint64_t count) override;

 private:
  std::unique_ptr<Source> source_;
  Bytes peeked_;
  std::size_t used_ = 0;
};

/// The uncompressed bytes of `source`, whose compression is told by its content. Streams may consist of several members or
/// frames (gzip multi-member, zstd multi-frame and skippable frames, concatenated xz and bzip2).
///
/// Checked to the very end: checksums and lengths in trailers, nothing after the last member but zero bytes (gzip),
/// truncation, dictionaries (refused), windows over `limits.decoder_window`, growth over `limits.expansion_ratio`
/// (runs of zeros not counted) and `limits.stream_bytes`. Plain data passes through.
/// `what` names the stream in errors. Memory stays bounded whatever the input.
SIFKIT_API std::unique_ptr<Source> open_decompressed(std::unique_ptr<Source> source, std::string what,
                                                     const Limits& limits, Compression* found = nullptr);

}  // namespace sifkit
