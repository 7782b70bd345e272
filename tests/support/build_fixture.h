// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/json.h>

#include "support/catch.h"
#include "support/cli_run.h"
#include "support/image_shapes.h"
#include "support/temp_dir.h"

namespace sifkit::testing {

/// A directory with an image in it, and sifkit run there.
struct BuildFixture {
  TempDir directory;
  TestImage image = small_image();

  BuildFixture() { write_file(directory / "app.tar", as_tar(docker_24(image))); }

  std::string at(const std::string& name) const { return (directory / name).string(); }

  CliResult build(const std::string& output, const std::string& source, std::vector<std::string> more = {}) const {
    std::vector<std::string> args{"build", at(output), source};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
  }

  /// The image's bytes but for what names the source.
  std::string tree_of(const std::string& output) const {
    const auto result = run_cli({"ls", "--json", "-R", at(output)});
    REQUIRE(result.code == 0);
    Json files = Json::parse(result.out)["files"];
    for (auto& file : files) {
      const std::string path = file["path"];
      if (path == "/.singularity.d/labels.json" || path == "/.singularity.d/Singularity") file["size"] = 0;
    }
    return files.dump();
  }
};

}  // namespace sifkit::testing
