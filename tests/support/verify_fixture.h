// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/environment.h"
#include "support/sign_fixture.h"

namespace sifkit::testing {

/// A fixture with an OpenPGP key, and rings that hold nothing.
struct VerifyFixture : SignFixture {
  Environment rings{keys_below(at("home"))};
  std::string image = at("image.sif");

  VerifyFixture() { make_pgp("ada"); }
};

}  // namespace sifkit::testing
