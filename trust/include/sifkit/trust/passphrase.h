// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sifkit::trust {

/// Gives the passphrase of a locked private key; `key` says whose ("Ada <ada@example.org>, 1204…BA84" or a file name).
/// It throws (ErrorKind::denied) where there is none to give. Called on the thread that runs the operation, and only
/// when a passphrase is needed. The text is wiped after use.
using PassphraseSource = std::function<std::string(std::string_view key)>;

}  // namespace sifkit::trust
