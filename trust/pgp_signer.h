// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sifkit/core/bytes.h>

#include "pgp_key_packet.h"

namespace sifkit::trust {

/// A clear-signed message over `text` in the byte form of Apptainer: one version 4 packet over text, everything in its
/// hashed area, SHA-256 (SHA-384 and SHA-512 for P-384 and P-521). `fingerprint` is that of the key, 20 bytes; `created`
/// are seconds since 1970. A salt makes every signature another one; Apptainer wrote none before 2023. Throws
/// unsupported for a key that is too weak or of a kind that no reader of SIF files knows.
std::string clear_sign(std::string_view text, const PgpKeyPacket& key, ByteView fingerprint, std::uint32_t created, bool salted = true);

}  // namespace sifkit::trust
