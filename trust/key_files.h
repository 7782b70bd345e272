// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include <sifkit/core/bytes.h>
#include <sifkit/core/file.h>
#include <sifkit/trust/pgp_key.h>

namespace sifkit::trust {

/// The bytes of a file that decides what is trusted: a ring, or a policy, which is read as a ring of public keys is. What the
/// file and its directory must be like is checked on what was opened: a regular file that is the user's own (or root's, for
/// public keys), written by nobody else, and, for secret keys, readable by nobody else either.
Bytes read_guarded(const std::filesystem::path& path, KeyPart part);

/// Makes a directory, and those above it, for the user alone whatever the umask; one that is there is left as it is.
void make_private_directory(const std::filesystem::path& directory);

/// The lock of a directory of keys, held as long as the object lives (`File::try_lock`). The directory is made if it is not there.
class DirectoryLock {
 public:
  explicit DirectoryLock(const std::filesystem::path& directory);

 private:
  File file_;
};

/// Refuses a directory that anybody else may look into.
void check_private_directory(const std::filesystem::path& directory);

/// Replaces or makes a file of mode 0600 in one step.
void write_private_file(const std::filesystem::path& path, ByteView bytes);

}  // namespace sifkit::trust
