// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/core/json.h>

namespace sifkit::sbom {

/// A JSON document as JavaScript and Python read it: with a byte order mark or not, of two members of a name the last.
/// Throws malformed, and limit for one that is too deep.
Json read_document(std::string_view text);

}  // namespace sifkit::sbom
