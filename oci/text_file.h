// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace sifkit::oci {

/// The text of a small file that another program keeps; nothing where it is not there. Throws limit over 4 MiB, and what
/// else keeps it from being read.
std::optional<std::string> read_text_file(const std::filesystem::path& path);

}  // namespace sifkit::oci
