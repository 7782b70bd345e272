// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/json.h>

#include "support/build_fixture.h"

namespace sifkit::testing {

/// A SIF to be edited, and files to put into it.
struct Edited : BuildFixture {
  std::string sif = at("app.sif");

  Edited() {
    REQUIRE(build("app.sif", at("app.tar"), {"-q", "--label", "old=1", "--label", "stays=2"}).code == 0);
    write_file(directory / "run", "#!/bin/sh\necho edited\n");
    write_file(directory / "definition", "Bootstrap: scratch\n");
    write_file(directory / "new", std::string(300000, 'n'));
  }

  CliResult edit(std::vector<std::string> words, const std::string& name = "app.sif") const {
    words.insert(words.begin(), {"edit", at(name)});
    return run_cli(words);
  }
  std::string cat(const std::string& path) const { return run_cli({"cat", sif, path}).out; }
  /// The OCI configuration of an image.
  static Json oci_config(const std::string& image) {
    const auto result = run_cli({"inspect", "--oci", image});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return Json::parse(result.out);
  }
};

}  // namespace sifkit::testing
