// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/core/error.h>

namespace sifkit {

/// The hint for what is cut short, or was changed on the way.
inline constexpr std::string_view kCopyAgain = "copy or download it again, as binary";

/// The same for an error of compressed data, where that is its kind.
inline std::string damage_hint(ErrorKind kind) {
  return kind == ErrorKind::malformed || kind == ErrorKind::integrity ? std::string(kCopyAgain) : std::string();
}

}  // namespace sifkit
