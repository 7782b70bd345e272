// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/environment.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

/// A home of its own, so that nobody's keys are touched.
struct KeyHome {
  TempDir directory;

  Environment rings{keys_below(directory.path().string())};
  Environment passphrase{"SIFKIT_PASSPHRASE", "secret"};

  std::string at(const std::string& name) const { return (directory / name).string(); }

  std::string make(const std::string& name) const {
    const auto made = run_cli({"key", "newpair", "--json", "--name", name});
    REQUIRE(made.code == 0);
    return Json::parse(made.out)["key"]["fingerprint"];
  }
};

}  // namespace sifkit::testing
