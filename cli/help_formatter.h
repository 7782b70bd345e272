// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace sifkit::cli {

/// The group of options that every verb has.
inline constexpr const char* kCommonOptions = "Common options";

/// How `--help` looks: the whole command in the usage line, arguments by the words that they have there, at most 80
/// columns, the options that every verb has last.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_positionals(const CLI::App* app) const override;
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_subcommand(const CLI::App* verb) const override;
};

/// "sifkit sif list"
std::string full_name(const CLI::App* app);

/// "[OUT] SRC..."
std::string argument_words(const CLI::App* verb);

/// "Usage: sifkit sif list FILE [options]"
std::string usage_line(const CLI::App* app);

}  // namespace sifkit::cli
