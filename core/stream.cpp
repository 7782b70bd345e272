// SPDX-License-Identifier: Apache-2.0
#include <sifkit/core/stream.h>

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include <sifkit/core/error.h>

namespace sifkit {

namespace {

constexpr std::size_t kCopyChunk = 256 * 1024;

}  // namespace

std::uint64_t Source::skip(std::uint64_t count) {
  std::array<std::byte, 32 * 1024> scratch;
  std::uint64_t skipped = 0;
  while (skipped < count) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(count - skipped, scratch.size()));
    const auto got = read(std::span(scratch).first(want));
    if (got == 0) break;
    skipped += got;
  }
  return skipped;
}

std::size_t read_full(Source& source, std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto got = source.read(into.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

Bytes read_all(Source& source, std::uint64_t limit, std::string_view what) {
  Bytes all;
  Bytes chunk(64 * 1024);
  while (const auto got = source.read(chunk)) {
    if (got > limit - all.size()) {
      throw Error(ErrorKind::limit, fmt::format("{} is larger than the limit of {} bytes", what, limit));
    }
    all.insert(all.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(got));
  }
  return all;
}

std::uint64_t copy(Source& source, Sink& sink) {
  Bytes chunk(kCopyChunk);
  std::uint64_t copied = 0;
  while (const auto got = source.read(chunk)) {
    sink.write(std::span(chunk).first(got));
    copied += got;
  }
  return copied;
}

std::size_t MemorySource::read(std::span<std::byte> into) {
  const auto count = std::min(into.size(), left_.size());
  if (count != 0) std::memcpy(into.data(), left_.data(), count);
  left_ = left_.subspan(count);
  return count;
}

std::uint64_t MemorySource::skip(std::uint64_t count) {
  const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(count, left_.size()));
  left_ = left_.subspan(skipped);
  return skipped;
}

}  // namespace sifkit
