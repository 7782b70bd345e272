// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <sifkit/inspect/check.h>

namespace sifkit::check {

/// The level of x86-64 that the C library of a distribution needs, by its os-release; 0 where that does not tell. For
/// libraries without a note of it (ElfFile::processor_level).
unsigned level_of_distribution(std::string_view os_release);

/// "x86-64-v2"; "" for what every processor has.
std::string level_text(unsigned level);

/// Nearly every processor in use has the second level (2009 and later), not so the third.
Severity severity_of_level(unsigned level) noexcept;

}  // namespace sifkit::check
