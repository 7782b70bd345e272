// SPDX-License-Identifier: Apache-2.0
//
// What `check` keeps of an image's programs.
#include "check/programs.h"

#include "support/catch.h"
#include "support/elf_objects.h"
#include "support/errors.h"

using namespace sifkit;
using namespace sifkit::testing;

TEST_CASE("what is kept of all programs has a bound", "[inspect][check][hostile]") {
  check::Programs programs(100'000);
  const auto object = elf_object({.needed = std::vector<std::string>(400, std::string(50, 'n'))});
  for (layers::InodeId id = 0; id < 3; ++id) programs.add(id, as_bytes(object));
  CHECK(programs.elf(2)->dynamic.needed.size() == 400);
  const auto error = error_of([&] { programs.add(3, as_bytes(object)); });
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::limit);
  CHECK(programs.elf(3) == nullptr);
}
