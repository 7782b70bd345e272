// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <sifkit/core/operation.h>
#include <sifkit/layers/flattener.h>
#include <sifkit/layers/tree.h>

#include "program_probe.h"

namespace sifkit {

/// What `check_runtime` is told of an image beside its files.
struct RuntimeCheckInput {
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  std::vector<std::string> env;  ///< NAME=VALUE; the last of a name counts
  std::string working_dir;
  std::string architecture;  ///< of the image; "" where nothing is to be said of it
  bool configured = false;   ///< the image has a configuration, so that to start nothing is odd
  std::size_t layers = 0;
  std::vector<layers::Flattener::ReplacedLink> replaced_links;
};

/// Warns of what works, or would be found at once, in Docker and fails when a runtime of SIF files starts the
/// container: as an ordinary user, in a directory of the host, with the host's own directories over some of the
/// image's. Never of what works.
void check_runtime(const layers::Tree& tree, const ProgramProbe& probe, const RuntimeCheckInput& input,
                   WarningList& warnings);

}  // namespace sifkit
