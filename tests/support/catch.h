// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// The one place that knows which major version of Catch2 is there.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
#endif

namespace sifkit::testing {

/// Why the running test case ended early; told at its end, if none of its checks failed (support/skip.cpp).
inline std::string& skip_reason() {
  static std::string reason;
  return reason;
}

}  // namespace sifkit::testing

/// Ends a test case that cannot run here, or the rest of one: it counts as skipped unless one of its checks has failed.
#define SKIP_TEST(reason)                      \
  do {                                         \
    sifkit::testing::skip_reason() = (reason); \
    SUCCEED();                                 \
    return;                                    \
  } while (false)
