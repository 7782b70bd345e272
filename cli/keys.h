// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/sif/integrity.h>

#include "commands.h"

namespace sifkit::cli {

/// Options of the verbs that sign.
struct KeyArguments {
  std::vector<std::string> files;
  std::string which;
  std::optional<std::size_t> index;
  std::string passphrase_file;
  int passphrase_fd = -1;
};

void add_key_options(CLI::App& verb, KeyArguments& arguments);

/// The keys that the options name; else SIFKIT_SIGN_KEY, else Apptainer's ring of secret keys. A passphrase comes from the options,
/// SIFKIT_PASSPHRASE, or the terminal.
std::vector<sif::SigningKey> signing_keys(const KeyArguments& arguments, const Session& session);

/// Keys to verify with: those given, else Apptainer's own ring and the site's.
sif::TrustedKeys trusted_keys(const std::vector<std::string>& files);

}  // namespace sifkit::cli
