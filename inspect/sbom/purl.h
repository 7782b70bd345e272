// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sifkit::sbom {

/// The parts of a package URL, not yet encoded.
struct Purl {
  std::string type;   ///< "deb", "pypi", …
  std::string space;  ///< the namespace; '/' separates its parts
  std::string name;
  std::string version;
  std::vector<std::pair<std::string, std::string>> qualifiers;  ///< empty ones are left out

  /// "pkg:type/namespace/name@version?qualifiers", with the lower case that the type asks for.
  std::string text() const;
};

/// A name as PyPI compares it: lower case, each run of '-', '_' and '.' one '-'.
std::string python_name(std::string_view name);

}  // namespace sifkit::sbom
