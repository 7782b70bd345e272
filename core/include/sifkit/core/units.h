// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include <sifkit/core/export.h>

namespace sifkit {

/// "1023 B", "1.0 KiB", "5.0 TiB": what would be shown as 1024.0 of a unit is 1.0 of the next.
SIFKIT_API std::string human_bytes(std::uint64_t bytes);

}  // namespace sifkit
