// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sifkit::oci {

/// The target of the first link of a relation in a Link header (RFC 8288), as it is written: "next" of
/// `</first>; rel=first, </second>; rel="prev next"` is "/second".
std::optional<std::string> target_of_link(std::string_view header, std::string_view relation);

}  // namespace sifkit::oci
