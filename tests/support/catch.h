// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iostream>

// The one place that knows which major version of Catch2 is there.
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Matchers::ContainsSubstring;
#else
#include <catch2/catch.hpp>
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
#endif

/// Ends a test case that cannot run here; the test driver looks for the words and counts it as skipped.
#define SKIP_TEST(reason)                                          \
  do {                                                             \
    std::cout << "test skipped: " << (reason) << '\n' << std::flush; \
    SUCCEED();                                                     \
    return;                                                        \
  } while (false)
