// SPDX-License-Identifier: Apache-2.0
//
// A file that is changed by one program at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include <sifkit/core/export.h>
#include <sifkit/core/file.h>

namespace sifkit {

/// How long who changes a file waits for another one that does.
inline constexpr std::chrono::milliseconds kLockTimeout{10'000};

/// Opens a regular file by `open` and locks it (File::try_lock), and makes sure that it still has its name then: who had it
/// before may have replaced it. Throws io where another program keeps it longer than `timeout`. Errors call it `shown`.
SIFKIT_API std::shared_ptr<File> open_locked(const std::filesystem::path& path, File (*open)(const std::filesystem::path&),
                                             const std::string& shown, std::chrono::milliseconds timeout,
                                             const OperationContext& operation);

/// Whether `path` names this open file.
SIFKIT_API bool has_name(const File& file, const std::filesystem::path& path);

}  // namespace sifkit
