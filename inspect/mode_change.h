// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sifkit::inspect {

/// The permission bits that chmod(1) would give a file that has none, with no umask: "4755", "u=rw,g+r", "-" for none.
/// Nothing for a text that is no mode.
std::optional<std::uint32_t> mode_bits(std::string_view text);

}  // namespace sifkit::inspect
