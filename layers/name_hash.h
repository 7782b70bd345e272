// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <sifkit/core/resources.h>

namespace sifkit::layers {

/// Hashes names that come from untrusted layers: a polynomial in a secret, modulo 2^61 − 1. Two different names of n
/// bytes meet with a probability of n / 2^61 at most, whoever chose them, so no archive can fill one bucket. The secret
/// is drawn once a process; nothing that depends on it leaves it.
class NameHash {
 public:
  explicit NameHash(std::uint64_t start = 0) : state_(start % kPrime) {}

  void add(char c) noexcept {
    const auto product = static_cast<Wide>(state_) * factor_ + static_cast<unsigned char>(c) + 1u;
    state_ = static_cast<std::uint64_t>(product & kPrime) + static_cast<std::uint64_t>(product >> 61);
    if (state_ >= kPrime) state_ -= kPrime;
  }
  void add(std::string_view text) noexcept {
    for (const char c : text) add(c);
  }
  std::uint64_t value() const noexcept { return state_; }  ///< 61 bits

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

  static std::uint64_t secret() {
    static const std::uint64_t drawn = [] {
      std::uint64_t random = 0;
      fill_random(std::as_writable_bytes(std::span(&random, 1)));
      return random % (kPrime - 512) + 256;
    }();
    return drawn;
  }

  std::uint64_t state_;
  std::uint64_t factor_ = secret();
};

}  // namespace sifkit::layers
