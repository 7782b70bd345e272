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

/// The verbs and groups below `group` that `--help` lists, in its order.
std::vector<const CLI::App*> listed_verbs(const CLI::App& group);

/// Whether it is the program itself or a verb that has others below it.
bool is_group(const CLI::App& app);

/// The options that `--help` lists.
std::vector<OptionInfo> options_of(const CLI::App& app);

/// Every verb that does something, in the order of `--help`.
std::vector<VerbInfo> verbs_of(const CLI::App& root);

}  // namespace sifkit::cli
