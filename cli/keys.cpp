// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <sifkit/core/error.h>
#include <sifkit/core/resources.h>
#include <sifkit/trust/default_keys.h>

#include "process.h"

namespace sifkit::cli {

void add_key_options(CLI::App& verb, KeyArguments& arguments) {
  verb.add_option("--key", arguments.files, "A PEM private key or OpenPGP secret keys (may be given again; default: your ring of secret keys, else Apptainer's, else SingularityCE's)")
      ->type_name("KEYFILE")
      ->allow_extra_args(false);
  verb.add_option("--key-name", arguments.which, "Which key of a ring: fingerprint, long key ID, email or a part of a user id; a subkey by its fingerprint")->type_name("NAME");
  add_passphrase_options(verb, arguments.passphrase);
}

bool is_to_sign(bool sign, const KeyArguments& arguments) {
  if (sign || !arguments.files.empty()) return true;
  const auto& from = arguments.passphrase;
  if (!arguments.which.empty() || arguments.index || !from.file.empty() || from.fd >= 0)
    throw Error(ErrorKind::usage, "a key or its passphrase is given, and nothing is to be signed", "add --sign");
  return false;
}

std::vector<trust::SigningKey> signing_keys(const KeyArguments& arguments, const Session& session) {
  forbid_core_dumps();
  auto files = arguments.files;
  if (const auto named = environment("SIGN_KEY"); files.empty() && named) files = {*named};
  trust::SigningKey choice;
  choice.which = arguments.which;
  choice.index = arguments.index;
  choice.passphrase = [from = arguments.passphrase, stop = session.io.stop](std::string_view key) { return passphrase(from, key, stop); };
  return trust::keys_to_sign(files, choice);
}

}  // namespace sifkit::cli
