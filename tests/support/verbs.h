// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "support/cli_run.h"

namespace sifkit::testing {

/// The verbs that --help lists, with those of groups ("sif list"), in its order.
inline std::vector<std::vector<std::string>> verbs_below(const std::vector<std::string>& group = {}) {
  auto asked = group;
  asked.push_back("--help");
  std::istringstream help(run_cli(asked).out);
  std::vector<std::vector<std::string>> out;
  std::string line;
  while (std::getline(help, line) && line != "Subcommands:") {
  }
  while (std::getline(help, line) && line.starts_with("  ")) {
    if (line.starts_with("   ")) continue;  // of a description that is folded
    auto verb = group;
    verb.push_back(line.substr(2, line.find(' ', 2) - 2));
    const auto inner = verbs_below(verb);
    if (inner.empty()) {
      out.push_back(verb);
    } else {
      out.insert(out.end(), inner.begin(), inner.end());
    }
  }
  return out;
}

}  // namespace sifkit::testing
