// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "app.h"

namespace sifkit::testing {

/// What a command printed and how it ended.
struct CliResult {
  int code = 0;
  std::string out;
  std::string err;
};

/// Runs a whole command in process, as if off a terminal.
inline CliResult run_cli(const std::vector<std::string>& args, int in = 0) {
  std::ostringstream out;
  std::ostringstream err;
  cli::Console io{.out = out, .err = err, .in = in};
  const int code = cli::run(args, io);
  return {code, out.str(), err.str()};
}

}  // namespace sifkit::testing
