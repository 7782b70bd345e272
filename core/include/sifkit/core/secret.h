// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include <sifkit/core/export.h>

namespace sifkit {

/// Overwrites bytes in a way that no compiler leaves out.
SIFKIT_API void cleanse(void* bytes, std::size_t size) noexcept;

/// Overwrites a secret before its memory is given back.
template <class Container>
void wipe(Container& secret) noexcept {
  cleanse(secret.data(), secret.size() * sizeof(*secret.data()));
  secret.clear();
}

/// Wipes a secret on every way out of a scope.
template <class Container>
class Wiper {
 public:
  explicit Wiper(Container& secret) : secret_(secret) {}
  ~Wiper() { wipe(secret_); }
  Wiper(const Wiper&) = delete;
  Wiper& operator=(const Wiper&) = delete;

 private:
  Container& secret_;
};

}  // namespace sifkit
