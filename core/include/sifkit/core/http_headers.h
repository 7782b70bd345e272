// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace sifkit {

/// Bounds the headers of one HTTP exchange, those of interim answers and redirects and the trailer of a chunked body
/// (RFC 9112, section 7.1.2) included. libcurl keeps them all and bounds the trailer nowhere. Of one thread.
struct HeaderBudget {
  static constexpr std::size_t kMostBytes = std::size_t{256} << 10;

  std::size_t used = 0;

  bool exceeded() const noexcept { return used > kMostBytes; }

  /// A CURLOPT_HEADERFUNCTION whose CURLOPT_HEADERDATA is the budget: fails the transfer when it is exceeded.
  static std::size_t take(char*, std::size_t, std::size_t count, void* self) noexcept {
    auto& budget = *static_cast<HeaderBudget*>(self);
    budget.used += count;
    return budget.exceeded() ? 0 : count;
  }
};

}  // namespace sifkit
