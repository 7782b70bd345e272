// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <sifkit/core/on_demand.h>

#include "support/catch.h"
#include "support/errors.h"

using namespace sifkit;
using sifkit::testing::error_of;

extern "C" int sifkit_no_such_function(int value);

namespace {

namespace present {
constinit OnDemandLibrary library{"libc.so.6", "libc6"};
SIFKIT_ON_DEMAND(library, fsync);
SIFKIT_ON_DEMAND(library, fcntl);
SIFKIT_ON_DEMAND(library, sifkit_no_such_function);
}  // namespace present

namespace missing {
constinit OnDemandLibrary library{"libsifkit-no-such-library.so.0", "libsifkit-missing0"};
SIFKIT_ON_DEMAND(library, fsync);
}  // namespace missing

}  // namespace

TEST_CASE("a function of a library that is loaded on demand is called like any other", "[core]") {
  CHECK(present::fsync(-1) == -1);
  const int copy = present::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100);  // one with a variable list of arguments
  CHECK(copy >= 100);
  CHECK(::close(copy) == 0);
}

TEST_CASE("a library that is missing or too old is named, with its package", "[core]") {
  const auto absent = error_of([] { missing::fsync(1); });
  REQUIRE(absent);
  CHECK(absent->kind() == ErrorKind::not_found);
  CHECK_THAT(absent->message(), ContainsSubstring("cannot load libsifkit-no-such-library.so.0"));
  CHECK_THAT(absent->hint().text(), ContainsSubstring("libsifkit-missing0"));

  const auto old = error_of([] { present::sifkit_no_such_function(1); });
  REQUIRE(old);
  CHECK(old->kind() == ErrorKind::not_found);
  CHECK_THAT(old->message(), ContainsSubstring("libc.so.6") && ContainsSubstring("sifkit_no_such_function"));
}
