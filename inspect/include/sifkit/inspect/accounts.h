// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <sifkit/core/export.h>
#include <sifkit/layers/file_system.h>

namespace sifkit::inspect {

/// The names of an image's users or groups.
struct Accounts {
  std::map<std::string, std::uint32_t, std::less<>> ids;
  std::map<std::uint32_t, std::string> names;  ///< the first that an id has
};

/// Of /etc/passwd or /etc/group in the image; none where that is missing or no file. Lines that are none are passed over.
SIFKIT_API Accounts read_accounts(layers::FileSystem& files, bool users);

/// What the image itself calls owners.
struct OwnerNames {
  Accounts users;
  Accounts groups;
};

SIFKIT_API OwnerNames read_owner_names(layers::FileSystem& files);

}  // namespace sifkit::inspect
