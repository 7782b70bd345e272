// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <sifkit/trust/sign.h>
#include <sifkit/trust/trusted_keys.h>

#include "commands.h"
#include "passphrase.h"

namespace sifkit::cli {

inline constexpr std::uint64_t kMaxKeyBytes = 16u << 20;  ///< of a file of keys

/// Options of the verbs that sign.
struct KeyArguments {
  std::vector<std::string> files;
  std::string which;
  std::optional<std::size_t> index;
  PassphraseArguments passphrase;
};

void add_key_options(CLI::App& verb, KeyArguments& arguments);

/// The keys that the options name; else SIFKIT_SIGN_KEY; else one of the user's ring of secret keys, or of Apptainer's. A
/// passphrase comes from the options, SIFKIT_PASSPHRASE, or the terminal.
std::vector<trust::SigningKey> signing_keys(const KeyArguments& arguments, const Session& session);

/// Keys to verify with: those given, else the rings of the user, Apptainer's too, and of the site. `at` as in TrustedKeys.
trust::TrustedKeys trusted_keys(const std::vector<std::string>& files, std::optional<std::int64_t> at);

/// The first user id of each key in the public rings that can be read, by fingerprint. Whether a key is good is another
/// question.
std::map<std::string, std::string> names_of_known_keys();

}  // namespace sifkit::cli
