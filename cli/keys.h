// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/sif/integrity.h>

#include "commands.h"

namespace sifkit::cli {

/// Options of the verbs that sign.
struct KeyArguments {
  std::string file;
  std::string which;
  std::string passphrase_file;
  int passphrase_fd = -1;
};

void add_key_options(CLI::App& verb, KeyArguments& arguments);

/// The key that the options name; Apptainer's ring of secret keys without `--key`. A passphrase comes from the options,
/// SIFKIT_PASSPHRASE, or the terminal.
sif::SigningKey signing_key(const KeyArguments& arguments, const Session& session);

/// Keys to verify with: those given, else Apptainer's own ring and the site's.
sif::TrustedKeys trusted_keys(const std::vector<std::string>& files);

}  // namespace sifkit::cli
