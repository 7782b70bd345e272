// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace sifkit::cli {

struct OptionInfo {
  std::vector<std::string> names;  ///< "-F", "--force"; empty for an argument
  std::string type;                ///< of the value; empty for a flag
  std::string description;
};

/// A verb as `--help`, the manual page and the completions show it. All of them come from here, so they agree.
struct VerbInfo {
  std::vector<std::string> path;  ///< {"sif", "list"}
  std::string description;
  std::string arguments;  ///< "OUT SRC"
  std::vector<OptionInfo> options;
  std::vector<OptionInfo> positionals;
};

/// Every verb that does something, in the order of `--help`.
std::vector<VerbInfo> verbs_of(CLI::App& root);

}  // namespace sifkit::cli
