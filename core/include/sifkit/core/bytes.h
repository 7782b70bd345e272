// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <sifkit/core/export.h>

namespace sifkit {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

inline std::string_view as_text(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Whether there is no byte but zeros.
SIFKIT_API bool all_zero(ByteView bytes) noexcept;

/// Reads a little-endian integer at `at`; the caller has made sure that the bytes are there.
template <std::integral T>
constexpr T load_le(const std::byte* at) noexcept {
  std::make_unsigned_t<T> value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<std::make_unsigned_t<T>>(value | (std::make_unsigned_t<T>(at[i]) << (8 * i)));
  }
  return static_cast<T>(value);
}

/// Writes a little-endian integer at `at`.
template <std::integral T>
constexpr void store_le(std::byte* at, T value) noexcept {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<std::byte>(bits & 0xff);
    bits = static_cast<std::make_unsigned_t<T>>(bits >> 7 >> 1);
  }
}

/// A forward cursor over untrusted bytes. Each read names what it reads; running out is ErrorKind::malformed with the
/// offset. Not thread safe.
class SIFKIT_API ByteReader {
 public:
  explicit ByteReader(ByteView bytes, std::string subject = "data") : bytes_(bytes), subject_(std::move(subject)) {}

  std::size_t offset() const noexcept { return offset_; }
  std::size_t left() const noexcept { return bytes_.size() - offset_; }

  ByteView take(std::size_t count, std::string_view what);
  void skip(std::size_t count, std::string_view what) { take(count, what); }

  template <std::integral T>
  T le(std::string_view what) {
    return load_le<T>(take(sizeof(T), what).data());
  }

 private:
  ByteView bytes_;
  std::string subject_;
  std::size_t offset_ = 0;
};

/// Appends little-endian integers and bytes to a buffer.
class SIFKIT_API ByteWriter {
 public:
  template <std::integral T>
  void le(T value) {
    std::byte raw[sizeof(T)];
    store_le(raw, value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof(T));
  }

  void put(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  void zeros(std::size_t count) { bytes_.resize(bytes_.size() + count); }

  const Bytes& bytes() const noexcept { return bytes_; }
  Bytes release() noexcept { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace sifkit
