// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sifkit/core/export.h>
#include <sifkit/core/limits.h>

/// What users write for the values of options, wherever they write it.
namespace sifkit {

/// A number with K, M, G or T (powers of 1024, in either case) behind it or not; nothing where it does not fit.
SIFKIT_API std::optional<std::uint64_t> scaled_number(std::string_view text) noexcept;

/// What a variable of the environment says: Go's words for a truth, which Apptainer takes, and "yes" and "no"; nothing is
/// "no". Throws usage for another word, which is no "no": nobody would be asked.
SIFKIT_API bool truth_of_variable(std::string_view name, std::string_view value);

/// "archive_members, decoder_window, …"
SIFKIT_API std::string names_of_adjustable_limits();

/// Sets the limit that a text like "image_bytes=32T" names. Throws usage.
SIFKIT_API void set_limit(Limits& limits, std::string_view text);

}  // namespace sifkit
