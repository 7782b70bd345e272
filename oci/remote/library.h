// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sifkit::oci {

/// A container of a library, as users name it: `library://[HOST/][[ENTITY/]COLLECTION/]NAME[:TAG]`. A tag
/// `sha256.HEX` is a digest.
struct LibraryName {
  std::string host;  ///< empty: the library that is set
  std::string path;  ///< "entity/collection/name"; the library fills in what is left out
  std::string name;
  std::string tag = "latest";

  /// Throws usage and says what is wrong. `source` is the whole text for the error.
  static LibraryName parse(std::string_view text, std::string_view source);
};

}  // namespace sifkit::oci
