// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include <fmt/format.h>

#include <sifkit/core/error.h>
#include <sifkit/oci/descriptor.h>

namespace sifkit {

/// For what is one image and no choice: throws not_found where it is for another architecture than was asked for. What an
/// image does not say ("" or "unknown") is no contradiction.
inline void expect_architecture(const std::optional<oci::Platform>& wanted, std::string_view architecture) {
  if (!wanted || architecture.empty() || architecture == "unknown" || architecture == wanted->architecture) return;
  throw Error(ErrorKind::not_found, fmt::format("no image for {}", wanted->text()),
              fmt::format("the one that is there is for {}", architecture));
}

}  // namespace sifkit
