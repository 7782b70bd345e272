// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/trust/default_keys.h>
#include <sifkit/trust/sign.h>

#include "commands.h"
#include "passphrase.h"

namespace sifkit::cli {

/// Options of the verbs that sign.
struct KeyArguments {
  std::vector<std::string> files;
  std::string which;
  std::optional<std::size_t> index;
  PassphraseArguments passphrase;
};

void add_key_options(CLI::App& verb, KeyArguments& arguments);

/// Whether a verb that signs on request is to: with --sign, or --key. Throws usage for what says how and not that.
bool is_to_sign(bool sign, const KeyArguments& arguments);

/// The keys that the options name; else SIFKIT_SIGN_KEY; else one of the user's ring of secret keys, or of Apptainer's. A
/// passphrase comes from the options, SIFKIT_PASSPHRASE, or the terminal.
std::vector<trust::SigningKey> signing_keys(const KeyArguments& arguments, const Session& session);

}  // namespace sifkit::cli
