// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

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

/// A text that copies share and that is wiped when the last of them goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view text) : wiped_(std::make_shared<const Wiped>(text)) {}

  explicit operator bool() const noexcept { return wiped_ != nullptr; }
  /// Of one that is set.
  const std::string& text() const { return wiped_->text; }

 private:
  struct Wiped {
    explicit Wiped(std::string_view secret) : text(secret) {}
    ~Wiped() { wipe(text); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    mutable std::string text;
  };

  std::shared_ptr<const Wiped> wiped_;
};

}  // namespace sifkit
