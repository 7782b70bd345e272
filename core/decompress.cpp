// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/decompress.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

#include "decompressors.h"

namespace sifkit {

namespace {

constexpr std::uint64_t kRatioFrom = 64u << 20;  ///< small streams of one byte expand a lot and harm no one
constexpr std::size_t kFedBytes = 4096;

class CountingSource : public Source {
 public:
  CountingSource(std::unique_ptr<Source> source, std::shared_ptr<std::uint64_t> count)
      : source_(std::move(source)), count_(std::move(count)) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto got = source_->read(into);
    *count_ += got;
    return got;
  }
  std::uint64_t skip(std::uint64_t count) override {
    const auto skipped = source_->skip(count);
    *count_ += skipped;
    return skipped;
  }

 private:
  std::unique_ptr<Source> source_;
  std::shared_ptr<std::uint64_t> count_;
};

/// Stops a stream that grows out of all proportion to what it is made from. Runs of zeros are not counted: empty space in
/// a disk image is honest, and whoever keeps it makes holes of it.
class ExpansionGuard : public Source {
 public:
  ExpansionGuard(std::unique_ptr<Source> source, std::string what, const Limits& limits, std::shared_ptr<std::uint64_t> stored)
      : source_(std::move(source)),
        what_(std::move(what)),
        max_bytes_(limits.stream_bytes),
        ratio_(std::max<std::uint64_t>(1, limits.expansion_ratio)),
        compressed_(std::move(stored)) {}

  std::size_t read(std::span<std::byte> into) override {
    const auto got = source_->read(into);
    uncompressed_ += got;
    counted_ += without_zeros(into.first(got));
    if (uncompressed_ > max_bytes_) throw_over_limit(fmt::format("{}: more than {} bytes uncompressed", what_, max_bytes_), &Limits::stream_bytes);
    if (counted_ > kRatioFrom && counted_ / ratio_ > *compressed_) {
      throw_over_limit(fmt::format("{}: {} bytes expand to {} and more, zeros not counted; the limit is {} times as much", what_, *compressed_, counted_, ratio_),
                       &Limits::expansion_ratio);
    }
    return got;
  }

 private:
  static std::uint64_t without_zeros(ByteView bytes) {
    std::uint64_t count = 0;
    for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), kFedBytes))) {
      const auto piece = bytes.first(std::min(bytes.size(), kFedBytes));
      if (!all_zero(piece)) count += piece.size();
    }
    return count;
  }

  std::unique_ptr<Source> source_;
  std::string what_;
  std::uint64_t max_bytes_;
  std::uint64_t ratio_;
  std::shared_ptr<std::uint64_t> compressed_;
  std::uint64_t uncompressed_ = 0;
  std::uint64_t counted_ = 0;
};

}  // namespace

std::string_view to_string(Compression compression) noexcept {
  switch (compression) {
    case Compression::none: return "none";
    case Compression::gzip: return "gzip";
    case Compression::zstd: return "zstd";
    case Compression::xz: return "xz";
    case Compression::bzip2: return "bzip2";
  }
  return "unknown";
}

Compression sniff_compression(ByteView first_bytes) noexcept {
  std::array<unsigned, 6> b{};
  for (std::size_t i = 0; i < std::min(b.size(), first_bytes.size()); ++i) b[i] = std::to_integer<unsigned>(first_bytes[i]);
  if (b[0] == 0x1f && b[1] == 0x8b) return Compression::gzip;
  if (b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd) return Compression::zstd;
  // A skippable frame: 0x184D2A50 to 0x184D2A5F (RFC 8878, 3.1.2).
  if ((b[0] & 0xf0u) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18) return Compression::zstd;
  if (b == std::array<unsigned, 6>{0xfd, '7', 'z', 'X', 'Z', 0}) return Compression::xz;
  // The level is followed by the magic of the first block, or of the end when there is none.
  if (b[0] == 'B' && b[1] == 'Z' && b[2] == 'h' && b[3] >= '1' && b[3] <= '9' &&
      ((b[4] == 0x31 && b[5] == 0x41) || (b[4] == 0x17 && b[5] == 0x72))) {
    return Compression::bzip2;
  }
  return Compression::none;
}

ByteView PeekedSource::peek(std::size_t count) {
  SIFKIT_CHECK(used_ == 0);
  if (peeked_.size() < count) {
    const auto had = peeked_.size();
    peeked_.resize(count);
    peeked_.resize(had + read_full(*source_, std::span(peeked_).subspan(had)));
  }
  return ByteView(peeked_).first(std::min(count, peeked_.size()));
}

std::size_t PeekedSource::read(std::span<std::byte> into) {
  const auto left = peeked_.size() - used_;
  if (left == 0) return source_->read(into);
  const auto count = std::min(left, into.size());
  std::memcpy(into.data(), peeked_.data() + used_, count);
  used_ += count;
  return count;
}

std::uint64_t PeekedSource::skip(std::uint64_t count) {
  const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(count, peeked_.size() - used_));
  used_ += here;
  return here == count ? here : here + source_->skip(count - here);
}

std::unique_ptr<Source> open_decompressed(std::unique_ptr<Source> source, std::string what, const Limits& limits,
                                          Compression* found) {
  auto stored = std::make_shared<std::uint64_t>(0);
  auto peeked = std::make_unique<PeekedSource>(std::make_unique<CountingSource>(std::move(source), stored));
  const auto compression = sniff_compression(peeked->peek(6));
  if (found != nullptr) *found = compression;
  std::unique_ptr<Source> plain;
  switch (compression) {
    case Compression::none: return peeked;
    case Compression::gzip: plain = open_gzip(std::move(peeked), what); break;
    case Compression::zstd: plain = open_zstd(std::move(peeked), what, limits); break;
    case Compression::xz: plain = open_xz(std::move(peeked), what, limits); break;
    case Compression::bzip2: plain = open_bzip2(std::move(peeked), what); break;
  }
  return std::make_unique<ExpansionGuard>(std::move(plain), std::move(what), limits, std::move(stored));
}

}  // namespace sifkit
