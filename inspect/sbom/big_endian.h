// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace sifkit {

/// Reads a big-endian integer at `at`; the caller has made sure that the bytes are there.
template <std::unsigned_integral T>
constexpr T load_be(const std::byte* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | std::to_integer<T>(at[i]));
  return value;
}

}  // namespace sifkit
