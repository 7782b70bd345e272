// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "catch.h"
#include "cli_run.h"
#include "registry_fixture.h"

namespace sifkit::testing {

/// A SIF file, a server in this process that may have it, and a directory that everything is pulled to.
struct PullFixture : RegistryFixture {
  std::string sif;  ///< a file's bytes

  PullFixture() {
    const auto path = (home / "made.sif").native();
    write_file(home / "made.tar", as_tar(docker_24(small_image())));
    REQUIRE(run_cli({"build", "-q", path, (home / "made.tar").native()}).code == 0);
    sif = read_file(path);
    std::filesystem::create_directory(home / "out");
  }

  static Json manifest_of(const std::string& bytes,
                          const std::string& type = "application/vnd.sylabs.sif.layer.v1.sif") {
    return {{"schemaVersion", 2},
            {"config",
             {{"mediaType", "application/vnd.sylabs.sif.config.v1+json"},
              {"size", 2},
              {"digest", digest_of(as_bytes(std::string("{}"))).text()}}},
            {"layers", Json::array({{{"mediaType", type},
                                     {"size", bytes.size()},
                                     {"digest", digest_of(as_bytes(bytes)).text()},
                                     {"annotations", {{"org.opencontainers.image.title", "../../evil.sif"}}}}})}};
  }

  CliResult pull(const std::string& uri, const std::vector<std::string>& more = {}) {
    std::vector<std::string> args{"pull", "--no-https", "--retry-delay", "0", "--dir", (home / "out").native(), uri};
    args.insert(args.end(), more.begin(), more.end());
    return run_cli(args);
  }
  std::string oras(const std::string& name) const { return "oras://" + server.place() + "/" + name; }
  /// The names in the directory that everything is pulled to.
  std::vector<std::string> there() const {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(home / "out"))
      out.push_back(entry.path().filename().native());
    return out;
  }
};

}  // namespace sifkit::testing
