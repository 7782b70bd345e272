// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <sifkit/core/json.h>

namespace sifkit::oci {

/// The one document of a YAML text, every scalar as its text: what it may mean is the reader's to say. Null where there
/// is none. Throws malformed for what is no YAML, and for what refers to other parts of it (anchors), nests deeply or
/// names a key twice. `what` names the text in errors.
Json parse_yaml(std::string_view text, std::string_view what);

}  // namespace sifkit::oci
