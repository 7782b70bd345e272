// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace sifkit::cli {

/// Where a passphrase comes from: these, then SIFKIT_PASSPHRASE, then the terminal.
struct PassphraseArguments {
  std::string file;
  int fd = -1;
};

void add_passphrase_options(CLI::App& verb, PassphraseArguments& arguments);

/// The passphrase of a key that is there; `key` names it in the question.
std::string passphrase(const PassphraseArguments& arguments, std::string_view key, const std::stop_token& stop);

/// A passphrase for a new key; a terminal is asked twice. Never empty.
std::string new_passphrase(const PassphraseArguments& arguments, const std::stop_token& stop);

enum class Echo : bool { no, yes };

/// Asks the terminal, not standard input, for a line. Without a terminal it throws denied: `without` says what is missing,
/// `hint` what to do about it.
std::string ask_terminal(std::string_view question, Echo echo, const std::stop_token& stop, std::string_view without, std::string_view hint);

}  // namespace sifkit::cli
