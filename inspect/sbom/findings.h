// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sifkit/core/bytes.h>
#include <sifkit/core/operation.h>
#include <sifkit/inspect/sbom.h>

#include "purl.h"

namespace sifkit::sbom {

/// A package as a cataloger finds it.
struct Found {
  Purl purl;
  std::string name;        ///< for people; empty: that of the purl
  std::string version;     ///< for people; empty: that of the purl
  bool of_system = false;  ///< namespace and `distro` of its purl come from os-release
  std::string license;
  std::string supplier;
  std::string homepage;
  std::vector<std::pair<std::string, std::string>> properties = {};
};

/// Takes what catalogers find. Packages of one purl become one with several locations.
class Findings {
 public:
  explicit Findings(WarningList& warnings) : warnings_(warnings) {}

  /// Runs `parse` over a file of the image; what it adds is found by `kind` at `path`. Its Error is a warning.
  void read(std::string_view kind, const std::string& path, const std::function<void()>& parse);
  /// The same for a file of several names, which is parsed once: what `parse` adds and warns of is found at each.
  void read_once(std::string_view kind, const std::vector<std::string>& paths, const std::function<void()>& parse);
  /// Something is wrong with the file that is being read, but it goes on.
  void warn(const std::string& text);
  /// Of the file that is being read. A package without a name is passed over.
  void add(Found found);

  Distribution distribution;

  /// What was found, in the order of purls.
  std::vector<Package> packages();

  static constexpr std::size_t kMaxPackages = 1u << 20;

 private:
  struct Entry {
    Found found;
    std::string kind;
    std::string path;
  };

  WarningList& warnings_;
  std::string kind_;
  std::string path_;
  std::vector<Entry> entries_;
  std::vector<std::string> said_;  ///< by `warn`, of the file that is being read
};

/// "Person: NAME (MAIL)" of "NAME <MAIL>".
std::string person(std::string_view text);
/// "Organization: NAME"; nothing for an empty name.
std::string organization(std::string_view name);

}  // namespace sifkit::sbom
