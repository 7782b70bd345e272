// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include <sifkit/core/file.h>
#include <sifkit/core/operation.h>
#include <sifkit/core/stream.h>

namespace sifkit::oci {

/// A directory on disk as a tar stream, names in the order of their bytes: owners, modes, times, attributes, devices and
/// hard links as they are, however long a path is. Sockets, and attributes that cannot be read, are left out with a
/// warning. Links are never followed. `directory` is open at `path`; `warnings` outlives the source.
std::unique_ptr<Source> open_directory_tar(UniqueFd directory, const std::filesystem::path& path, WarningList& warnings);

}  // namespace sifkit::oci
