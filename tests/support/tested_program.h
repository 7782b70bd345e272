// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <string>

namespace sifkit::testing {

/// Another program that commands are to be run with (scripts/try-portable), empty for this build's code.
inline std::string other_program() {
  const char* const named = std::getenv("SIFKIT_TESTED_PROGRAM");
  return named == nullptr ? "" : named;
}

/// The program that a test runs where it needs a process.
inline std::string tested_program() {
  const auto other = other_program();
  return other.empty() ? SIFKIT_PROGRAM : other;
}

}  // namespace sifkit::testing
