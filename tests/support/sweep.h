// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace sifkit::testing {

/// A number in the environment, or 0.
inline unsigned long number_in_environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

/// Whether sweeps try a part of their points only: SIFKIT_SWEEP=N, one in N.
inline bool sweep_is_thinned() { return number_in_environment("SIFKIT_SWEEP") > 1; }

/// Whether the next point of a sweep is tried: every one, or one in SIFKIT_SWEEP from where SIFKIT_SWEEP_SEED says.
inline bool next_of_sweep() {
  static unsigned long points = number_in_environment("SIFKIT_SWEEP_SEED");
  return !sweep_is_thinned() || points++ % number_in_environment("SIFKIT_SWEEP") == 0;
}

}  // namespace sifkit::testing
