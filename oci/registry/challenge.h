// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sifkit::oci {

/// One way to show who one is that a WWW-Authenticate header offers (RFC 9110, section 11).
struct Challenge {
  std::string scheme;                                           ///< lower case
  std::vector<std::pair<std::string, std::string>> parameters;  ///< names in lower case

  /// The value of a parameter; empty where it is absent.
  std::string_view value(std::string_view name) const;
};

/// All challenges of one header. What does not follow the grammar ends it.
std::vector<Challenge> parse_challenges(std::string_view header);

}  // namespace sifkit::oci
