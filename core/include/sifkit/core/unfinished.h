// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <sifkit/core/export.h>

namespace sifkit {

/// Removes a file, or a directory and everything in it, as far as the account may. Links are never followed.
SIFKIT_API void remove_tree(const std::filesystem::path& path) noexcept;

/// A hidden file or directory that must not outlive the process, known to `remove_unfinished` while the object lives. Made
/// before the thing itself.
class SIFKIT_API UnfinishedPath {
 public:
  explicit UnfinishedPath(std::string path);
  ~UnfinishedPath();
  UnfinishedPath(const UnfinishedPath&) = delete;
  UnfinishedPath& operator=(const UnfinishedPath&) = delete;

 private:
  std::string path_;
};

/// Removes everything that an UnfinishedPath names, and lets nobody make another: threads that go on wait for ever. For a
/// program that ends right after. Needs no memory. Not from a signal handler.
SIFKIT_API void remove_unfinished() noexcept;

}  // namespace sifkit
