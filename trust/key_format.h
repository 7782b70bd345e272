// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/core/bytes.h>

namespace sifkit::trust {

/// Refuses what is a key, a certificate or a text in a form that is not read here: names it, with the command that makes
/// it PEM or OpenPGP. `name` is the file's. Whatever else it is passes.
void refuse_other_key_formats(ByteView bytes, std::string_view name);

}  // namespace sifkit::trust
