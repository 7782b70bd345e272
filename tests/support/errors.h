// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <sifkit/core/error.h>

namespace sifkit::testing {

/// The Error that `body` throws, or nothing.
template <class Body>
std::optional<Error> error_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace sifkit::testing
