// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sifkit/core/export.h>
#include <sifkit/inspect/sbom.h>

namespace sifkit::inspect {

/// A package that one of two images lacks, or has in another version.
struct PackageChange {
  std::string kind;  ///< of package: "dpkg", "python", …
  std::string name;  ///< with its architecture, "x (i686)", where one image has it for several
  std::vector<std::string> before;  ///< versions that the second image does not have, sorted; empty: it was added
  std::vector<std::string> after;   ///< versions that the first does not have; empty: it was removed
};

/// What makes the second image's packages of the first's, sorted by kind and name.
SIFKIT_API std::vector<PackageChange> package_diff(const sbom::Inventory& first, const sbom::Inventory& second);

}  // namespace sifkit::inspect
