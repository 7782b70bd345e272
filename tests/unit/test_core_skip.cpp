// SPDX-License-Identifier: Apache-2.0
//
// The tests' own SKIP_TEST.
#include "support/catch.h"
#include "support/run_process.h"

using namespace sifkit::testing;

TEST_CASE("skip: nothing has failed", "[.][skip]") {
  CHECK(true);
  SKIP_TEST("as it should");
}

TEST_CASE("skip: a check has failed", "[.][skip]") {
  CHECK(false);
  SKIP_TEST("too late");
}

TEST_CASE("skip: a check has failed in another run", "[.][skip]") {
  const int run = GENERATE(1, 2, 3);
  CHECK(run != 1);
  if (run == 2) SKIP_TEST("too late");
}

TEST_CASE("a test case with a failed check is not skipped", "[tests]") {
  const auto run = [](const std::string& name) { return run_process({"/proc/self/exe", name}); };
  const auto skipped = run("skip: nothing has failed");
  CHECK(skipped.code == 0);
  CHECK_THAT(skipped.out, ContainsSubstring("test skipped: as it should\n"));
  for (const std::string name : {"skip: a check has failed", "skip: a check has failed in another run"}) {
    const auto failed = run(name);
    CHECK(failed.code != 0);
    CHECK_THAT(failed.out, !ContainsSubstring("test skipped"));
  }
}
