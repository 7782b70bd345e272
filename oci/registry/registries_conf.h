// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sifkit/core/operation.h>

#include "registry_name.h"

namespace sifkit::oci {

/// Where an image is asked for.
struct RegistryPlace {
  RegistryName name;
  bool insecure = false;  ///< any certificate will do, and so will no TLS
};

/// What containers-registries.conf(5) says of registries, version 2: mirrors, other locations, blocked ones. The user's
/// file stands in for the system's; CONTAINERS_REGISTRIES_CONF for all.
class RegistriesConf {
 public:
  /// Throws malformed for a file that is no TOML or says what it may not. A file of version 1 is told and passed over.
  static RegistriesConf load(Logger& logger);

  /// Adds a file; what is said of a prefix again replaces what was.
  void add(const std::filesystem::path& path, Logger& logger);

  /// The mirrors that may be asked for the image, in their order, and at last the registry itself. Throws denied where
  /// it is blocked.
  std::vector<RegistryPlace> places(const RegistryName& name) const;

 private:
  enum class PullFrom { all, digest_only, tag_only };
  struct Mirror {
    std::string location;
    bool insecure = false;
    PullFrom from = PullFrom::all;
  };
  struct Registry {
    std::string location;  ///< in place of the prefix; empty: as it is
    bool insecure = false;
    bool blocked = false;
    bool mirrors_by_digest_only = false;
    std::vector<Mirror> mirrors;
    std::string file;
  };

  std::map<std::string, Registry> registries_;  ///< by prefix
};

}  // namespace sifkit::oci
