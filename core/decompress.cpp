// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/decompress.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <sifkit/core/error.h>

#include "decompressors.h"

namespace sifkit {

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
  auto peeked = std::make_unique<PeekedSource>(std::move(source));
  const auto compression = sniff_compression(peeked->peek(6));
  if (found != nullptr) *found = compression;
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return open_gzip(std::move(peeked), std::move(what));
    case Compression::zstd: return open_zstd(std::move(peeked), std::move(what), limits);
    case Compression::xz: return open_xz(std::move(peeked), std::move(what), limits);
    case Compression::bzip2: return open_bzip2(std::move(peeked), std::move(what));
  }
  return peeked;
}

}  // namespace sifkit
