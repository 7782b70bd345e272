// SPDX-License-Identifier: Apache-2.0
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // with Catch2 2 listeners are declared on request only
#include "support/catch.h"

#include <cstdlib>
#include <iostream>

namespace sifkit::testing {

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

/// Says which test cases were skipped. CTest takes its words for a skip whatever else a program says and returns, so they are
/// not said of a test case with a failed check.
class SkipListener : public ListenerBase {
 public:
  using ListenerBase::ListenerBase;

  /// What tests fetch is not for the cache of whoever runs them.
  void testRunStarting(const Catch::TestRunInfo& info) override {
    ListenerBase::testRunStarting(info);
    ::setenv("SIFKIT_DISABLE_CACHE", "1", 0);
  }

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    ListenerBase::testCaseStarting(info);
    skip_reason().clear();
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    if (!skip_reason().empty() && stats.totals.assertions.failed == 0) std::cout << "test skipped: " << skip_reason() << std::endl;
    ListenerBase::testCaseEnded(stats);
  }
};

}  // namespace

CATCH_REGISTER_LISTENER(SkipListener)

}  // namespace sifkit::testing
