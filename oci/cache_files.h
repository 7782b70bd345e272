// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <sifkit/core/digest.h>

namespace sifkit::oci {

/// Of what a name is for, not of what a link there leads to; nothing where there is none.
std::optional<struct stat> status_of(const std::filesystem::path& path);

/// The names below a directory, sorted. None of one that is absent: another process may have it made, or removed, at any
/// moment. Throws where it cannot be read, or is none.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& directory);

/// An image is called KEY-DIGEST: what it was made of, and what it is.
std::optional<std::pair<std::string, std::string>> parts_of_image_name(const std::string& name);

/// Nothing where the words are no digest.
std::optional<Digest> parsed_digest(const std::string& algorithm, const std::string& hex);

}  // namespace sifkit::oci
